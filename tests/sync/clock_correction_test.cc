// Goal: the fleet's clock follows Redis' clock as closely as a measurement allows, whatever this machine's clock does.
// Method: the formula alone. The thread itself is driven by replicator_test.cc.

#include "sync/clock_correction.h"

#include "gtest/gtest.h"

namespace dunlin {
namespace {

const absl::Time kRedis = absl::FromUnixSeconds(1000);

TEST(ClockCorrectionTest, WithinTheErrorOfTheMeasurementNothingIsCorrected) {
  EXPECT_EQ(ClockCorrection(absl::Milliseconds(10), kRedis, kRedis), absl::ZeroDuration());
  EXPECT_EQ(ClockCorrection(absl::Milliseconds(10), kRedis + absl::Milliseconds(10), kRedis), absl::ZeroDuration());
  EXPECT_EQ(ClockCorrection(absl::Seconds(2), kRedis - absl::Milliseconds(1), kRedis + absl::Milliseconds(-900)),
            absl::ZeroDuration());
}

TEST(ClockCorrectionTest, ADifferenceIsMeasuredFromTheMiddleOfTheCall) {
  const absl::Duration round_trip = absl::Milliseconds(100);
  EXPECT_EQ(ClockCorrection(round_trip, kRedis + absl::Milliseconds(50) - absl::Seconds(7), kRedis), absl::Seconds(7));
  EXPECT_EQ(ClockCorrection(round_trip, kRedis + absl::Milliseconds(50) + absl::Hours(1), kRedis), -absl::Hours(1));
}

// The duration comes from another clock: a step of the time of day during the call changes only what is right after it.
TEST(ClockCorrectionTest, AClockThatStepsDuringTheCallIsCorrectedByTheWholeStep) {
  const absl::Duration step = absl::Hours(1);
  const absl::Duration round_trip = absl::Milliseconds(2);
  const absl::Time answered = kRedis + absl::Milliseconds(1) + step;
  EXPECT_EQ(answered + ClockCorrection(round_trip, answered, kRedis), kRedis + absl::Milliseconds(1));
}

}  // namespace
}  // namespace dunlin
