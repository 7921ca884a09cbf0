// Goal: the same seed gives the same faults, each kind comes equally often, and what must not meet does not.
// Method: many seeds; nothing is started.

#include "tests/chaos/schedule.h"

#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace dunlin::chaos {
namespace {

constexpr uint64_t kSeeds = 200;

Schedule::Options Seeded(uint64_t seed, bool overlap = false) {
  Schedule::Options options;
  options.seed = seed;
  options.overlap = overlap;
  return options;
}

std::string ManyRounds(uint64_t seed) {
  Schedule schedule(Seeded(seed, /*overlap=*/true));
  std::string text;
  for (int i = 0; i < 100; ++i) {
    const Round round = schedule.Next();
    absl::StrAppend(&text, Describe(round), " ", absl::FormatDuration(round.during), " ", round.faults.back().variation,
                    "\n");
  }
  return text;
}

TEST(Schedule, FollowsFromItsSeed) {
  EXPECT_EQ(ManyRounds(7), ManyRounds(7));
  EXPECT_NE(ManyRounds(7), ManyRounds(8));
}

TEST(Schedule, ACycleHasEachKindOnce) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Schedule schedule(Seeded(seed));
    std::map<FaultKind, int> counts;
    for (size_t i = 0; i < 2 * kFaultKinds; ++i) {
      const Round round = schedule.Next();
      ASSERT_EQ(round.faults.size(), 1u);
      ++counts[round.faults[0].kind];
    }
    EXPECT_EQ(counts.size(), kFaultKinds);
    for (const auto& [kind, count] : counts) {
      EXPECT_EQ(count, 2) << NameOf(kind);
    }
  }
}

TEST(Schedule, LeavesOutWhatItIsTold) {
  Schedule::Options options = Seeded(1);
  options.excluded = {FaultKind::kClockOffset};
  Schedule schedule(options);
  std::set<FaultKind> kinds;
  for (size_t i = 0; i + 1 < kFaultKinds; ++i) {
    kinds.insert(schedule.Next().faults[0].kind);
  }
  EXPECT_EQ(kinds.size(), kFaultKinds - 1);
  EXPECT_EQ(kinds.count(FaultKind::kClockOffset), 0u);
}

TEST(Schedule, FaultsThatMeetBefallDifferentThings) {
  int met = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Schedule schedule(Seeded(seed, /*overlap=*/true));
    for (int i = 0; i < 50; ++i) {
      const Round round = schedule.Next();
      ASSERT_LE(round.faults.size(), 2u);
      if (round.faults.size() < 2) {
        continue;
      }
      ++met;
      const PlannedFault& first = round.faults[0];
      const PlannedFault& second = round.faults[1];
      EXPECT_FALSE(BefallsRedis(first.kind) && BefallsRedis(second.kind)) << Describe(round);
      EXPECT_NE(first.replica, second.replica) << Describe(round);
      EXPECT_LT(second.replica, 3u);
      for (const PlannedFault& fault : round.faults) {
        EXPECT_NE(fault.kind, FaultKind::kClockOffset);
        EXPECT_NE(fault.kind, FaultKind::kDiskFull);
      }
    }
  }
  EXPECT_GT(met, 100);
}

TEST(Schedule, NamesAreDifferent) {
  std::set<absl::string_view> names;
  for (size_t kind = 0; kind < kFaultKinds; ++kind) {
    names.insert(NameOf(static_cast<FaultKind>(kind)));
  }
  EXPECT_EQ(names.size(), kFaultKinds);
  EXPECT_EQ(names.count("unknown"), 0u);
}

}  // namespace
}  // namespace dunlin::chaos
