#ifndef DUNLIN_SYNC_CLOCK_CORRECTION_H_
#define DUNLIN_SYNC_CLOCK_CORRECTION_H_

#include "absl/time/time.h"

namespace dunlin {

// What to add to a clock that showed `answered` when the answer came that Redis' clock showed `redis_time`. Redis is
// taken to have looked in the middle of the call; half of its duration, told by a clock that does not step, is the
// error.
absl::Duration ClockCorrection(absl::Duration round_trip, absl::Time answered, absl::Time redis_time);

}  // namespace dunlin

#endif  // DUNLIN_SYNC_CLOCK_CORRECTION_H_
