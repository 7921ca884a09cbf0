#ifndef DUNLIN_SYNC_RETRY_H_
#define DUNLIN_SYNC_RETRY_H_

#include <algorithm>
#include <cstdint>
#include <random>

#include "absl/time/time.h"
#include "storage/limits.h"

namespace dunlin {

// Retry spaces attempts: the wait doubles from kReconnectDelayMin to kReconnectDelayMax, and a random part of up to
// half of it keeps a fleet from coming back in step. The same seed gives the same waits.
//
// Thread-safety: one thread at a time.
class Retry {
 public:
  explicit Retry(uint64_t seed) : random_(seed) {}

  // Notes a failure at `now` and returns when to try again.
  absl::Time Failed(absl::Time now) {
    const double part = std::uniform_real_distribution<double>(0.5, 1.0)(random_);
    const absl::Duration wait = delay_ * part;
    delay_ = std::min(delay_ * 2, kReconnectDelayMax);
    return now + wait;
  }

  void Succeeded() { delay_ = kReconnectDelayMin; }

 private:
  std::mt19937_64 random_;
  absl::Duration delay_ = kReconnectDelayMin;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_RETRY_H_
