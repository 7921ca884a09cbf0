// Goal: what is typed is understood or refused with a message that shows what would be right.
// Method: tables of good and bad input.

#include "client/cli/argument_parsers.h"

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin::client::cli {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

TEST(ArgumentParsersTest, DurationsHaveANumberAndAUnit) {
  EXPECT_EQ(*ParseDurationArgument("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDurationArgument("1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseDurationArgument("1.5s"), absl::Milliseconds(1500));
  for (const char* text : {"", "10", "s", "ten seconds", "10 s", "10sec", "1d"}) {
    const absl::Status status = ParseDurationArgument(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("500ms")) << text;
  }
}

TEST(ArgumentParsersTest, VersionsReadBackWhatWasPrinted) {
  for (const Version& version : {Version{0, 0}, Version{1, 0xff}, Version{kMax, kMax}}) {
    EXPECT_EQ(*ParseVersionArgument(FormatVersion(version)), version);
  }
  EXPECT_EQ(FormatVersion(Version{17, 0xd0}), "17-00000000000000d0");
}

TEST(ArgumentParsersTest, OtherVersionsAreRefused) {
  for (const char* text : {"", "-", "1", "1-", "-1", "1-2-3", "a-1", "1-g", "1- 2", " 1-2", "+1-2", "1-0x2", "1--2",
                           "18446744073709551616-1", "1-10000000000000000"}) {
    const absl::Status status = ParseVersionArgument(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("TIME-ORIGIN")) << text;
  }
}

TEST(ArgumentParsersTest, CountsAreWholeAndPositive) {
  EXPECT_EQ(*ParseCountArgument("1"), 1u);
  EXPECT_EQ(*ParseCountArgument("18446744073709551615"), kMax);
  for (const char* text : {"", "0", "-1", "+1", "1.5", "1e3", "many", " 1", "18446744073709551616"}) {
    EXPECT_EQ(ParseCountArgument(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ArgumentParsersTest, AckAndOutputHaveTwoNamesEach) {
  EXPECT_EQ(*ParseAckArgument("local"), Ack::kLocal);
  EXPECT_EQ(*ParseAckArgument("mirrored"), Ack::kMirrored);
  EXPECT_EQ(*ParseOutputFormatArgument("text"), OutputFormat::kText);
  EXPECT_EQ(*ParseOutputFormatArgument("json"), OutputFormat::kJson);
  for (const char* text : {"", "LOCAL", "1", "yaml"}) {
    EXPECT_EQ(ParseAckArgument(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(ParseOutputFormatArgument(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ArgumentParsersTest, TokensComeInEitherAlphabet) {
  const std::string token("\xfb\xff\x00\xfe", 4);
  EXPECT_EQ(*ParseTokenArgument(absl::Base64Escape(token)), token);
  EXPECT_EQ(*ParseTokenArgument(absl::WebSafeBase64Escape(token)), token);
  for (const char* text : {"", "!", "a", "not a token"}) {
    EXPECT_EQ(ParseTokenArgument(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace dunlin::client::cli
