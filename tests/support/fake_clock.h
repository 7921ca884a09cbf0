#ifndef DUNLIN_TESTS_SUPPORT_FAKE_CLOCK_H_
#define DUNLIN_TESTS_SUPPORT_FAKE_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "storage/clock.h"

namespace dunlin {

// FakeClock is a time of day that stands still until the test moves it, forward or backward.
//
// Thread-safety: safe for concurrent use.
class FakeClock final : public Clock {
 public:
  // A moment in 2023, the same in every run.
  static constexpr int64_t kStartUnixMillis = 1'700'000'000'000;

  absl::Time Now() const override { return absl::FromUnixMicros(unix_us_.load(std::memory_order_relaxed)); }

  void Set(absl::Time now) { unix_us_.store(absl::ToUnixMicros(now), std::memory_order_relaxed); }
  void Advance(absl::Duration step) { unix_us_.fetch_add(absl::ToInt64Microseconds(step), std::memory_order_relaxed); }

 private:
  // Relaxed: whoever has to see a step is told of it by other means, such as the write that follows it.
  std::atomic<int64_t> unix_us_{kStartUnixMillis * 1000};
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_FAKE_CLOCK_H_
