// Goal: whatever happens to connections, replicas, clocks and Redis, nothing that was acknowledged is lost, no replica
// ever goes back or claims what it has not, and once the faults stop, all are equal (guarantees G2 to G9 and G11).
// Method: whole fleets in virtual time, each drawn from a seed (faults.h has the fault model, oracle.h what is
// checked). DUNLIN_SEED=N lives through one world again and prints what happened in it.

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/simulation/world.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

constexpr int kSeeds = 2000;
constexpr int kSeedsSanitized = 200;

// A long run says now and then how far it is.
constexpr uint64_t kWorldsPerReport = 5000;

void Report(uint64_t worlds, const World::Result& total, absl::Duration took) {
  const double hours = absl::ToDoubleHours(total.lived);
  std::cout << worlds << " worlds, " << total.acknowledged << " acknowledged writes, " << total.faults << " faults, "
            << total.restamped << " writes stamped anew, " << total.lost << " changes lost to power failures, "
            << total.refused << " refused for a full outbox, " << total.collected << " tombstones collected, "
            << total.rebuilds << " replicas rebuilt, " << total.late << " batches too late, " << total.reindexed
            << " records reindexed, " << total.events << " watch events over " << total.moved << " moves of watchers, "
            << total.resumed << " of them without a reset, " << total.read_elsewhere
            << " reads of what was written elsewhere, " << hours << " simulated hours, "
            << hours / absl::ToDoubleSeconds(took) << " simulated hours a second" << std::endl;
}

// In two halves, so that two cores live through them.
class Simulation : public testing::TestWithParam<uint64_t> {};

TEST_P(Simulation, NothingAcknowledgedIsLostAndAllBecomeEqual) {
  const bool tracing = std::getenv("DUNLIN_SEED") != nullptr;
  const absl::Time start = absl::Now();
  World::Result total;
  uint64_t worlds = 0;
  for (const uint64_t seed : TestSeeds(TestRepetitions(kSeeds, kSeedsSanitized), 100)) {
    if (seed % 2 != GetParam()) {
      continue;
    }
    World world(seed, tracing);
    const World::Result result = world.Live();
    ASSERT_EQ(result.violation, "") << "in the world of DUNLIN_SEED=" << seed << "\n"
                                    << absl::StrJoin(result.trace, "\n");
    total += result;
    if (++worlds % kWorldsPerReport == 0) {
      Report(worlds, total, absl::Now() - start);
    }
  }
  Report(worlds, total, absl::Now() - start);
  if (tracing) {
    return;
  }
  // A simulation in which nothing happens proves nothing.
  EXPECT_GT(total.acknowledged, 50 * worlds);
  EXPECT_GT(total.restamped, 0u);
  EXPECT_GT(total.lost, 0u);
  EXPECT_GT(total.refused, 0u);
  EXPECT_GT(total.collected, 0u);
  EXPECT_GT(total.rebuilds, 0u);
  EXPECT_GT(total.resumed, total.moved / 4);
  EXPECT_GT(total.read_elsewhere, worlds);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, testing::Values(0, 1),
                         [](const testing::TestParamInfo<uint64_t>& half) { return half.param == 0 ? "Even" : "Odd"; });

TEST(SimulationItself, TheSameSeedGivesTheSameWorld) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    World first(seed, /*tracing=*/true);
    World second(seed, /*tracing=*/true);
    const World::Result once = first.Live();
    ASSERT_FALSE(once.trace.empty());
    ASSERT_EQ(once.trace, second.Live().trace) << "seed " << seed;
  }
}

}  // namespace
}  // namespace dunlin
