// Goal: a configuration file means what it looks like, and a mistake is found by file and line. Method: tables.

#include "server/config_file.h"

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

TEST(ConfigFileTest, ReadsEveryWayToWriteAValue) {
  const struct {
    const char* line;
    const char* value;
  } kCases[] = {
      {"key = value", "value"},
      {"key=value", "value"},
      {"  key\t=  value  ", "value"},
      {"key = value\r", "value"},
      {"key = two words", "two words"},
      {"key = value # comment", "value"},
      {"key = value ; comment", "value"},
      {"key = not#a;comment", "not#a;comment"},
      {"key = a=b", "a=b"},
      {"key = [::1]:7700", "[::1]:7700"},
      {"key = \"quoted\"", "quoted"},
      {"key = \"not # a comment\" # a comment", "not # a comment"},
      {"key = \"\"", ""},
      {"key = ''", ""},
      {R"(key = "a \"quote\" and a \\")", R"(a "quote" and a \)"},
      {R"(key = 'as\it "is"')", R"(as\it "is")"},
      {"key = 500", "500"},
  };
  for (const auto& test : kCases) {
    const absl::StatusOr<ConfigValues> values = ParseConfig(test.line, "f");
    ASSERT_TRUE(values.ok()) << test.line << ": " << values.status();
    ASSERT_EQ(values->size(), 1u) << test.line;
    EXPECT_EQ(values->begin()->first, "key") << test.line;
    EXPECT_EQ(values->begin()->second.value, test.value) << test.line;
  }
}

TEST(ConfigFileTest, CommentsAndEmptyLinesCountAsLinesOnly) {
  const absl::StatusOr<ConfigValues> values = ParseConfig("# one\n\n; three\n  \ndata-dir = x\nlisten = y", "f");
  ASSERT_TRUE(values.ok()) << values.status();
  ASSERT_EQ(values->size(), 2u);
  EXPECT_EQ(values->at("data-dir").line, 5);
  EXPECT_EQ(values->at("listen").line, 6);
}

TEST(ConfigFileTest, NamesFileLineAndMistake) {
  const struct {
    const char* text;
    const char* message;
  } kCases[] = {
      {"\nkey", "dunlin.conf:2: write key = value"},
      {"[server]", "dunlin.conf:1: sections are not used"},
      {"= value", "dunlin.conf:1: the key must be the name of an option"},
      {"a.b = value", "dunlin.conf:1: the key must be the name of an option"},
      {"key =", "dunlin.conf:1: the value is missing"},
      {"key = # comment", "dunlin.conf:1: the value is missing"},
      {"key = \"open", "dunlin.conf:1: the closing quote is missing"},
      {"key = \"open\\\"", "dunlin.conf:1: the closing quote is missing"},
      {"key = 'open", "dunlin.conf:1: the closing quote is missing"},
      {"key = \"a\" b", "dunlin.conf:1: something follows the closing quote"},
      {"key = \"a\\n\"", "dunlin.conf:1: after a backslash only"},
      {"key = 1\nother = 2\nkey = 3", "dunlin.conf:3: key is already set in line 1"},
  };
  for (const auto& test : kCases) {
    const absl::Status status = ParseConfig(test.text, "dunlin.conf").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << test.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.message)) << test.text;
  }
}

TEST(ConfigFileTest, AMistakeNeverQuotesAValue) {
  for (const char* text : {"redis = \"hunter2", "redis = \"hunter2\" x", "redis = \"hunter2\\n\"", "redis hunter2"}) {
    EXPECT_THAT(std::string(ParseConfig(text, "f").status().message()), ::testing::Not(HasSubstr("hunter2")));
  }
}

TEST(ConfigFileTest, AFileThatCannotBeReadIsNamed) {
  EXPECT_THAT(std::string(ReadConfigFile("/no/such.conf").status().message()),
              HasSubstr("cannot read /no/such.conf: No such file"));
  EXPECT_THAT(std::string(ReadConfigFile("/").status().message()), HasSubstr("cannot read /: Is a directory"));
  EXPECT_THAT(std::string(ReadConfigFile("/dev/zero").status().message()), HasSubstr("/dev/zero has more than 65536"));
}

TEST(ConfigFileTest, AFileIsReadWhole) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/dunlin.conf");
  std::ofstream(path) << "data-dir = x\n";
  const absl::StatusOr<ConfigValues> values = ReadConfigFile(path);
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_EQ(values->at("data-dir").value, "x");
}

}  // namespace
}  // namespace dunlin
