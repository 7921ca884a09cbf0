// Goal: issued times only ever grow, whatever the machine's clock does, and stay near the fleet's time. Method: a clock
// that the test sets, and threads that issue at once.

#include "storage/hybrid_clock.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "storage/limits.h"
#include "storage/version.h"
#include "tests/support/fake_clock.h"

namespace dunlin {
namespace {

class HybridClockTest : public ::testing::Test {
 protected:
  uint64_t FleetTime() const { return hybrid_.NowUnixMillis() << kVersionCounterBits; }
  // For the next write of a store.
  uint64_t Issue(uint64_t at_least) { return hybrid_.Issue(at_least, ++revision_); }

  FakeClock clock_;
  FakeClock steady_;
  HybridClock hybrid_{&clock_, &steady_};
  uint64_t revision_ = 0;
};

TEST_F(HybridClockTest, IssuesTheFleetsTime) {
  EXPECT_EQ(VersionTimeToUnixMillis(Issue(0)), uint64_t{FakeClock::kStartUnixMillis});
  clock_.Advance(absl::Milliseconds(5));
  EXPECT_EQ(VersionTimeToUnixMillis(Issue(0)), uint64_t{FakeClock::kStartUnixMillis + 5});
}

TEST_F(HybridClockTest, GrowsWhileTheClockStandsStill) {
  const uint64_t first = Issue(0);
  EXPECT_EQ(Issue(0), first + 4);
  EXPECT_EQ(Issue(0), first + 8);
  EXPECT_EQ(hybrid_.last_issued(), first + 8);
}

TEST_F(HybridClockTest, GrowsWhenTheClockStepsBackward) {
  const uint64_t first = Issue(0);
  clock_.Advance(-absl::Hours(1));
  EXPECT_EQ(Issue(0), first + 4);
  clock_.Advance(absl::Hours(2));
  EXPECT_EQ(Issue(0), FleetTime());
}

TEST_F(HybridClockTest, TheCounterCarriesIntoTheMilliseconds) {
  const uint64_t first = Issue(0);
  for (int i = 0; i < 0x4000; ++i) {
    Issue(0);
  }
  EXPECT_EQ(hybrid_.last_issued(), first + 0x10000);
  EXPECT_EQ(VersionTimeToUnixMillis(hybrid_.last_issued()), uint64_t{FakeClock::kStartUnixMillis + 1});
}

TEST_F(HybridClockTest, IssuesAtLeastWhatIsAskedFor) {
  const uint64_t ahead = FleetTime() + 1000;
  EXPECT_EQ(Issue(ahead), ahead);
  EXPECT_EQ(Issue(ahead), ahead + 4);
  EXPECT_EQ(Issue(0), ahead + 8) << "what was issued once is never issued again";
}

TEST_F(HybridClockTest, SteppingOverAVersionOfAWrongClockDoesNotMoveTheClock) {
  const uint64_t drift = absl::ToInt64Milliseconds(kClockDriftMax) << kVersionCounterBits;
  const uint64_t absurd = FleetTime() + drift + (uint64_t{1} << 40);
  const uint64_t stepped = Issue(absurd);
  EXPECT_GE(stepped, absurd);
  EXPECT_LT(stepped, absurd + (uint64_t{1} << kVersionCounterBits));
  EXPECT_EQ(Issue(0), FleetTime());
  EXPECT_EQ(Issue(UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(Issue(0), FleetTime() + 4);
}

// The clock forgets it, and yet does not issue it a second time when the same version is to be stepped over later, or
// one close to it, by whatever way: steps upon steps, stamping anew, a clock that has come back.
TEST_F(HybridClockTest, SteppingOverAVersionLaterComesToAnotherTime) {
  const uint64_t far_ahead = FleetTime() + (uint64_t{1} << 40);
  const uint64_t ahead = FleetTime() + 1000;
  std::vector<uint64_t> far_steps;
  std::vector<uint64_t> steps;
  uint64_t latest = far_ahead;
  while (revision_ < kVersionStepsMax) {
    switch (++revision_ % 4) {
      case 0:
        far_steps.push_back(hybrid_.Issue(far_ahead + revision_ % 7, revision_));
        break;
      case 1:
        far_steps.push_back(hybrid_.IssueAnew(far_ahead, revision_));
        break;
      case 2:
        latest = hybrid_.Issue(revision_ % 64 == 2 ? far_ahead : latest + 1, revision_);
        far_steps.push_back(latest);
        break;
      default:
        steps.push_back(hybrid_.IssueAnew(ahead, revision_));
        clock_.Advance(-2 * kClockDriftMax);
        hybrid_.ComeBack();
        clock_.Advance(2 * kClockDriftMax);
    }
  }
  for (std::vector<uint64_t>* times : {&far_steps, &steps}) {
    ASSERT_GE(times->size(), kVersionStepsMax / 4);
    std::sort(times->begin(), times->end());
    EXPECT_EQ(std::adjacent_find(times->begin(), times->end()), times->end());
  }
}

// It followed the clock then, which was wrong, and its low bits are anything.
TEST_F(HybridClockTest, WhatIsStampedAnewDoesNotComeToATimeOfAFutureThatWasForgotten) {
  clock_.Advance(absl::Hours(1));
  const uint64_t first = Issue(0);
  std::set<uint64_t> issued = {first};
  while (issued.size() < 2 * kVersionStepsMax) {
    issued.insert(Issue(0));
  }
  clock_.Advance(-absl::Hours(1));
  hybrid_.ComeBack();
  for (uint64_t revision = 0; revision < kVersionStepsMax; ++revision) {
    ASSERT_EQ(issued.count(hybrid_.IssueAnew(first, revision)), 0u) << revision;
    ASSERT_EQ(issued.count(hybrid_.Issue(first, revision)), 0u) << revision;
  }
}

TEST_F(HybridClockTest, CloseToTheHighestTimeASteppingTimeDoesNotWrap) {
  for (int i = 0; i < 10; ++i) {
    for (const uint64_t close_to_the_end : {UINT64_MAX - 1, UINT64_MAX}) {
      EXPECT_GE(Issue(close_to_the_end), close_to_the_end);
    }
  }
}

// Each looks at the same stored version before the other's write is stored.
TEST_F(HybridClockTest, TwoIssuersNeverComeToTheSameTime) {
  const uint64_t absurd = FleetTime() + (uint64_t{1} << 40);
  EXPECT_NE(Issue(absurd), hybrid_.IssueForJudgement(absurd));
  EXPECT_NE(Issue(absurd + 1), hybrid_.IssueForJudgement(absurd + 1));
  EXPECT_EQ(Issue(0) % 4, 0u);
  EXPECT_EQ(hybrid_.IssueForJudgement(0) % 4, 1u);
  clock_.Advance(absl::Hours(1));
  const uint64_t wrong = Issue(0);
  clock_.Advance(-absl::Hours(1));
  hybrid_.ComeBack();
  EXPECT_LT(hybrid_.IssueForJudgement(0), wrong);
}

TEST_F(HybridClockTest, ContinuesAfterWhatWasRestored) {
  const uint64_t saved = FleetTime() + (uint64_t{1} << 30);
  hybrid_.Restore(saved);
  EXPECT_EQ(Issue(0), saved + 4);
  hybrid_.Restore(saved - 1);
  EXPECT_EQ(Issue(0), saved + 8) << "restoring never goes back";
}

TEST_F(HybridClockTest, TheOffsetMovesTheFleetsTime) {
  hybrid_.SetOffset(absl::Milliseconds(2500));
  EXPECT_EQ(hybrid_.NowUnixMillis(), uint64_t{FakeClock::kStartUnixMillis + 2500});
  EXPECT_EQ(hybrid_.offset(), absl::Milliseconds(2500));
  EXPECT_EQ(VersionTimeToUnixMillis(Issue(0)), hybrid_.NowUnixMillis());
  hybrid_.SetOffset(-absl::Seconds(1));
  EXPECT_EQ(hybrid_.NowUnixMillis(), uint64_t{FakeClock::kStartUnixMillis - 1000});
}

TEST_F(HybridClockTest, BeforeAnyComparisonTheFleetsTimeFollowsTheMachines) {
  hybrid_.SetOffset(absl::Seconds(1));
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(hybrid_.Now(), clock_.Now() + absl::Seconds(1));
  EXPECT_EQ(hybrid_.offset(), absl::Seconds(1));
}

// Else what expires would do so early, here alone, and stay expired.
TEST_F(HybridClockTest, OnceComparedTheFleetsTimeDoesNotStepWithTheMachines) {
  hybrid_.SetOffset(absl::Seconds(7));
  hybrid_.Correct(-absl::Seconds(2));
  const absl::Time fleet_time = clock_.Now() + absl::Seconds(5);
  for (const absl::Duration step : {absl::Hours(240), -absl::Hours(500), absl::Seconds(1)}) {
    clock_.Advance(step);
    EXPECT_EQ(hybrid_.Now(), fleet_time);
    EXPECT_EQ(clock_.Now() + hybrid_.offset(), fleet_time) << "what a restart would add";
  }
  steady_.Advance(absl::Minutes(3));
  EXPECT_EQ(hybrid_.Now(), fleet_time + absl::Minutes(3));
  hybrid_.Correct(absl::Milliseconds(4));
  EXPECT_EQ(hybrid_.Now(), fleet_time + absl::Minutes(3) + absl::Milliseconds(4));
  hybrid_.Correct(absl::ZeroDuration());
  EXPECT_EQ(hybrid_.Now(), fleet_time + absl::Minutes(3) + absl::Milliseconds(4));
}

TEST_F(HybridClockTest, AClockBeforeTheEpochReadsAsTheEpoch) {
  clock_.Set(absl::FromUnixSeconds(-86400));
  EXPECT_EQ(hybrid_.NowUnixMillis(), 0u);
  EXPECT_EQ(Issue(0), 4u);
}

TEST_F(HybridClockTest, AClockBeyondWhatAVersionCanSayDoesNotWrapToThePast) {
  clock_.Set(absl::FromUnixMillis(int64_t{1} << 49));
  const uint64_t issued = Issue(0);
  EXPECT_EQ(VersionTimeToUnixMillis(issued), (uint64_t{1} << 48) - 1);
  EXPECT_GT(Issue(0), issued);
}

TEST_F(HybridClockTest, ThreadsNeverGetTheSameTimeAndEachSeesItGrow) {
  constexpr int kThreads = 4;
  constexpr int kIssuesEach = 20000;
  std::vector<std::vector<uint64_t>> issued(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i, &issued] {
      for (int n = 0; n < kIssuesEach; ++n) {
        issued[i].push_back(hybrid_.Issue(0, n));
        // Steps in both directions, while the others issue.
        clock_.Advance(absl::Microseconds(n % 2 == 0 ? 700 : -600));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::vector<uint64_t> all;
  for (const std::vector<uint64_t>& one : issued) {
    EXPECT_TRUE(std::is_sorted(one.begin(), one.end()));
    all.insert(all.end(), one.begin(), one.end());
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  EXPECT_EQ(hybrid_.last_issued(), all.back());
}

}  // namespace
}  // namespace dunlin
