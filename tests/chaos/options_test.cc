// Goal: the command line means what it says, and a mistake is told with its remedy.
// Method: a table.

#include "tests/chaos/options.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin::chaos {
namespace {

using testing::HasSubstr;

TEST(ChaosOptions, AreReadInBothForms) {
  const absl::StatusOr<CommandLine> line =
      ParseCommandLine({"--minutes", "2.5", "--seed=7", "--replicas", "5", "--rate=1000", "--json", "a=b", "--cycles=2",
                        "--only", "redis_flush,slow_link"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->minutes, 2.5);
  EXPECT_EQ(line->seed, 7u);
  EXPECT_EQ(line->replicas, 5u);
  EXPECT_EQ(line->operations_per_second, 1000);
  EXPECT_EQ(line->json_path, "a=b");
  EXPECT_EQ(line->cycles, 2u);
  EXPECT_EQ(line->only, (std::vector<FaultKind>{FaultKind::kRedisFlush, FaultKind::kSlowLink}));
  EXPECT_FALSE(ParseCommandLine({})->seed.has_value());
  EXPECT_TRUE(ParseCommandLine({"--help"})->help);
}

TEST(ChaosOptions, MistakesAreTold) {
  const struct {
    std::vector<std::string> arguments;
    const char* message;
  } kCases[] = {
      {{"--minutes", "0"}, "--minutes: \"0\" is not a number from 0.01 to 1440"},
      {{"--minutes", "nan"}, "--minutes: \"nan\" is not a number"},
      {{"--replicas", "2"}, "--replicas: \"2\" is not a whole number from 3 to 5"},
      {{"--seed", "-1"}, "--seed: \"-1\" is not a whole number"},
      {{"--cycles"}, "--cycles: a value has to follow"},
      {{"--only", "redis_flush,"}, "--only: \"\" is no kind of fault, such as replica_kill"},
      {{"--colour", "red"}, "--colour: there is no such option"},
  };
  for (const auto& test : kCases) {
    EXPECT_THAT(std::string(ParseCommandLine(test.arguments).status().message()), HasSubstr(test.message));
  }
}

}  // namespace
}  // namespace dunlin::chaos
