#ifndef DUNLIN_SERVER_READER_LAG_H_
#define DUNLIN_SERVER_READER_LAG_H_

#include <cstdint>

#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace dunlin {

// ReaderLag tells for how long a reader has been behind, from what is seen of it now and then: where the store stood at
// some moment, and when the reader got there. While it is on its way, it is behind by the time since that moment, at
// least. Times are SteadyClock's.
//
// Thread-safety: one thread uses it.
class ReaderLag {
 public:
  // How a reader is seen to stand.
  struct Seen {
    // It has been told SYNCED. Before, what is behind is who tells it.
    bool synced = false;
    // It has taken everything that there was to be told.
    bool caught_up = false;
    // It has taken what it was told up to this revision, and the store is at that one.
    uint64_t taken = 0;
    uint64_t latest = 0;
  };

  void Update(const Seen& seen, absl::Time now) {
    if (seen.synced && milestone_.has_value() && !seen.caught_up && seen.taken < milestone_->revision) {
      return;
    }
    milestone_.reset();
    if (seen.synced && !seen.caught_up && seen.taken < seen.latest) {
      milestone_ = Milestone{seen.latest, now};
    }
  }

  // In the infinite future if it is not behind.
  absl::Time behind_since() const { return milestone_.has_value() ? milestone_->at : absl::InfiniteFuture(); }

 private:
  struct Milestone {
    uint64_t revision = 0;
    absl::Time at;
  };
  absl::optional<Milestone> milestone_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_READER_LAG_H_
