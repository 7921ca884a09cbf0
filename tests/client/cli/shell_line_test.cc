// Goal: a line of the shell is split as its contract says, and a bad one is refused with the column of the mistake.
// Method: tables.

#include "client/cli/shell_line.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin::client::cli {
namespace {

using Words = std::vector<std::string>;

TEST(ShellLineTest, WordsAreSplitAtBlanksAndQuotes) {
  const std::pair<std::string, Words> cases[] = {
      {"", {}},
      {"  \t ", {}},
      {"GET k", {"GET", "k"}},
      {"  put\tk   v  ", {"put", "k", "v"}},
      {R"(PUT k "two words")", {"PUT", "k", "two words"}},
      {R"(PUT "" "")", {"PUT", "", ""}},
      {R"(PUT k "a\"b\\c\n\r\t\x00\xfF")", {"PUT", "k", std::string("a\"b\\c\n\r\t\0\xff", 10)}},
      // Outside quotes nothing is special, so that JSON without blanks and Windows paths need no care.
      {R"(PUT k {"a":1})", {"PUT", "k", R"({"a":1})"}},
      {R"(PUT k C:\new)", {"PUT", "k", R"(C:\new)"}},
      {"PUT k it's", {"PUT", "k", "it's"}},
      // Two digits and no more.
      {R"(PUT k "\x41B")", {"PUT", "k", "AB"}},
      {"PUT k Gr\xC3\xBC\xC3\x9F\x65", {"PUT", "k", "Gr\xC3\xBC\xC3\x9F\x65"}},
      {"GET k\r", {"GET", "k"}},
  };
  for (const auto& [line, words] : cases) {
    const absl::StatusOr<Words> parsed = ParseShellLine(line);
    ASSERT_TRUE(parsed.ok()) << line << ": " << parsed.status();
    EXPECT_EQ(*parsed, words) << line;
  }
}

TEST(ShellLineTest, MistakesAreNamedWithTheirColumn) {
  const std::pair<const char*, const char*> cases[] = {
      {R"(GET "k)", "column 5: this quote is not closed"},
      {R"(GET "k\")", "column 5: this quote is not closed"},
      {R"(GET "k"x)", "column 8: a blank must follow"},
      {R"(GET "k""x")", "column 8: a blank must follow"},
      {R"(GET "\q")", "column 6: unknown escape"},
      {R"(GET "\)", "column 6: unknown escape"},
      {R"(GET "\x4")", "column 6: \\x needs two hexadecimal digits"},
      {R"(GET "\xg0")", "column 6: \\x needs two hexadecimal digits"},
      {R"(GET "\x)", "column 6: \\x needs two hexadecimal digits"},
  };
  for (const auto& [line, message] : cases) {
    const absl::Status status = ParseShellLine(line).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << line;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(message)) << line;
  }
}

}  // namespace
}  // namespace dunlin::client::cli
