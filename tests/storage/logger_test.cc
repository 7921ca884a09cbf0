// Goal: fields keep the value and the kind of what they were given, and a throttled message passes once a period and
// tells how many it stands for. Method: values of every kind; a time that the test passes in.

#include "storage/logger.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace dunlin {
namespace {

TEST(LoggerTest, FieldsKeepTheKindAndTheValue) {
  EXPECT_EQ(std::get<absl::string_view>(LogField("f", "text").value()), "text");
  EXPECT_EQ(std::get<absl::string_view>(LogField("f", std::string("text")).value()), "text");
  EXPECT_EQ(std::get<uint64_t>(LogField("f", UINT64_MAX).value()), UINT64_MAX);
  EXPECT_EQ(std::get<uint64_t>(LogField("f", uint8_t{7}).value()), 7u);
  EXPECT_EQ(std::get<int64_t>(LogField("f", -1).value()), -1);
  EXPECT_EQ(std::get<int64_t>(LogField("f", std::numeric_limits<int64_t>::min()).value()),
            std::numeric_limits<int64_t>::min());
  EXPECT_EQ(std::get<double>(LogField("f", 0.5F).value()), 0.5);
  EXPECT_EQ(std::get<bool>(LogField("f", true).value()), true);
  EXPECT_EQ(LogField("name", 1).name(), "name");
}

TEST(LoggerTest, AThrottlePassesTheFirstAndThenOnePerPeriod) {
  LogThrottle throttle(absl::Seconds(10));
  const absl::Time start = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_EQ(throttle.Admit(start), std::optional<uint64_t>(0));
  EXPECT_EQ(throttle.Admit(start), std::nullopt);
  EXPECT_EQ(throttle.Admit(start + absl::Seconds(9)), std::nullopt);
  EXPECT_EQ(throttle.Admit(start + absl::Seconds(10)), std::optional<uint64_t>(2));
  EXPECT_EQ(throttle.Admit(start + absl::Seconds(11)), std::nullopt);
  EXPECT_EQ(throttle.Admit(start + absl::Hours(1)), std::optional<uint64_t>(1));
}

TEST(LoggerTest, TheNullLoggerTakesEverything) {
  NullLogger logger;
  EXPECT_FALSE(logger.Enabled(LogLevel::kError));
  logger.Error("message", {{"key", 1}, {"other", "text"}});
}

}  // namespace
}  // namespace dunlin
