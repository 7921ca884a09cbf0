#ifndef DUNLIN_STORAGE_RECENT_CHANGES_H_
#define DUNLIN_STORAGE_RECENT_CHANGES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "storage/change.h"
#include "storage/selector.h"

namespace dunlin {

// RecentChanges holds the latest change of each key that has changed of late, in the order of revisions: what a reader
// has to be told who has fallen behind by a little, without the store, and as the same objects that all others are
// told. It is conflated: of a key that changes again, the earlier change goes.
//
// It holds at most kRecentChangesMax changes and kRecentChangesMaxBytes; then it forgets the earliest, and reaches back
// less far.
//
// Thread-safety: one thread at a time.
class RecentChanges {
 public:
  // Holds nothing, and reaches back to `revision`.
  void Restart(uint64_t revision);

  // All that was committed after what was added last.
  void Add(absl::Span<const ChangePtr> changes);

  struct Page {
    std::vector<ChangePtr> changes;
    // Everything that matches, up to here, is in the page or has been replaced by something later.
    uint64_t covered_revision = 0;
    // Whether there is nothing after covered_revision.
    bool complete = false;
  };

  // Returns what has changed after `after_revision` and matches `selection`: at most `changes_max`, and about
  // `size_max_bytes`, but looks at no more than kRecentChangesRead. Nothing if it does not reach back so far.
  absl::optional<Page> Read(uint64_t after_revision, const Selection& selection, size_t changes_max,
                            size_t size_max_bytes) const;

  size_t size() const { return by_revision_.size(); }
  size_t size_bytes() const { return size_bytes_; }

 private:
  void Erase(std::map<uint64_t, ChangePtr>::iterator change);

  // It reaches back to here: of each key that has changed later, it has the latest change.
  uint64_t reaches_back_to_ = 0;
  // Up to which revision all has been added.
  uint64_t revision_ = 0;
  std::map<uint64_t, ChangePtr> by_revision_;
  // The revision of each key's change, whose bytes the key is a view of.
  absl::flat_hash_map<absl::string_view, uint64_t> revisions_;
  size_t size_bytes_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_RECENT_CHANGES_H_
