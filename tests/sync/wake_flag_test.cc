// Goal: no wake-up is lost, whether it comes before, during or after the decision to sleep.
// Method: two threads that wake each other in turn, many times: one lost wake-up stops them.

#include "sync/wake_flag.h"

#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/support/eventually.h"

namespace dunlin {
namespace {

TEST(WakeFlagTest, AWakeUpBeforeTheWaitIsRememberedOnce) {
  WakeFlag flag;
  flag.Wake();
  flag.Wake();
  const absl::Time start = absl::Now();
  flag.WaitFor(absl::InfiniteDuration());
  EXPECT_LT(absl::Now() - start, kTestPatience);
  // Nothing is left of it: this one runs into its time-out.
  flag.WaitFor(absl::Milliseconds(1));
}

TEST(WakeFlagTest, ATimeoutThatHasPassedDoesNotWait) {
  WakeFlag flag;
  flag.WaitFor(absl::ZeroDuration());
  flag.WaitFor(-absl::InfiniteDuration());
}

TEST(WakeFlagTest, TwoThreadsThatWakeEachOtherNeverStop) {
  constexpr int kTurns = 5000;
  WakeFlag ping;
  WakeFlag pong;
  std::atomic<int> pings{0};
  std::atomic<int> pongs{0};
  std::thread other([&] {
    for (int i = 1; i <= kTurns; ++i) {
      while (pings < i) {
        ping.WaitFor(absl::InfiniteDuration());
      }
      pongs = i;
      pong.Wake();
    }
  });
  for (int i = 1; i <= kTurns; ++i) {
    pings = i;
    ping.Wake();
    while (pongs < i) {
      pong.WaitFor(absl::InfiniteDuration());
    }
  }
  other.join();
  EXPECT_EQ(pongs, kTurns);
}

TEST(WakeFlagTest, StopEndsEveryWait) {
  WakeFlag flag;
  std::thread waiter([&] {
    while (!flag.stopped()) {
      flag.WaitFor(absl::InfiniteDuration());
    }
  });
  flag.Stop();
  waiter.join();
  flag.WaitFor(absl::InfiniteDuration());
}

}  // namespace
}  // namespace dunlin
