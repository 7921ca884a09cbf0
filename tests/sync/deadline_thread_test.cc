// Goal: nobody's deadline passes unnoticed, whenever it is announced, and the end does not wait for one.
// Method: a list of deadlines in place of callers; deadlines that come nearer, or while others are being answered.

#include "sync/deadline_thread.h"

#include <algorithm>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "gtest/gtest.h"
#include "storage/clock.h"
#include "storage/mutex.h"
#include "tests/support/eventually.h"

namespace dunlin {
namespace {

// Waiters is the list of those who wait.
class Waiters {
 public:
  void Add(absl::Time deadline) {
    MutexLock lock(&mutex_);
    deadlines_.push_back(deadline);
  }

  absl::Time Expire(absl::Time now) {
    MutexLock lock(&mutex_);
    ++looks_;
    absl::Time next = absl::InfiniteFuture();
    const auto is_late = [now](absl::Time deadline) { return deadline <= now; };
    deadlines_.erase(std::remove_if(deadlines_.begin(), deadlines_.end(), is_late), deadlines_.end());
    for (const absl::Time deadline : deadlines_) {
      next = std::min(next, deadline);
    }
    return next;
  }

  size_t size() const {
    MutexLock lock(&mutex_);
    return deadlines_.size();
  }
  int looks() const {
    MutexLock lock(&mutex_);
    return looks_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<absl::Time> deadlines_ ABSL_GUARDED_BY(mutex_);
  int looks_ ABSL_GUARDED_BY(mutex_) = 0;
};

class DeadlineThreadTest : public testing::Test {
 protected:
  void SetUp() override { thread_.Start(); }

  void Wait(absl::Duration duration) {
    const absl::Time deadline = steady_.Now() + duration;
    waiters_.Add(deadline);
    thread_.Expect(deadline);
  }

  const SteadyClock steady_;
  Waiters waiters_;
  DeadlineThread thread_{[this](absl::Time now) { return waiters_.Expire(now); }};
};

TEST_F(DeadlineThreadTest, EachDeadlineIsKept) {
  for (int i = 0; i < 20; ++i) {
    Wait(absl::Milliseconds(i * 7 % 20));
  }
  Wait(absl::Hours(1));
  EXPECT_TRUE(Eventually([&] { return waiters_.size() == 1; }));
}

TEST_F(DeadlineThreadTest, ADeadlineThatComesNearerIsNotSleptOver) {
  Wait(absl::Hours(1));
  Wait(absl::Milliseconds(1));
  EXPECT_TRUE(Eventually([&] { return waiters_.size() == 1; }));
  Wait(absl::Milliseconds(1));
  EXPECT_TRUE(Eventually([&] { return waiters_.size() == 1; }));
}

TEST_F(DeadlineThreadTest, LaterDeadlinesDoNotWakeIt) {
  for (int i = 0; i < 100; ++i) {
    Wait(absl::Hours(1 + i));
  }
  thread_.Stop();
  EXPECT_EQ(waiters_.looks(), 0);
}

TEST(DeadlineThreadRaceTest, ADeadlineThatComesWhileOthersAreAnsweredIsKept) {
  const SteadyClock steady;
  Mutex mutex;
  CondVar changed;
  int looks = 0;
  bool go_on = false;
  DeadlineThread thread([&](absl::Time) {
    MutexLock lock(&mutex);
    ++looks;
    changed.SignalAll();
    while (!go_on) {
      changed.Wait(&mutex);
    }
    return absl::InfiniteFuture();
  });
  thread.Start();
  thread.Expect(steady.Now());
  {
    MutexLock lock(&mutex);
    while (looks == 0) {
      changed.Wait(&mutex);
    }
  }
  thread.Expect(steady.Now());
  MutexLock lock(&mutex);
  go_on = true;
  changed.SignalAll();
  while (looks < 2) {
    changed.Wait(&mutex);
  }
}

}  // namespace
}  // namespace dunlin
