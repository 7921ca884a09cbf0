#ifndef DUNLIN_TESTS_SYNC_SEEDED_WORLD_H_
#define DUNLIN_TESTS_SYNC_SEEDED_WORLD_H_

#include <cstdint>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace dunlin {

// SeededWorld is what the small worlds have in common in which a state machine is tested: dice, a clock, and faults
// that end.
class SeededWorld {
 protected:
  explicit SeededWorld(uint64_t seed) : random_(seed) {}
  ~SeededWorld() = default;

  int Below(int bound) { return static_cast<int>(random_() % bound); }
  // Whether a fault strikes that does so one time in `chances`.
  bool OneIn(int chances) { return faults_ && Below(chances) == 0; }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  bool faults_ = true;

 private:
  std::mt19937_64 random_;
};

// Lives through the World of each seed, up to the first failure. Step() lets something happen and checks what must hold
// always, Settle() lets no more faults happen and returns whether all comes to rest, and ExpectSettled() checks what
// must hold then.
template <typename World>
void LiveThroughWorlds(const std::vector<uint64_t>& seeds) {
  for (const uint64_t seed : seeds) {
    SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
    World world(seed);
    for (int step = 0; step < 300 && !testing::Test::HasFailure(); ++step) {
      world.Step();
    }
    ASSERT_FALSE(testing::Test::HasFailure());
    ASSERT_TRUE(world.Settle()) << "without faults it does not come to rest";
    world.ExpectSettled();
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SYNC_SEEDED_WORLD_H_
