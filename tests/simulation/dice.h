#ifndef DUNLIN_TESTS_SIMULATION_DICE_H_
#define DUNLIN_TESTS_SIMULATION_DICE_H_

#include <cstdint>
#include <random>

#include "absl/time/time.h"

namespace dunlin {

// Dice is where all chance of a simulation comes from: one seed, one sequence. The distributions are made by hand,
// because the standard library's differ from one implementation to the next.
//
// Thread-safety: one thread.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  uint64_t Number() { return random_(); }
  // From 0 to `bound` - 1.
  // REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(double probability) { return static_cast<double>(random_() >> 11) * 0x1p-53 < probability; }
  absl::Duration Between(absl::Duration min, absl::Duration max) {
    const int64_t span_us = absl::ToInt64Microseconds(max - min);
    return span_us <= 0 ? min
                        : min + absl::Microseconds(static_cast<int64_t>(Below(static_cast<uint64_t>(span_us) + 1)));
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_DICE_H_
