// Goal: whoever waits at the barrier passes when it opens, not before, and is never left waiting.
// Method: the class alone, with threads that wait.

#include "sync/snapshot_barrier.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/eventually.h"

namespace dunlin {
namespace {

TEST(SnapshotBarrierTest, StartsClosedAndCountsItsOpenings) {
  SnapshotBarrier barrier;
  EXPECT_FALSE(barrier.open());
  EXPECT_EQ(barrier.generation(), 0u);
  barrier.Close();
  barrier.Open();
  EXPECT_TRUE(barrier.open());
  EXPECT_EQ(barrier.generation(), 1u);
  barrier.Close();
  EXPECT_FALSE(barrier.open());
  EXPECT_EQ(barrier.generation(), 1u);
  barrier.Open();
  EXPECT_EQ(barrier.generation(), 2u);
}

TEST(SnapshotBarrierTest, AWaiterGivesUpInTime) {
  SnapshotBarrier barrier;
  EXPECT_TRUE(absl::IsDeadlineExceeded(barrier.WaitOpen(absl::ZeroDuration())));
  EXPECT_TRUE(absl::IsDeadlineExceeded(barrier.WaitOpen(absl::Milliseconds(1))));
}

TEST(SnapshotBarrierTest, OpeningReleasesEveryWaiterWithWhatHappenedBefore) {
  SnapshotBarrier barrier;
  int before = 0;
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] {
      EXPECT_TRUE(barrier.WaitOpen(kTestPatience).ok());
      EXPECT_EQ(before, 1);
    });
  }
  before = 1;
  barrier.Open();
  for (std::thread& waiter : waiters) {
    waiter.join();
  }
}

TEST(SnapshotBarrierTest, ShutdownReleasesEveryWaiterForGood) {
  SnapshotBarrier barrier;
  std::thread waiter([&] { EXPECT_TRUE(absl::IsCancelled(barrier.WaitOpen(absl::InfiniteDuration()))); });
  barrier.Shutdown();
  waiter.join();
  EXPECT_TRUE(absl::IsCancelled(barrier.WaitOpen(absl::InfiniteDuration())));
}

}  // namespace
}  // namespace dunlin
