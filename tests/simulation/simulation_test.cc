// Goal: whatever happens to connections, replicas, clocks and Redis, nothing that was acknowledged is lost, no replica
// ever goes back or claims what it has not, and once the faults stop, all are equal (guarantees G2 to G9 and G11).
// Method: whole fleets in virtual time, each drawn from a seed (world.h has the fault model, oracle.h what is checked).
// DUNLIN_SEED=N lives through one world again and prints what happened in it.

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
// Sanitizers look for what each world shows alike, and make it ten times slower.
constexpr int kSanitizedSeeds = 200;

TEST(Simulation, NothingAcknowledgedIsLostAndAllBecomeEqual) {
  const bool tracing = std::getenv("DUNLIN_SEED") != nullptr;
  const absl::Time start = absl::Now();
  absl::Duration lived;
  uint64_t acknowledged = 0;
  uint64_t faults = 0;
  const std::vector<uint64_t> seeds = TestSeeds(std::getenv("DUNLIN_SANITIZED") != nullptr ? kSanitizedSeeds : kSeeds);
  for (const uint64_t seed : seeds) {
    World world(seed, tracing);
    const World::Result result = world.Live();
    lived += result.lived;
    acknowledged += result.acknowledged;
    faults += result.faults;
    ASSERT_EQ(result.violation, "") << "in the world of DUNLIN_SEED=" << seed << "\n"
                                    << absl::StrJoin(result.trace, "\n");
  }
  const double hours = absl::ToDoubleHours(lived);
  std::cout << seeds.size() << " worlds, " << acknowledged << " acknowledged writes, " << faults << " faults, " << hours
            << " simulated hours, " << hours / absl::ToDoubleSeconds(absl::Now() - start)
            << " simulated hours a second\n";
  // A simulation in which nothing happens proves nothing.
  EXPECT_GT(acknowledged, 50 * seeds.size());
}

TEST(Simulation, TheSameSeedGivesTheSameWorld) {
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
