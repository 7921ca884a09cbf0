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
  // The reader has taken everything that there was to be said.
  void OnCaughtUp() { milestone_.reset(); }

  // The reader has taken what it was told up to revision `taken`, and the store is at `latest`.
  void Update(uint64_t taken, uint64_t latest, absl::Time now) {
    if (milestone_.has_value() && taken < milestone_->revision) {
      return;
    }
    milestone_.reset();
    if (taken < latest) {
      milestone_ = Milestone{latest, now};
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
