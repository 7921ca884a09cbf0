// Goal: what no watch stream may say is seen, also over several streams; the state that follows from them is right.
// Method: streams written by hand.

#include "tests/chaos/watch_check.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin::chaos {
namespace {

using client::EventType;
using client::WatchMarker;
using testing::HasSubstr;

client::WatchMessage Says(EventType type, const std::string& key, uint64_t time,
                          WatchMarker marker = WatchMarker::kNone) {
  client::WatchMessage message;
  message.events.push_back({type, {}});
  message.events.back().entry.key = key;
  message.events.back().entry.version = client::Version{time, 7};
  message.marker = marker;
  return message;
}

client::WatchMessage Marks(WatchMarker marker) {
  client::WatchMessage message;
  message.marker = marker;
  return message;
}

Holdings Holding(const std::map<std::string, uint64_t>& times) {
  Holdings holdings;
  for (const auto& [key, time] : times) {
    holdings.entries[key].version = client::Version{time, 7};
  }
  return holdings;
}

class WatchCheckTest : public testing::Test {
 protected:
  void SetUp() override {
    check_.Begin(/*resumed=*/false);
    check_.Take(Says(EventType::kPut, "a", 1));
    EXPECT_FALSE(check_.synced());
    check_.Take(Says(EventType::kPut, "b", 2, WatchMarker::kSynced));
    EXPECT_TRUE(check_.synced());
  }

  WatchCheck check_;
};

TEST_F(WatchCheckTest, TheStateFollowsTheEvents) {
  EXPECT_EQ(check_.Compare(Holding({{"a", 1}, {"b", 2}})), "");
  check_.Take(Says(EventType::kDelete, "a", 3));
  check_.Take(Says(EventType::kPut, "b", 4));
  check_.Take(Says(EventType::kPut, "c", 5));
  check_.Take(Says(EventType::kExpire, "c", 5));
  EXPECT_EQ(check_.Compare(Holding({{"b", 4}})), "");
  EXPECT_EQ(check_.violation(), "");
  EXPECT_EQ(check_.events(), 6u);
}

TEST_F(WatchCheckTest, AnOlderValueAfterANewerOneIsSeen) {
  check_.Take(Says(EventType::kPut, "a", 5));
  check_.Take(Says(EventType::kPut, "a", 4));
  EXPECT_THAT(check_.violation(), HasSubstr("a: version 4-7 was said after 5-7"));
}

TEST_F(WatchCheckTest, AnOlderValueAfterADeleteIsSeen) {
  check_.Take(Says(EventType::kDelete, "a", 5));
  check_.Take(Says(EventType::kPut, "a", 4));
  EXPECT_THAT(check_.violation(), HasSubstr("a: version 4-7"));
}

TEST_F(WatchCheckTest, AnOlderValueOnAResumedStreamIsSeen) {
  check_.Take(Says(EventType::kPut, "a", 5));
  check_.Begin(/*resumed=*/true);
  check_.Take(Says(EventType::kPut, "a", 5));
  EXPECT_EQ(check_.violation(), "") << "to say the same again is no fault";
  check_.Take(Says(EventType::kPut, "a", 4));
  EXPECT_THAT(check_.violation(), HasSubstr("a: version 4-7"));
}

TEST_F(WatchCheckTest, AnOlderValueAfterAResetIsSeen) {
  check_.Take(Says(EventType::kPut, "a", 5));
  check_.Take(Marks(WatchMarker::kReset));
  EXPECT_FALSE(check_.synced());
  check_.Take(Says(EventType::kPut, "a", 4, WatchMarker::kSynced));
  EXPECT_THAT(check_.violation(), HasSubstr("a: version 4-7"));
  EXPECT_EQ(check_.resets(), 1u);
}

TEST_F(WatchCheckTest, AResetForgetsWhatIsNotSaidAgain) {
  check_.Take(Marks(WatchMarker::kReset));
  check_.Take(Says(EventType::kPut, "b", 2, WatchMarker::kSynced));
  EXPECT_EQ(check_.Compare(Holding({{"b", 2}})), "");
}

TEST_F(WatchCheckTest, AResumedStreamGoesOnWithTheState) {
  check_.Begin(/*resumed=*/true);
  EXPECT_EQ(check_.Compare(Holding({{"a", 1}, {"b", 2}})), "");
  check_.Begin(/*resumed=*/false);
  EXPECT_FALSE(check_.synced());
}

TEST_F(WatchCheckTest, WhatWasNotSaidIsSeen) {
  EXPECT_THAT(check_.Compare(Holding({{"a", 1}, {"b", 2}, {"c", 3}})), HasSubstr("c: has version 3-7"));
  EXPECT_THAT(check_.Compare(Holding({{"a", 1}, {"b", 3}})), HasSubstr("b: was last said to have version 2-7"));
}

TEST_F(WatchCheckTest, WhatWasSaidAndIsNotThereIsSeen) {
  EXPECT_THAT(check_.Compare(Holding({{"a", 1}})), HasSubstr("b: was said to be there"));
}

}  // namespace
}  // namespace dunlin::chaos
