// Goal: who asks for it is told what each change has replaced or removed, or that it cannot be told; and then it is
// right. Method: sessions over a real store and feed, drained by hand.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/watch_session.h"
#include "storage/limits.h"
#include "storage/record.h"
#include "tests/server/watch_session_tester.h"
#include "tests/support/answer.h"

namespace dunlin {
namespace {

class WatchPreviousTest : public WatchSessionTester {
 protected:
  static WatchSession::Options WithPrevious(bool initial_state = false) {
    WatchSession::Options options = Everything(initial_state);
    options.previous = true;
    return options;
  }

  // What was before each event, as "key:value "; "key? " where it is unknown, "key: " where nothing was.
  static std::string Previous(const std::vector<v1::WatchResponse>& messages) {
    std::string text;
    for (const v1::WatchResponse& message : messages) {
      for (const v1::Event& event : message.events()) {
        EXPECT_TRUE(!event.has_previous() || event.previous().key() == event.entry().key());
        EXPECT_TRUE(!event.has_previous() || event.previous().revision() != 0);
        absl::StrAppend(&text, event.entry().key(), event.previous_unknown() ? "?" : ":", event.previous().value(),
                        " ");
      }
    }
    return text;
  }
};

TEST_F(WatchPreviousTest, EachChangeTellsWhatWasBefore) {
  data_.Put("a", "0");
  const auto session = Open(WithPrevious());
  Drain(session.get());
  data_.Put("a", "1");
  data_.Put("a", "2");
  data_.Delete("a");
  data_.Put("a", "3");
  data_.Put("b", "1", absl::Seconds(10));
  data_.Advance(absl::Seconds(11));
  data_.Put("b", "2");
  EXPECT_EQ(Previous(Drain(session.get())), "a:0 a:1 a:2 a: b: b:1 b: ");
}

TEST_F(WatchPreviousTest, WhoDoesNotAskIsNotTold) {
  const auto session = Open(Everything());
  const auto other = Open(WithPrevious());
  Drain(session.get());
  Drain(other.get());
  data_.Put("a", "1");
  data_.Put("a", "2");
  for (const v1::WatchResponse& message : Drain(session.get())) {
    for (const v1::Event& event : message.events()) EXPECT_FALSE(event.has_previous() || event.previous_unknown());
  }
}

// Its time was over when it came here, so that it never was an entry here.
TEST_F(WatchPreviousTest, WhatCameFromElsewhereToExpireHasReplacedWhatWasHere) {
  data_.Put("a", "1");
  const auto session = Open(WithPrevious());
  Drain(session.get());
  for (const char* key : {"a", "b"}) {
    Record record;
    record.version = Version{data_.store->state().clock_time + (uint64_t{1} << 20), 77};
    record.value = "elsewhere";
    record.expiry_unix_ms = 1;
    RemoteBatch batch;
    batch.records.push_back(VersionedRecord{key, EncodeRecord(record)});
    Answer<absl::StatusOr<ApplyResult>> applied;
    data_.committer->Apply(std::move(batch), applied.Callback());
    EXPECT_TRUE(applied.Get().ok()) << applied.Get().status();
  }
  EXPECT_EQ(Previous(Drain(session.get())), "a:1 b: ");
}

TEST_F(WatchPreviousTest, WhatWasDamagedIsUnknown) {
  data_.Put("a", "1");
  data_.Damage("a");  // Opens the store anew, which no session outlives.
  const auto session = Open(WithPrevious());
  Drain(session.get());
  data_.Put("a", "2");
  EXPECT_EQ(Previous(Drain(session.get())), "a? ");
}

TEST_F(WatchPreviousTest, WhatTheTableTellsIsUnknown) {
  const Position start = data_.store->position();
  data_.Put("a", "1");
  data_.Put("b", "1", absl::Seconds(10));
  data_.Advance(absl::Seconds(11));
  WatchSession::Options options = WithPrevious();
  options.resume = start;
  EXPECT_EQ(Previous(Drain(Open(options).get())), "a? b? ");
}

TEST_F(WatchPreviousTest, AStateHasNoBefore) {
  data_.Put("a", "1");
  EXPECT_EQ(Previous(Drain(Open(WithPrevious(/*initial_state=*/true)).get())), "a? ");
}

// The committer keeps it for nobody else.
TEST_F(WatchPreviousTest, NothingIsKeptOnceNobodyWantsIt) {
  auto session = Open(WithPrevious());
  Drain(session.get());
  EXPECT_TRUE(data_.feed.wants_previous());
  session.reset();
  EXPECT_FALSE(data_.feed.wants_previous());
}

}  // namespace
}  // namespace dunlin
