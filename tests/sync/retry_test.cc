// Goal: attempts come quickly at first, never faster or slower than the limits say, and not in step with others'.
// Method: the class alone.

#include "sync/retry.h"

#include <set>

#include "gtest/gtest.h"

namespace dunlin {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(100);

TEST(RetryTest, WaitsDoubleUpToTheLimitAndStartAnewAfterASuccess) {
  Retry retry(1);
  absl::Duration whole = kReconnectDelayMin;
  for (int i = 0; i < 20; ++i) {
    const absl::Duration wait = retry.Failed(kNow) - kNow;
    EXPECT_GE(wait, whole / 2);
    EXPECT_LE(wait, whole);
    whole = std::min(2 * whole, kReconnectDelayMax);
  }
  EXPECT_EQ(whole, kReconnectDelayMax);
  retry.Succeeded();
  EXPECT_LE(retry.Failed(kNow) - kNow, kReconnectDelayMin);
}

TEST(RetryTest, ReplicasDoNotComeBackInStep) {
  std::set<absl::Time> times;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    times.insert(Retry(seed).Failed(kNow));
  }
  EXPECT_GT(times.size(), 15u);
  EXPECT_EQ(Retry(7).Failed(kNow), Retry(7).Failed(kNow));
}

}  // namespace
}  // namespace dunlin
