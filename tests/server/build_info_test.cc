// Goal: an operator can tell what runs. Method: the parts are there and make one line.

#include "server/build_info.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(BuildInfoTest, NamesVersionCommitAndCompiler) {
  EXPECT_THAT(GetBuildInfo().version, MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  const std::string description = DescribeBuild(GetBuildInfo());
  EXPECT_THAT(description, MatchesRegex("commit [0-9a-z]+, (gcc|clang) .+"));
  EXPECT_THAT(description, Not(HasSubstr("\n")));
}

TEST(BuildInfoTest, TheVersionLineNamesTheProgramFirst) {
  EXPECT_EQ(VersionLine("dunlin", BuildInfo{"1.2.3", "0acad58", "gcc 12.2.0"}),
            "dunlin 1.2.3 (commit 0acad58, gcc 12.2.0)");
}

}  // namespace
}  // namespace dunlin
