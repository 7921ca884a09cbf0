// Goal: issued times only ever grow, whatever the machine's clock does, and stay near the fleet's time. Method: a clock
// that the test sets, and threads that issue at once.

#include "storage/hybrid_clock.h"

#include <algorithm>
#include <cstdint>
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

  FakeClock clock_;
  HybridClock hybrid_{&clock_};
};

TEST_F(HybridClockTest, IssuesTheFleetsTime) {
  EXPECT_EQ(VersionTimeToUnixMillis(hybrid_.Issue(0)), uint64_t{FakeClock::kStartUnixMillis});
  clock_.Advance(absl::Milliseconds(5));
  EXPECT_EQ(VersionTimeToUnixMillis(hybrid_.Issue(0)), uint64_t{FakeClock::kStartUnixMillis + 5});
}

TEST_F(HybridClockTest, GrowsWhileTheClockStandsStill) {
  const uint64_t first = hybrid_.Issue(0);
  EXPECT_EQ(hybrid_.Issue(0), first + 2);
  EXPECT_EQ(hybrid_.Issue(0), first + 4);
  EXPECT_EQ(hybrid_.last_issued(), first + 4);
}

TEST_F(HybridClockTest, GrowsWhenTheClockStepsBackward) {
  const uint64_t first = hybrid_.Issue(0);
  clock_.Advance(-absl::Hours(1));
  EXPECT_EQ(hybrid_.Issue(0), first + 2);
  clock_.Advance(absl::Hours(2));
  EXPECT_EQ(hybrid_.Issue(0), FleetTime());
}

TEST_F(HybridClockTest, TheCounterCarriesIntoTheMilliseconds) {
  const uint64_t first = hybrid_.Issue(0);
  for (int i = 0; i < 0x8000; ++i) {
    hybrid_.Issue(0);
  }
  EXPECT_EQ(hybrid_.last_issued(), first + 0x10000);
  EXPECT_EQ(VersionTimeToUnixMillis(hybrid_.last_issued()), uint64_t{FakeClock::kStartUnixMillis + 1});
}

TEST_F(HybridClockTest, IssuesAtLeastWhatIsAskedFor) {
  const uint64_t ahead = FleetTime() + 1000;
  EXPECT_EQ(hybrid_.Issue(ahead), ahead);
  EXPECT_EQ(hybrid_.Issue(ahead), ahead + 2);
  EXPECT_EQ(hybrid_.Issue(0), ahead + 4) << "what was issued once is never issued again";
}

TEST_F(HybridClockTest, SteppingOverAVersionOfAWrongClockDoesNotMoveTheClock) {
  const uint64_t drift = absl::ToInt64Milliseconds(kClockDriftMax) << kVersionCounterBits;
  const uint64_t absurd = FleetTime() + drift + (uint64_t{1} << 40);
  const uint64_t stepped = hybrid_.Issue(absurd);
  EXPECT_GE(stepped, absurd);
  EXPECT_LT(stepped, absurd + (uint64_t{1} << kVersionCounterBits));
  EXPECT_EQ(hybrid_.Issue(0), FleetTime());
  EXPECT_EQ(hybrid_.Issue(UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(hybrid_.Issue(0), FleetTime() + 2);
}

// The clock forgets it, and yet does not issue it a second time when the same version is to be stepped over later.
TEST_F(HybridClockTest, SteppingOverTheSameVersionLaterComesToAnotherTime) {
  const uint64_t absurd = FleetTime() + (uint64_t{1} << 40);
  std::vector<uint64_t> stepped;
  for (int n = 0; n < 1000; ++n) {
    stepped.push_back(hybrid_.Issue(absurd));
    clock_.Advance(absl::Microseconds(1));
  }
  std::sort(stepped.begin(), stepped.end());
  EXPECT_EQ(std::adjacent_find(stepped.begin(), stepped.end()), stepped.end());
  for (const uint64_t close_to_the_end : {UINT64_MAX - 1, UINT64_MAX}) {
    EXPECT_GE(hybrid_.Issue(close_to_the_end), close_to_the_end) << "it does not wrap";
  }
}

// Each looks at the same stored version before the other's write is stored.
TEST_F(HybridClockTest, TwoIssuersNeverComeToTheSameTime) {
  constexpr auto kOther = HybridClock::Issuer::kConditionalWriter;
  const uint64_t absurd = FleetTime() + (uint64_t{1} << 40);
  EXPECT_NE(hybrid_.Issue(absurd), hybrid_.Issue(absurd, kOther));
  EXPECT_NE(hybrid_.Issue(absurd + 1), hybrid_.Issue(absurd + 1, kOther));
  EXPECT_EQ(hybrid_.Issue(0) % 2, 0u);
  EXPECT_EQ(hybrid_.Issue(0, kOther) % 2, 1u);
  clock_.Advance(absl::Hours(1));
  const uint64_t wrong = hybrid_.Issue(0);
  clock_.Advance(-absl::Hours(1));
  hybrid_.ComeBack();
  EXPECT_LT(hybrid_.Issue(0, kOther), wrong);
}

TEST_F(HybridClockTest, ContinuesAfterWhatWasRestored) {
  const uint64_t saved = FleetTime() + (uint64_t{1} << 30);
  hybrid_.Restore(saved);
  EXPECT_EQ(hybrid_.Issue(0), saved + 2);
  hybrid_.Restore(saved - 1);
  EXPECT_EQ(hybrid_.Issue(0), saved + 4) << "restoring never goes back";
}

TEST_F(HybridClockTest, TheOffsetMovesTheFleetsTime) {
  hybrid_.SetOffset(absl::Milliseconds(2500));
  EXPECT_EQ(hybrid_.NowUnixMillis(), uint64_t{FakeClock::kStartUnixMillis + 2500});
  EXPECT_EQ(hybrid_.offset(), absl::Milliseconds(2500));
  EXPECT_EQ(VersionTimeToUnixMillis(hybrid_.Issue(0)), hybrid_.NowUnixMillis());
  hybrid_.SetOffset(-absl::Seconds(1));
  EXPECT_EQ(hybrid_.NowUnixMillis(), uint64_t{FakeClock::kStartUnixMillis - 1000});
}

TEST_F(HybridClockTest, AClockBeforeTheEpochReadsAsTheEpoch) {
  clock_.Set(absl::FromUnixSeconds(-86400));
  EXPECT_EQ(hybrid_.NowUnixMillis(), 0u);
  EXPECT_EQ(hybrid_.Issue(0), 2u);
}

TEST_F(HybridClockTest, AClockBeyondWhatAVersionCanSayDoesNotWrapToThePast) {
  clock_.Set(absl::FromUnixMillis(int64_t{1} << 49));
  const uint64_t issued = hybrid_.Issue(0);
  EXPECT_EQ(VersionTimeToUnixMillis(issued), (uint64_t{1} << 48) - 1);
  EXPECT_GT(hybrid_.Issue(0), issued);
}

TEST_F(HybridClockTest, ThreadsNeverGetTheSameTimeAndEachSeesItGrow) {
  constexpr int kThreads = 4;
  constexpr int kIssuesEach = 20000;
  std::vector<std::vector<uint64_t>> issued(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i, &issued] {
      for (int n = 0; n < kIssuesEach; ++n) {
        issued[i].push_back(hybrid_.Issue(0));
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
