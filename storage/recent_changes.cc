#include "storage/recent_changes.h"

#include <algorithm>

#include "storage/limits.h"

namespace dunlin {

void RecentChanges::Restart(uint64_t revision) {
  revisions_.clear();
  by_revision_.clear();
  size_bytes_ = 0;
  reaches_back_to_ = revision;
  revision_ = revision;
}

void RecentChanges::Add(absl::Span<const ChangePtr> changes) {
  for (const ChangePtr& change : changes) {
    if (const auto earlier = revisions_.find(change->key); earlier != revisions_.end()) {
      Erase(by_revision_.find(earlier->second));
    }
    by_revision_.emplace_hint(by_revision_.end(), change->revision, change);
    revisions_.emplace(change->key, change->revision);
    size_bytes_ += change->SizeBytes();
    revision_ = change->revision;
  }
  while (by_revision_.size() > kRecentChangesMax || size_bytes_ > kRecentChangesMaxBytes) {
    reaches_back_to_ = by_revision_.begin()->first;
    Erase(by_revision_.begin());
  }
}

void RecentChanges::Erase(std::map<uint64_t, ChangePtr>::iterator change) {
  size_bytes_ -= change->second->SizeBytes();
  revisions_.erase(change->second->key);
  by_revision_.erase(change);
}

absl::optional<RecentChanges::Page> RecentChanges::Read(uint64_t after_revision, const Selection& selection,
                                                        size_t changes_max, size_t size_max_bytes) const {
  if (after_revision < reaches_back_to_) {
    return absl::nullopt;
  }
  Page page;
  page.covered_revision = after_revision;
  size_t size = 0;
  size_t seen = 0;
  for (auto change = by_revision_.upper_bound(after_revision); change != by_revision_.end(); ++change) {
    if (page.changes.size() >= changes_max || size >= size_max_bytes || seen >= kRecentChangesRead) {
      return page;
    }
    ++seen;
    if (selection.Matches(change->second->key)) {
      page.changes.push_back(change->second);
      size += change->second->SizeBytes();
    }
    page.covered_revision = change->first;
  }
  page.covered_revision = std::max(after_revision, revision_);
  page.complete = true;
  return page;
}

}  // namespace dunlin
