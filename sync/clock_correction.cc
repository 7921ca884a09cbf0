#include "sync/clock_correction.h"

namespace dunlin {

absl::Duration ClockCorrection(absl::Duration round_trip, absl::Time answered, absl::Time redis_time) {
  const absl::Duration error = round_trip / 2 + absl::Milliseconds(1);
  const absl::Duration difference = redis_time - (answered - round_trip / 2);
  // Within the error there is nothing to correct, and a clock that stands still is worth more than a closer one.
  return absl::AbsDuration(difference) > error ? difference : absl::ZeroDuration();
}

}  // namespace dunlin
