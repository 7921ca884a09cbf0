// Goal: values are read as people write them, limits hold at both ends, and a refusal says what would be right. Method:
// tables.

#include "server/option_values.h"

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

std::string MessageOf(const absl::Status& status) {
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

TEST(ParseCountTest, TakesDigitsInRange) {
  EXPECT_EQ(*ParseCount("1", 1, 10), 1u);
  EXPECT_EQ(*ParseCount("10", 1, 10), 10u);
  EXPECT_EQ(*ParseCount("18446744073709551615", 0, UINT64_MAX), UINT64_MAX);
  for (const char* text : {"", "0", "11", "-1", "+1", " 1", "1 ", "1.5", "0x1", "18446744073709551616", "one"}) {
    EXPECT_EQ(MessageOf(ParseCount(text, 1, 10).status()),
              absl::StrCat("\"", text, "\" is not a whole number from 1 to 10"));
  }
}

TEST(ParsePowerOfTwoTest, TakesPowersOfTwoInRange) {
  for (const int number : {2, 4, 1024}) EXPECT_EQ(*ParsePowerOfTwo(absl::StrCat(number), 2, 1024), number);
  for (const char* text : {"0", "1", "3", "1000", "1023", "2048", "4KiB", ""}) {
    EXPECT_THAT(MessageOf(ParsePowerOfTwo(text, 2, 1024).status()),
                HasSubstr(absl::StrCat("\"", text, "\" is not a power of two from 2 to 1024")));
  }
}

TEST(ParseSizeTest, TakesBytesAndUnits) {
  const struct {
    const char* text;
    uint64_t bytes;
  } kCases[] = {
      {"0", 0},
      {"1", 1},
      {"1048576", 1 << 20},
      {"1KiB", 1 << 10},
      {"3MiB", 3 << 20},
      {"8GiB", uint64_t{8} << 30},
      {"2TiB", uint64_t{2} << 40},
  };
  for (const auto& test : kCases) EXPECT_EQ(*ParseSize(test.text, 0, UINT64_MAX), test.bytes) << test.text;
}

TEST(ParseSizeTest, ExplainsARefusal) {
  for (const char* text : {"", "MiB", "1MB", "1 MiB", "1mib", "-1", "1.5MiB", "17179869184GiB", "99999999TiB", "x"}) {
    EXPECT_THAT(MessageOf(ParseSize(text, 0, UINT64_MAX).status()), HasSubstr("is not a size; write")) << text;
  }
  EXPECT_EQ(MessageOf(ParseSize("4MiB", 1, 3 << 20).status()), "\"4MiB\" is not from 1 to 3MiB");
  EXPECT_EQ(MessageOf(ParseSize("0", 1, 3 << 20).status()), "\"0\" is not from 1 to 3MiB");
}

TEST(FormatSizeTest, WritesTheShortestExactFormAndReadsItBack) {
  const struct {
    uint64_t bytes;
    const char* text;
  } kCases[] = {{0, "0"},
                {1, "1"},
                {1023, "1023"},
                {1024, "1KiB"},
                {1025, "1025"},
                {1536, "1536"},
                {uint64_t{1} << 20, "1MiB"},
                {uint64_t{2048} << 20, "2GiB"},
                {uint64_t{5} << 40, "5TiB"}};
  for (const auto& test : kCases) {
    EXPECT_EQ(FormatSize(test.bytes), test.text);
    EXPECT_EQ(*ParseSize(test.text, 0, UINT64_MAX), test.bytes);
  }
}

TEST(ParsePeriodTest, TakesDurationsInRange) {
  EXPECT_EQ(*ParsePeriod("250ms", absl::ZeroDuration(), absl::Hours(1)), absl::Milliseconds(250));
  EXPECT_EQ(*ParsePeriod("1m30s", absl::ZeroDuration(), absl::Hours(1)), absl::Seconds(90));
  EXPECT_EQ(*ParsePeriod("0", absl::ZeroDuration(), absl::Hours(1)), absl::ZeroDuration());
  EXPECT_EQ(*ParsePeriod("inf", absl::ZeroDuration(), absl::InfiniteDuration()), absl::InfiniteDuration());
  for (const char* text : {"", "5", "5 s", "s", "five"}) {
    EXPECT_THAT(MessageOf(ParsePeriod(text, absl::ZeroDuration(), absl::Hours(1)).status()),
                HasSubstr("is not a duration; write a number with a unit"))
        << text;
  }
  for (const char* text : {"-1s", "99ms", "61m", "inf"}) {
    EXPECT_EQ(MessageOf(ParsePeriod(text, absl::Milliseconds(100), absl::Hours(1)).status()),
              absl::StrCat("\"", text, "\" is not from 100ms to 1h"));
  }
}

TEST(ParseChoiceTest, NamesTheChoices) {
  EXPECT_EQ(*ParseChoice("json", {"text", "json"}), 1u);
  EXPECT_EQ(MessageOf(ParseChoice("JSON", {"text", "json"}).status()), "\"JSON\" is not one of text, json");
}

TEST(CheckNamespaceTest, TakesOnlyWhatIsSafeInAHashTag) {
  for (const std::string& name : {std::string("a"), std::string("A.b_c-9"), std::string(64, 'x')}) {
    EXPECT_TRUE(CheckNamespace(name).ok()) << name;
  }
  for (const std::string& name : {std::string(), std::string(65, 'x'), std::string("a{b}"), std::string("a b"),
                                  std::string("a:b"), std::string("\xC3\xBC"), std::string("a\0b", 3)}) {
    EXPECT_THAT(MessageOf(CheckNamespace(name)), HasSubstr("1 to 64 of the characters A-Z a-z 0-9 _ . -")) << name;
  }
}

TEST(CheckReplicaIdTest, TakesPrintableNames) {
  for (const std::string& name : {std::string("a"), std::string("rack 7, {left}"), std::string(64, '~')}) {
    EXPECT_TRUE(CheckReplicaId(name).ok()) << name;
  }
  for (const std::string& name : {std::string(), std::string(65, 'x'), std::string("a\nb"), std::string("\xC3\xBC")}) {
    EXPECT_THAT(MessageOf(CheckReplicaId(name)), HasSubstr("1 to 64 printable ASCII characters")) << name;
  }
}

TEST(CheckDataDirectoryTest, NeedsAFolderOrOneToCreateItIn) {
  const std::string folder = ::testing::TempDir();
  const std::string file = absl::StrCat(folder, "/a-file");
  std::ofstream(file) << "x";
  EXPECT_TRUE(CheckDataDirectory(folder).ok());
  EXPECT_TRUE(CheckDataDirectory(absl::StrCat(folder, "/new")).ok());
  EXPECT_TRUE(CheckDataDirectory(absl::StrCat(folder, "/new/")).ok());
  EXPECT_TRUE(CheckDataDirectory("new").ok());
  EXPECT_THAT(MessageOf(CheckDataDirectory("")), HasSubstr("is not a folder"));
  EXPECT_THAT(MessageOf(CheckDataDirectory(file)), HasSubstr("is a file; give a folder"));
  EXPECT_THAT(MessageOf(CheckDataDirectory("/no/such/folder")), HasSubstr("the folder /no/such: No such file"));
  EXPECT_THAT(MessageOf(CheckDataDirectory(absl::StrCat(file, "/data"))), HasSubstr("Not a directory"));
}

TEST(CheckFolderOfTest, NeedsTheFolderAndAFreeName) {
  EXPECT_TRUE(CheckFolderOf(absl::StrCat(::testing::TempDir(), "/port")).ok());
  EXPECT_TRUE(CheckFolderOf("port").ok());
  EXPECT_THAT(MessageOf(CheckFolderOf(::testing::TempDir())), HasSubstr("is a folder; give the name of a file in it"));
  EXPECT_THAT(MessageOf(CheckFolderOf("/no/such/port")), HasSubstr("the folder /no/such: No such file"));
}

}  // namespace
}  // namespace dunlin
