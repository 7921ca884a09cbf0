// Goal: a stream of several keys and prefixes tells what any of them names, once, in its initial state, replay and
// live. Method: sessions over a real store and feed, drained by hand. (Every way of going back and forth: the model
// test.)

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/limits.h"
#include "server/watch_session.h"
#include "storage/limits.h"
#include "tests/server/watch_session_tester.h"

namespace dunlin {
namespace {

using Kind = Selector::Kind;

class WatchSelectionTest : public WatchSessionTester {
 protected:
  static WatchSession::Options Of(std::vector<Selector> selectors) {
    WatchSession::Options options;
    options.selection = Selection(std::move(selectors));
    options.initial_state = true;
    return options;
  }
};

TEST_F(WatchSelectionTest, AllThatAnySelectorNamesIsToldOnce) {
  for (const char* key : {"a", "b/1", "b/2", "c", "d"}) data_.Put(key, "0");
  const auto session = Open(Of({{Kind::kKey, "d"}, {Kind::kPrefix, "b/"}, {Kind::kKey, "b/2"}, {Kind::kKey, "none"}}));
  EXPECT_EQ(Describe(Drain(session.get())), "b/1=0 b/2=0 d=0 SYNCED ");
  for (const char* key : {"c", "b/2", "none", "d", "b/3", "a"}) data_.Put(key, "1");
  EXPECT_EQ(Describe(Drain(session.get())), "b/2=1 none=1 d=1 b/3=1 ");
}

TEST_F(WatchSelectionTest, AResumeTellsTheSame) {
  const auto session = Open(Of({{Kind::kKey, "a"}, {Kind::kPrefix, "b/"}}));
  const std::vector<v1::WatchResponse> before = Drain(session.get());
  for (const char* key : {"a", "aa", "b/1", "b"}) data_.Put(key, "1");
  WatchSession::Options options = Of({{Kind::kKey, "a"}, {Kind::kPrefix, "b/"}});
  options.resume = TokenOf(before.back());
  EXPECT_EQ(Describe(Drain(Open(options).get())), "a=1 b/1=1 SYNCED ");
}

TEST_F(WatchSelectionTest, ManyKeysComeInAsFewMessagesAsTheyFit) {
  std::vector<Selector> selectors;
  for (size_t i = 0; i < kWatchSelectorsMax; ++i) {
    const std::string key = absl::StrCat("k", 1000 + i);
    data_.Put(key, "v");
    selectors.push_back({Kind::kKey, key});
  }
  const std::vector<v1::WatchResponse> messages = Drain(Open(Of(selectors)).get());
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].events_size(), static_cast<int>(kWatchMessageEventsMax));
  EXPECT_EQ(messages[1].marker(), v1::MARKER_SYNCED);
}

// Drain() checks that each message fits a client's default.
TEST_F(WatchSelectionTest, LargeValuesOfManyKeysFitTheirMessages) {
  std::vector<Selector> selectors;
  for (int i = 0; i < 6; ++i) {
    const std::string key = absl::StrCat("k", i);
    data_.Put(key, std::string(kValueSizeMaxBytesDefault, 'x'));
    selectors.push_back({Kind::kKey, key});
  }
  WatchSession::Options options = Of(selectors);
  options.as_text = true;
  int events = 0;
  for (const v1::WatchResponse& message : Drain(Open(options).get())) events += message.events_size();
  EXPECT_EQ(events, 6);
}

}  // namespace
}  // namespace dunlin
