#ifndef DUNLIN_STORAGE_CLOCK_H_
#define DUNLIN_STORAGE_CLOCK_H_

#include <time.h>

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace dunlin {

// Clock tells the time of day. The program uses SystemClock; tests and the simulator bring their own.
//
// Thread-safety: safe for concurrent use.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

// The clock of this machine.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

// A clock that only goes forward, for waits and time-outs. Its zero means nothing.
class SteadyClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  }
};

// As SteadyClock, but it also goes on while the machine sleeps: for what is to stay right over that.
class BootClock final : public Clock {
 public:
  absl::Time Now() const override {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return absl::UnixEpoch() + absl::DurationFromTimespec(now);
  }
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_CLOCK_H_
