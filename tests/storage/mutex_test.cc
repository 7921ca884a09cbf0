// Goal: a wait ends by a signal or at its time, never hangs on an odd timeout, and the mutex is held again after it.
// Method: real threads; the annotations themselves are checked by the compiler.

#include "storage/mutex.h"

#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

TEST(MutexTest, OneThreadAtATimeIsInside) {
  Mutex mutex;
  int count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 10000; ++n) {
        MutexLock lock(&mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(count, 40000);
}

TEST(MutexTest, AWaitWithoutASignalEndsAtItsTime) {
  Mutex mutex;
  CondVar never_signalled;
  MutexLock lock(&mutex);
  const absl::Time start = absl::Now();
  while (!never_signalled.WaitWithTimeout(&mutex, absl::Milliseconds(5))) {
  }
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(4)) << "the two clocks may differ a little";
}

TEST(MutexTest, ATimeThatHasPassedEndsTheWaitAtOnce) {
  Mutex mutex;
  CondVar never_signalled;
  MutexLock lock(&mutex);
  EXPECT_TRUE(never_signalled.WaitWithTimeout(&mutex, absl::ZeroDuration()));
  EXPECT_TRUE(never_signalled.WaitWithTimeout(&mutex, -absl::Hours(1)));
  EXPECT_TRUE(never_signalled.WaitWithTimeout(&mutex, -absl::InfiniteDuration()));
}

TEST(MutexTest, ASignalEndsAWaitOfAnyLength) {
  for (const absl::Duration timeout : {absl::Hours(1), absl::Hours(1'000'000'000), absl::InfiniteDuration()}) {
    Mutex mutex;
    CondVar changed;
    bool done = false;
    std::thread other([&] {
      MutexLock lock(&mutex);
      done = true;
      changed.Signal();
    });
    {
      MutexLock lock(&mutex);
      while (!done) {
        EXPECT_FALSE(changed.WaitWithTimeout(&mutex, timeout));
      }
    }
    other.join();
  }
}

TEST(MutexTest, SignalAllWakesEveryWaiter) {
  Mutex mutex;
  CondVar changed;
  bool go = false;
  int woken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      MutexLock lock(&mutex);
      while (!go) {
        changed.Wait(&mutex);
      }
      // Not a race: the wait has taken the mutex again.
      ++woken;
    });
  }
  {
    MutexLock lock(&mutex);
    go = true;
    changed.SignalAll();
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(woken, 4);
}

}  // namespace
}  // namespace dunlin
