// Goal: each event and marker is one line, in the order in which it takes effect, and a token never promises more than
// was shown.
// Method: messages printed to a string.

#include "client/cli/watch_printer.h"

#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace dunlin::client::cli {
namespace {

WatchMessage Message(std::initializer_list<const char*> keys, WatchMarker marker = WatchMarker::kNone) {
  WatchMessage message;
  for (const char* key : keys) {
    WatchEvent event;
    event.type = EventType::kPut;
    event.entry.key = key;
    event.entry.value = "v";
    message.events.push_back(event);
  }
  message.marker = marker;
  message.token = "t";
  return message;
}

// What Print() wrote, and returned.
struct Printed {
  std::string text;
  bool wants_more;
};

Printed Print(const WatchMessage& message, OutputFormat format = OutputFormat::kText, const WatchLimits& limits = {}) {
  std::ostringstream out;
  WatchPrinter printer(out, format, limits);
  const bool wants_more = printer.Print(message);
  return {out.str(), wants_more};
}

std::vector<nlohmann::json> JsonLines(const std::string& text) {
  std::vector<nlohmann::json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(nlohmann::json::parse(line));
  }
  return lines;
}

TEST(WatchPrinterTest, ResetComesBeforeAndSyncedBehindTheEventsOfTheirMessage) {
  EXPECT_EQ(Print(Message({"a", "b"})).text, "PUT\ta\tv\nPUT\tb\tv\n");
  EXPECT_EQ(Print(Message({"a"}, WatchMarker::kReset)).text, "RESET\nPUT\ta\tv\n");
  EXPECT_EQ(Print(Message({"a"}, WatchMarker::kSynced)).text, "PUT\ta\tv\nSYNCED\n");
  EXPECT_EQ(Print(Message({}, WatchMarker::kUnknown)).text, "UNKNOWN\n");
}

TEST(WatchPrinterTest, DamagedKeysAreNamedAndCarryTheTokenWhenTheyAreLast) {
  WatchMessage message = Message({"a"}, WatchMarker::kReset);
  message.damaged_keys = {"b\n", "c"};
  EXPECT_EQ(Print(message).text, "RESET\nDAMAGED\tb\\n\nDAMAGED\tc\nPUT\ta\tv\n");
  message.events.clear();
  const auto lines = JsonLines(Print(message, OutputFormat::kJson).text);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_FALSE(lines[0].contains("token"));
  EXPECT_EQ(lines[1]["type"], "damaged");
  EXPECT_EQ(lines[1]["key"], "b\n");
  EXPECT_FALSE(lines[1].contains("token"));
  EXPECT_EQ(lines[2]["token"], "dA==");
}

TEST(WatchPrinterTest, AGapComesBeforeTheEventsOfItsMessage) {
  EXPECT_EQ(Print(Message({"a"}, WatchMarker::kGap)).text, "GAP\nPUT\ta\tv\n");
}

TEST(WatchPrinterTest, HeartbeatsShowOnlyWhenAskedFor) {
  EXPECT_EQ(Print(Message({}, WatchMarker::kHeartbeat)).text, "");
  EXPECT_TRUE(Print(Message({}, WatchMarker::kHeartbeat)).wants_more);
  WatchLimits limits;
  limits.heartbeats = true;
  EXPECT_EQ(Print(Message({}, WatchMarker::kHeartbeat), OutputFormat::kText, limits).text, "HEARTBEAT\n");
}

TEST(WatchPrinterTest, TheLimitCountsEventsOverMessages) {
  std::ostringstream out;
  WatchLimits limits;
  limits.events = 3;
  WatchPrinter printer(out, OutputFormat::kText, limits);
  EXPECT_TRUE(printer.Print(Message({"a", "b"})));
  EXPECT_TRUE(printer.Print(Message({}, WatchMarker::kSynced)));
  EXPECT_FALSE(printer.Print(Message({"c", "d"}, WatchMarker::kSynced)));
  EXPECT_EQ(out.str(), "PUT\ta\tv\nPUT\tb\tv\nSYNCED\nPUT\tc\tv\n");
}

TEST(WatchPrinterTest, InJsonTheLastLineOfAMessageCarriesTokenAndLag) {
  const auto lines = JsonLines(Print(Message({"a", "b"}, WatchMarker::kSynced), OutputFormat::kJson).text);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["type"], "put");
  EXPECT_FALSE(lines[0].contains("token"));
  EXPECT_FALSE(lines[1].contains("token"));
  EXPECT_EQ(lines[2]["marker"], "synced");
  EXPECT_EQ(lines[2]["token"], "dA==");
  EXPECT_EQ(lines[2]["lag"]["connected"], false);
}

TEST(WatchPrinterTest, ATokenIsNotShownWhileThereIsNone) {
  WatchMessage message = Message({"a"});
  message.token.clear();
  EXPECT_FALSE(JsonLines(Print(message, OutputFormat::kJson).text).at(0).contains("token"));
}

TEST(WatchPrinterTest, AMessageCutShortHasNoToken) {
  WatchLimits limits;
  limits.events = 1;
  const auto lines = JsonLines(Print(Message({"a", "b"}), OutputFormat::kJson, limits).text);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_FALSE(lines[0].contains("token"));
}

TEST(WatchPrinterTest, AnOutputThatTakesNothingEndsTheWatch) {
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  WatchPrinter printer(out, OutputFormat::kText, WatchLimits());
  EXPECT_FALSE(printer.Print(Message({"a"})));
}

}  // namespace
}  // namespace dunlin::client::cli
