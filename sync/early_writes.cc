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
    after_revision_ = after_revision;
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
    if (MayBeInOutbox(*change, store_id_)) {
      outbox_revision_ = std::max(outbox_revision_, change->revision);
    }
  }
  return changes.back()->revision > taken_revision_;
}

absl::optional<ChangePage> EarlyWrites::Take(const Mirror::ReadOutbox& read, uint64_t refill_revision) {
  // What was taken before is asked for again: it has not got to Redis.
  taken_revision_ = std::min(taken_revision_, read.after_revision);
  const bool follow =
      read.after_revision >= std::max(outbox_before_, refill_revision) && read.after_revision <= after_revision_;
  if (changes_.empty() || !follow) {
    return absl::nullopt;
  }
  ChangePage page;
  page.covered_revision = changes_.back()->revision;
  page.complete = page.covered_revision == revision_;
  // Of each key the last one has taken the place of the others.
  absl::flat_hash_set<absl::string_view> keys;
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    if (keys.insert((*change)->key).second) {
      page.changes.push_back(**change);
    }
  }
  std::reverse(page.changes.begin(), page.changes.end());
  taken_revision_ = page.covered_revision;
  changes_.clear();
  return page;
}

}  // namespace dunlin
