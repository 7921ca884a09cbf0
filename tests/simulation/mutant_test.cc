// Goal: the simulator sees a bug that was planted in the program (mutant.bzl); it would see the like of it in ours.
// Method: worlds are lived through, seed by seed, until one ends in a violation.

#include <iostream>

#include "gtest/gtest.h"
#include "tests/simulation/world.h"

namespace dunlin {
namespace {

// Half of what CI gives to the real program.
constexpr uint64_t kSeeds = 1000;

TEST(Mutant, IsFound) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    World world(seed, /*tracing=*/false);
    const World::Result result = world.Live();
    if (!result.violation.empty()) {
      std::cout << "found by seed " << seed << ": " << result.violation << "\n";
      return;
    }
  }
  FAIL() << "the simulator has not noticed the planted bug in " << kSeeds << " worlds";
}

}  // namespace
}  // namespace dunlin
