// Goal: a message that a loop repeats appears at once, then once a period, and nothing is hidden silently. Method: an
// injected clock.

#include "gtest/gtest.h"
#include "storage/logger.h"

namespace dunlin {
namespace {

TEST(LogThrottleTest, AdmitsOncePerPeriodAndCountsTheRest) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  LogThrottle throttle(absl::Seconds(10));
  EXPECT_EQ(throttle.Admit(start), std::optional<uint64_t>(0));
  EXPECT_EQ(throttle.Admit(start), std::nullopt);
  EXPECT_EQ(throttle.Admit(start + absl::Seconds(9)), std::nullopt);
  EXPECT_EQ(throttle.Admit(start + absl::Seconds(10)), std::optional<uint64_t>(2));
  EXPECT_EQ(throttle.Admit(start + absl::Seconds(19)), std::nullopt);
  EXPECT_EQ(throttle.Admit(start + absl::Seconds(60)), std::optional<uint64_t>(1));
}

}  // namespace
}  // namespace dunlin
