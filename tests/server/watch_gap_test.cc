// Goal: who wants every change is told GAP wherever some are missing, and nowhere else; who does not is never told.
// Method: sessions over a real store and feed, drained by hand, whose queues overflow or which resume.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/watch_session.h"
#include "storage/limits.h"
#include "tests/server/watch_session_tester.h"

namespace dunlin {
namespace {

class WatchGapTest : public WatchSessionTester {
 protected:
  static WatchSession::Options EveryChange(bool initial_state = false) {
    WatchSession::Options options = Everything(initial_state);
    options.every_change = true;
    return options;
  }

  static WatchSession::Options EveryChangeAfter(const Position& position) {
    WatchSession::Options options = ResumeAt(position);
    options.every_change = true;
    return options;
  }

  // More than a stream may leave unread.
  void Overflow(const std::string& key) {
    for (size_t i = 0; i <= kStreamQueueEventsMax; ++i) data_.Put(key, absl::StrCat(i));
  }

  static int Gaps(const std::vector<v1::WatchResponse>& messages) {
    int gaps = 0;
    for (const v1::WatchResponse& message : messages) gaps += message.marker() == v1::MARKER_GAP ? 1 : 0;
    return gaps;
  }
};

TEST_F(WatchGapTest, WhoKeepsUpIsToldEachChangeAndNoGap) {
  const auto session = Open(EveryChange(/*initial_state=*/true));
  EXPECT_EQ(Describe(Drain(session.get())), "SYNCED ");
  for (const char* value : {"1", "2", "3"}) data_.Put("k", value);
  EXPECT_EQ(Describe(Drain(session.get())), "k=1 k=2 k=3 ");
}

TEST_F(WatchGapTest, AnOverflowOfOneKeyIsAGap) {
  const auto session = Open(EveryChange()), other = Open(Everything());
  Drain(session.get());
  Drain(other.get());
  Overflow("k");
  EXPECT_EQ(Describe(Drain(session.get())), absl::StrCat("GAP k=", kStreamQueueEventsMax, " "));
  EXPECT_EQ(Describe(Drain(other.get())), absl::StrCat("k=", kStreamQueueEventsMax, " ")) << "it has not asked";
  data_.Put("k", "next");
  EXPECT_EQ(Describe(Drain(session.get())), "k=next ");
}

// Each key has changed once: the table has everything that the queue had.
TEST_F(WatchGapTest, AnOverflowThatLosesNothingIsNone) {
  const auto session = Open(EveryChange());
  Drain(session.get());
  for (size_t i = 0; i <= kStreamQueueEventsMax; ++i) data_.Put(absl::StrCat("k", i), "1");
  const std::vector<v1::WatchResponse> messages = Drain(session.get());
  EXPECT_EQ(Gaps(messages), 0);
  size_t events = 0;
  for (const v1::WatchResponse& message : messages) events += static_cast<size_t>(message.events_size());
  EXPECT_EQ(events, kStreamQueueEventsMax + 1);
}

TEST_F(WatchGapTest, WhatOthersHaveMissedIsNoGap) {
  WatchSession::Options options = EveryChange();
  options.selection = Selector{Selector::Kind::kKey, "mine"};
  const Position start = data_.store->position();
  data_.Put("mine", "1");
  data_.Put("theirs", "1");
  data_.Put("theirs", "2");
  options.resume = start;
  EXPECT_EQ(Describe(Drain(Open(options).get())), "mine=1 SYNCED ");
}

TEST_F(WatchGapTest, AResumeOverConflatedChangesIsAGap) {
  const Position start = data_.store->position();
  data_.Put("a", "1");
  EXPECT_EQ(Describe(Drain(Open(EveryChangeAfter(start)).get())), "a=1 SYNCED ");
  data_.Put("a", "2");
  EXPECT_EQ(Describe(Drain(Open(EveryChangeAfter(start)).get())), "GAP a=2 SYNCED ");
  EXPECT_EQ(Describe(Drain(Open(ResumeAt(start)).get())), "a=2 SYNCED ");
}

// Its put has been told to nobody who comes now.
TEST_F(WatchGapTest, AnEntryThatHasExpiredMeanwhileIsAGap) {
  const Position start = data_.store->position();
  data_.Put("a", "1", absl::Milliseconds(10));
  data_.Advance(absl::Seconds(1));
  EXPECT_EQ(Describe(Drain(Open(EveryChangeAfter(start)).get())), "GAP a! SYNCED ");
}

// What was conflated into a state that the reader does not have yet is not missing from it.
TEST_F(WatchGapTest, AStateHasNoGap) {
  data_.Put("a", "1");
  data_.Put("a", "2");
  const auto session = Open(EveryChange(/*initial_state=*/true));
  data_.Put("b", "1");
  data_.Put("b", "2");
  EXPECT_EQ(Gaps(Drain(session.get())), 0);
}

}  // namespace
}  // namespace dunlin
