// Goal: the barrier is open from Open() to Close(), and whoever sees that sees what happened before.
// Method: the class alone, with threads that look at it.

#include "sync/snapshot_barrier.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

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

TEST(SnapshotBarrierTest, WhoSeesItOpenSeesWhatHappenedBefore) {
  SnapshotBarrier barrier;
  int before = 0;
  std::vector<std::thread> watchers;
  for (int i = 0; i < 4; ++i) {
    watchers.emplace_back([&] {
      while (!barrier.open()) {
      }
      EXPECT_EQ(before, 1);
    });
  }
  before = 1;
  barrier.Open();
  for (std::thread& watcher : watchers) {
    watcher.join();
  }
}

}  // namespace
}  // namespace dunlin
