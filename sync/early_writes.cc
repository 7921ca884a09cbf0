#include "sync/early_writes.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "storage/limits.h"

namespace dunlin {

void EarlyWrites::Begin(uint64_t revision) {
  outbox_revision_ = std::max(outbox_revision_, revision);
  revision_ = std::max(revision_, revision);
}

void EarlyWrites::OnWritten(absl::Span<const ChangePtr> changes, uint64_t after_revision) {
  if (changes_.empty() || changes_.back()->revision != after_revision) {
    changes_.clear();
    size_bytes_ = 0;
    outbox_before_ = outbox_revision_;
  }
  for (const ChangePtr& change : changes) {
    changes_.push_back(change);
    size_bytes_ += change->SizeBytes();
  }
  outbox_revision_ = changes.back()->revision;
  revision_ = outbox_revision_;
  if (changes_.size() > kMirrorBatchEntriesMax || size_bytes_ > kMirrorBatchMaxBytes) {
    changes_.clear();
  }
}

bool EarlyWrites::OnCommitted(absl::Span<const ChangePtr> changes) {
  revision_ = std::max(revision_, changes.back()->revision);
  for (const ChangePtr& change : changes) {
    if (change->unsent) {
      outbox_revision_ = std::max(outbox_revision_, change->revision);
    }
  }
  return changes.back()->revision > taken_revision_;
}

absl::optional<EarlyWrites::Taken> EarlyWrites::Take(const Mirror::ReadOutbox& read, uint64_t refill_revision) {
  // What was taken before is asked for again: it has not got to Redis.
  taken_revision_ = std::min(taken_revision_, read.after_revision);
  if (changes_.empty() || read.after_revision < std::max(outbox_before_, refill_revision)) {
    return absl::nullopt;
  }
  Taken taken;
  taken.changes.swap(changes_);
  // Of the groups that the store has shown meanwhile, the mirror may have read some.
  const auto first = std::find_if(taken.changes.begin(), taken.changes.end(),
                                  [&read](const ChangePtr& change) { return change->revision > read.after_revision; });
  taken.changes.erase(taken.changes.begin(), first);
  if (taken.changes.empty()) {
    return absl::nullopt;
  }
  taken_revision_ = taken.changes.back()->revision;
  taken.complete = taken_revision_ == revision_;
  return taken;
}

ChangePage EarlyWrites::PageOf(const Taken& taken) {
  ChangePage page;
  page.covered_revision = taken.changes.back()->revision;
  page.complete = taken.complete;
  // Of each key the last one has taken the place of the others.
  absl::flat_hash_set<absl::string_view> keys;
  for (auto change = taken.changes.rbegin(); change != taken.changes.rend(); ++change) {
    if (keys.insert((*change)->key).second) {
      page.changes.push_back(**change);
    }
  }
  std::reverse(page.changes.begin(), page.changes.end());
  return page;
}

}  // namespace dunlin
