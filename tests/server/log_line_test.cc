// Goal: a line of the log can be read back by machines and cannot be forged by what is logged. Method: JSON is parsed
// by a library that is not ours; hostile text in tables.

#include "server/log_line.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "storage/utf8.h"

namespace dunlin {
namespace {

const absl::Time kTime = absl::FromUnixMillis(1714564800007);

LogRecord Record(absl::string_view message, Logger::Fields fields = {}) {
  return {kTime, LogLevel::kInfo, 71, message, fields};
}

TEST(TextLineTest, ShowsTimeLevelMessageAndFields) {
  const std::vector<LogField> fields = {{"epoch", "7f3a"}, {"count", 12},   {"delta", int64_t{-3}},
                                        {"ratio", 0.25},   {"live", true},  {"error", "timed out"},
                                        {"empty", ""},     {"pair", "a=b"}, {"big", ~uint64_t{0}}};
  EXPECT_EQ(TextLine(Record("subscribed", fields)),
            "2024-05-01T12:00:00.007Z INFO    subscribed epoch=7f3a count=12 delta=-3 ratio=0.25 live=true "
            "error=\"timed out\" empty=\"\" pair=\"a=b\" big=18446744073709551615");
}

TEST(TextLineTest, LevelsTakeTheSameRoom) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    LogRecord record = Record("here");
    record.level = level;
    EXPECT_EQ(TextLine(record).find("here"), 33u);
  }
}

TEST(TextLineTest, HostileTextStaysOnItsLine) {
  const std::vector<LogField> fields = {{"key", "x\n2024-05-01T12:00:00.007Z ERROR forged\x1b[2J\x7f"}};
  EXPECT_EQ(TextLine(Record("a\r\nb", fields)),
            "2024-05-01T12:00:00.007Z INFO    a\\r\\nb key=\"x\\n2024-05-01T12:00:00.007Z ERROR forged"
            "\\u001b[2J\\u007f\"");
}

TEST(JsonLineTest, ReadsBackAsWhatWasLogged) {
  const std::vector<LogField> fields = {{"epoch", "7f3a"}, {"count", 12},  {"delta", int64_t{-3}},
                                        {"ratio", 0.25},   {"live", true}, {"big", ~uint64_t{0}}};
  const nlohmann::json line = nlohmann::json::parse(JsonLine(Record("subscribed", fields)));
  EXPECT_EQ(line["time"], "2024-05-01T12:00:00.007Z");
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["message"], "subscribed");
  EXPECT_EQ(line["thread"], 71);
  EXPECT_EQ(line["epoch"], "7f3a");
  EXPECT_EQ(line["count"], 12);
  EXPECT_EQ(line["delta"], -3);
  EXPECT_EQ(line["ratio"], 0.25);
  EXPECT_EQ(line["live"], true);
  EXPECT_EQ(line["big"].get<uint64_t>(), ~uint64_t{0});
}

TEST(JsonLineTest, AnyTextReadsBackAsItself) {
  std::string every_character;
  for (int c = 0; c < 128; ++c) every_character.push_back(static_cast<char>(c));
  every_character += "\xC3\xBC\xE2\x82\xAC\xF0\x9F\x90\xA6";
  const std::vector<LogField> fields = {{"text", every_character}, {every_character, "as a name"}};
  const std::string line = JsonLine(Record(every_character, fields));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const nlohmann::json parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["message"], every_character);
  EXPECT_EQ(parsed["text"], every_character);
  EXPECT_EQ(parsed[every_character], "as a name");
}

TEST(JsonLineTest, BytesThatAreNotUtf8DoNotBreakTheLine) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(2, static_cast<char>(byte));
    const std::vector<LogField> fields = {{"text", text}};
    const nlohmann::json parsed = nlohmann::json::parse(JsonLine(Record(text, fields)));
    EXPECT_EQ(parsed["text"], ReplaceInvalidUtf8(text));
  }
}

TEST(JsonLineTest, StandardNamesAreNotOverwritten) {
  const std::vector<LogField> fields = {{"time", 1}, {"level", 2}, {"message", 3}, {"thread", 4}};
  const nlohmann::json parsed = nlohmann::json::parse(JsonLine(Record("subscribed", fields)));
  EXPECT_EQ(parsed["message"], "subscribed");
  EXPECT_EQ(parsed["field_time"], 1);
  EXPECT_EQ(parsed["field_level"], 2);
  EXPECT_EQ(parsed["field_message"], 3);
  EXPECT_EQ(parsed["field_thread"], 4);
}

TEST(JsonLineTest, NumbersThatJsonCannotSayAreNull) {
  const std::vector<LogField> fields = {{"nan", std::numeric_limits<double>::quiet_NaN()},
                                        {"inf", std::numeric_limits<double>::infinity()}};
  const nlohmann::json parsed = nlohmann::json::parse(JsonLine(Record("odd", fields)));
  EXPECT_TRUE(parsed["nan"].is_null());
  EXPECT_TRUE(parsed["inf"].is_null());
}

}  // namespace
}  // namespace dunlin
