// Goal: what is declared is what is parsed, and whatever is typed wrong comes back as one error, never an exception.
// Method: a small command line of the test's own.

#include "client/cli/command_line.h"

#include <stdlib.h>

#include <optional>
#include <string>
#include <vector>

#include "client/cli/argument_parsers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin::client::cli {
namespace {

using ::testing::HasSubstr;

class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest() : line_("birds", "Counts birds.") {
    line_.Global().Option<std::string>({"--place", "NAME", "Where to count", "the shore"}, ParseTextArgument,
                                       [this](std::string place) { place_ = place; });
    line_.Global().FromEnvironment("--place", "BIRDS_PLACE");
    Command count = line_.Add("count", "Count them", [](CommandContext&) { return absl::OkStatus(); });
    count.Required("SPECIES", &species_, "What to count");
    count.Optional("OBSERVER", &observer_, "Who counts");
    count.Optional("--team", &team_, "Who counts together");
    count.Exclude("--team", "OBSERVER");
    count.Flag("--quietly", &quietly_, "Without disturbing them");
    count.Notes("Count twice.");
    line_.Add("feed", "Do not", nullptr);
  }

  absl::StatusOr<CommandLine::Choice> Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "birds");
    return line_.Parse(static_cast<int>(arguments.size()), arguments.data());
  }

  CommandLine line_;
  std::string place_ = "the shore";
  std::string species_;
  std::optional<std::string> observer_;
  std::optional<std::string> team_;
  bool quietly_ = false;
};

TEST_F(CommandLineTest, ArgumentsReachTheirTargets) {
  const auto choice = Parse({"count", "dunlin", "--quietly", "me", "--place", "the estuary"});
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_NE(choice->action, nullptr);
  EXPECT_EQ(species_, "dunlin");
  EXPECT_EQ(observer_, "me");
  EXPECT_EQ(team_, std::nullopt);
  EXPECT_TRUE(quietly_);
  EXPECT_EQ(place_, "the estuary");
}

TEST_F(CommandLineTest, TheEnvironmentStandsInForAnOption) {
  setenv("BIRDS_PLACE", "the lagoon", /*overwrite=*/1);
  EXPECT_TRUE(Parse({"count", "dunlin"}).ok());
  EXPECT_EQ(place_, "the lagoon");
  EXPECT_TRUE(Parse({"--place", "the marsh", "count", "dunlin"}).ok());
  EXPECT_EQ(place_, "the marsh");
  unsetenv("BIRDS_PLACE");
}

TEST_F(CommandLineTest, HelpIsATextAndNoError) {
  const auto help = Parse({"--help"});
  ASSERT_TRUE(help.ok()) << help.status();
  EXPECT_EQ(help->action, nullptr);
  EXPECT_THAT(help->help, HasSubstr("--place NAME"));
  EXPECT_THAT(Parse({"count", "--help"})->help, HasSubstr("Count twice."));
}

TEST_F(CommandLineTest, TheVersionIsATextAndNeedsNoCommand) {
  line_.Version("birds 1.2.3");
  const std::vector<std::vector<const char*>> lines = {{"--version"}, {"count", "dunlin", "--version"}};
  for (const std::vector<const char*>& line : lines) {
    const auto version = Parse(line);
    ASSERT_TRUE(version.ok()) << version.status();
    EXPECT_EQ(version->action, nullptr);
    EXPECT_EQ(version->help, "birds 1.2.3\n");
  }
}

TEST_F(CommandLineTest, MistakesAreNamed) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{}, "required; see birds --help"},        {{"cuont"}, "there is no command or option cuont"},
      {{"count"}, "SPECIES is required"},        {{"count", "dunlin", "me", "--team", "us"}, "excludes"},
      {{"count", "dunlin", "me", "you"}, "you"}, {{"count", "dunlin", "--loudly"}, "--loudly"},
      {{"count", "dunlin", "--team"}, "--team"},
  };
  for (const auto& [arguments, message] : cases) {
    const absl::Status status = Parse(arguments).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace dunlin::client::cli
