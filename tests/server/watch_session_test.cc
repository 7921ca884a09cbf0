// Goal: a watch stream says everything that matches and nothing older after something newer, whatever it goes through:
// initial state, replay, live, set aside, resumed. Method: each hand-over by example, on a store whose writer waits for
// the test. (All of them mixed, with a writer that does not wait: watch_session_model_test.)

#include "server/watch_session.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/limits.h"
#include "storage/limits.h"
#include "storage/record.h"
#include "tests/server/watch_session_tester.h"

namespace dunlin {
namespace {

using Step = WatchSession::Step;
using WatchSessionTest = WatchSessionTester;

TEST_F(WatchSessionTest, WithoutInitialStateItStartsFromNow) {
  data_.Put("a", "1");
  const auto session = Open(Everything());
  EXPECT_EQ(Describe(Drain(session.get())), "SYNCED ");
  data_.Put("b", "2");
  data_.Delete("a");
  EXPECT_EQ(Describe(Drain(session.get())), "b=2 a- ");
}

TEST_F(WatchSessionTest, InitialStateHasNoTokenBeforeSynced) {
  for (int i = 0; i < 600; ++i) data_.Put(absl::StrCat("k", 1000 + i), "v");
  const auto session = Open(Everything(/*initial_state=*/true));
  const v1::WatchResponse first = Next(session.get(), Step::kMessage);
  data_.Put("k1000", "new");
  data_.Delete("k1001");
  std::vector<v1::WatchResponse> messages = Drain(session.get());
  messages.insert(messages.begin(), first);
  ASSERT_EQ(messages.back().marker(), v1::MARKER_SYNCED);
  EXPECT_FALSE(messages.back().token().empty());
  messages.pop_back();
  for (const v1::WatchResponse& message : messages) EXPECT_EQ(message.token(), "");
  const std::string said = Describe(messages);
  EXPECT_NE(said.find("k1000=new k1001- "), std::string::npos) << "what changed meanwhile follows";
}

TEST_F(WatchSessionTest, AnInitialStateAmongDeletedKeysReadsOnePageAtATime) {
  std::vector<Mutation> deletes(500);
  for (size_t n = 0; n < 2 * kReadRowsMax; n += deletes.size()) {
    for (size_t i = 0; i < deletes.size(); ++i) {
      deletes[i].kind = Mutation::Kind::kDelete;
      deletes[i].key = absl::StrCat("k", n + i);
    }
    ASSERT_TRUE(data_.Write(deletes).ok());
  }
  data_.Put("last", "1");
  const auto session = Open(Everything(/*initial_state=*/true));
  WatchOutput output;
  EXPECT_EQ(session->Next(&output).value(), Step::kMore) << "others must have their turn in between";
  EXPECT_EQ(Describe(Drain(session.get())), "last=1 SYNCED ");
}

TEST_F(WatchSessionTest, HeartbeatBeforeSyncedHasNoToken) {
  data_.Put("a", "1");
  const auto session = Open(Everything(/*initial_state=*/true));
  Next(session.get(), Step::kMessage);
  v1::WatchResponse heartbeat = Next(session.get(), Step::kMore);
  session->Heartbeat(&heartbeat);
  EXPECT_EQ(heartbeat.marker(), v1::MARKER_HEARTBEAT);
  EXPECT_EQ(heartbeat.token(), "");
}

TEST_F(WatchSessionTest, ExpiryIsAnEvent) {
  data_.Put("a", "1", absl::Seconds(10));
  const auto session = Open(Everything(/*initial_state=*/true));
  EXPECT_EQ(Describe(Drain(session.get())), "a=1 SYNCED ");
  data_.Advance(absl::Seconds(11));
  EXPECT_EQ(Describe(Drain(session.get())), "a! ");
}

TEST_F(WatchSessionTest, OneKeyIsOneKey) {
  data_.Put("a", "1");
  data_.Put("ab", "2");
  WatchSession::Options options = Everything(/*initial_state=*/true);
  options.selection = Selector{Selector::Kind::kKey, "a"};
  const auto session = Open(options);
  EXPECT_EQ(Describe(Drain(session.get())), "a=1 SYNCED ");
  data_.Put("ab", "3");
  data_.Put("a", "4");
  EXPECT_EQ(Describe(Drain(session.get())), "a=4 ");
}

TEST_F(WatchSessionTest, ResumeContinuesAfterTheToken) {
  const Position token = data_.Put("a", "1").position;
  data_.Put("b", "2");
  data_.Put("b", "3");
  const auto session = Open(ResumeAt(token));
  EXPECT_EQ(Describe(Drain(session.get())), "b=3 SYNCED ");
}

// What others have written is told before it is synced. A token of what a power failure has taken back must not come to
// stand for what is written later.
TEST_F(WatchSessionTest, ATokenOfWhatAPowerFailureHasTakenBackBeginsAnew) {
  data_.Put("a", "1");
  const Position known = data_.store->position();
  data_.LosePower();
  Position lost = known;
  lost.revision += 3;
  for (int i = 0; i < 5; ++i) {
    data_.Put("b", absl::StrCat(i));
  }
  EXPECT_EQ(Describe(Drain(Open(ResumeAt(lost)).get())), "RESET a=1 b=4 SYNCED ");
  EXPECT_EQ(Describe(Drain(Open(ResumeAt(known)).get())), "b=4 SYNCED ");
  const Position later = data_.store->position();
  data_.LosePower();
  data_.Put("c", "1");
  EXPECT_EQ(Describe(Drain(Open(ResumeAt(lost)).get())), "RESET a=1 b=4 c=1 SYNCED ");
  EXPECT_EQ(Describe(Drain(Open(ResumeAt(later)).get())), "c=1 SYNCED ");
}

TEST_F(WatchSessionTest, ALongResumeHasTokensOnTheWay) {
  const Position token = data_.Put("a", "1").position;
  for (int i = 0; i < 600; ++i) data_.Put(absl::StrCat("k", i), "v");
  const auto session = Open(ResumeAt(token));
  const v1::WatchResponse first = Next(session.get(), Step::kMessage);
  // A reader that is cut off again and again comes to the end nevertheless.
  const auto again = Open(ResumeAt(TokenOf(first)));
  const v1::WatchResponse second = Next(again.get(), Step::kMessage);
  EXPECT_GT(second.events(0).entry().revision(), first.events().rbegin()->entry().revision());
}

TEST_F(WatchSessionTest, TokenFromTheFutureOrOfAnotherStoreGetsTheFullState) {
  const Position now = data_.Put("a", "1").position;
  Position future = now;
  future.revision += 1;
  Position far_future = now;
  far_future.revision = UINT64_MAX;
  Position other_store = now;
  other_store.store_id += 1;
  for (const Position& token : {future, far_future, other_store}) {
    const auto session = Open(ResumeAt(token));
    const std::vector<v1::WatchResponse> messages = Drain(session.get());
    EXPECT_EQ(Describe(messages), "RESET a=1 SYNCED ");
    EXPECT_EQ(TokenOf(messages.back()).revision, now.revision);
    // Whoever is cut off after RESET holds nothing, and begins anew with what it has come with.
    EXPECT_EQ(Describe(Drain(Open(ResumeAt(TokenOf(messages.front()))).get())), "RESET a=1 SYNCED ");
  }
}

// A key that was deleted after the token and forgotten since would stay with the reader for ever.
TEST_F(WatchSessionTest, ATokenFromBeforeWhatIsRememberedOfDeletionsGetsTheFullState) {
  const Position before = data_.Put("kept", "1").position;
  Record tombstone;
  tombstone.version = Version{1, 1};
  tombstone.tombstone = true;
  data_.Apply({{{"gone", EncodeRecord(tombstone)}}, 0, 0});
  const Position after = data_.store->position();
  const auto lagging = Open(ResumeAt(before));
  for (int round = 0; round < 200 && data_.store->state().collected_revision == 0; ++round) {
    data_.Advance(kTombstoneHorizonDefault / 10);
  }
  ASSERT_EQ(data_.store->state().collected_revision, after.revision);
  EXPECT_EQ(Describe(Drain(Open(ResumeAt(before)).get())), "RESET kept=1 SYNCED ");
  EXPECT_EQ(Describe(Drain(Open(ResumeAt(after)).get())), "SYNCED ");
  EXPECT_EQ(Describe(Drain(lagging.get())), "RESET kept=1 SYNCED ") << "it was there before, and has not been read";
}

TEST_F(WatchSessionTest, ResetOfAnEmptyStoreIsSaidToo) {
  Position other_store;
  other_store.store_id = 1;
  EXPECT_EQ(Describe(Drain(Open(ResumeAt(other_store)).get())), "RESET SYNCED ");
}

TEST_F(WatchSessionTest, HeartbeatMovesTheTokenOverWhatDoesNotMatch) {
  WatchSession::Options options = Everything();
  options.selection = Selector{Selector::Kind::kKey, "mine"};
  const auto session = Open(options);
  Drain(session.get());
  const uint64_t revision = data_.Put("other", "1").position.revision;
  v1::WatchResponse heartbeat = Next(session.get(), Step::kNothing);
  session->Heartbeat(&heartbeat);
  EXPECT_EQ(TokenOf(heartbeat).revision, revision);
}

TEST_F(WatchSessionTest, HeartbeatDoesNotCoverWhatWaitsInTheQueue) {
  const auto session = Open(Everything());
  Drain(session.get());
  v1::WatchResponse heartbeat = Next(session.get(), Step::kNothing);
  // Between the look and the heartbeat.
  const uint64_t revision = data_.Put("a", "1").position.revision;
  session->Heartbeat(&heartbeat);
  EXPECT_LT(TokenOf(heartbeat).revision, revision);
  EXPECT_EQ(Describe(Drain(session.get())), "a=1 ");
}

TEST_F(WatchSessionTest, HeartbeatDoesNotCoverWhatIsCommittedButNotPublished) {
  const uint64_t start = data_.store->position().revision;
  ChangeFeed late_feed;
  late_feed.Publish({}, start);
  WatchSession session(Everything(), data_.store.get(), &late_feed, [] {});
  Drain(&session);
  data_.Put("a", "1");
  v1::WatchResponse heartbeat = Next(&session, Step::kNothing);
  session.Heartbeat(&heartbeat);
  EXPECT_EQ(TokenOf(heartbeat).revision, start);
  Change change;
  change.revision = start + 1;
  change.key = "a";
  late_feed.Publish({std::make_shared<Change>(change)}, change.revision);
  EXPECT_EQ(Describe(Drain(&session)), "a= ");
}

// The feed publishes after the commit: in between, the table shows what the feed will bring once more.
TEST_F(WatchSessionTest, WhatTheTableShowedBeforeTheFeedIsNotSaidAgain) {
  const Position start = data_.store->position();
  ChangeFeed late_feed;
  late_feed.Publish({}, start.revision);
  data_.Put("a", "old");
  data_.Put("a", "new");
  WatchSession session(ResumeAt(start), data_.store.get(), &late_feed, [] {});
  EXPECT_EQ(Describe(Drain(&session)), "a=new SYNCED ");
  Change old;
  old.revision = start.revision + 1;
  old.key = "a";
  Change latest = old;
  latest.revision = start.revision + 2;
  late_feed.Publish({std::make_shared<Change>(old), std::make_shared<Change>(latest)}, latest.revision);
  EXPECT_EQ(Describe(Drain(&session)), "") << "an older value after a newer one";
}

TEST_F(WatchSessionTest, TokenDoesNotCoverSequencesThatWereNotSaid) {
  data_.EnterEpoch(7, /*refill=*/false);
  const auto session = Open(Everything());
  ASSERT_EQ(TokenOf(Drain(session.get()).back()).sequence, 0u);
  for (uint64_t sequence = 1; sequence <= 400; ++sequence) {
    Record record;
    record.version = Version{sequence, 1};
    data_.Apply({{{absl::StrCat("k", sequence), EncodeRecord(record)}}, 7, sequence});
  }
  uint64_t said = 0;
  uint64_t covered = 0;
  for (const v1::WatchResponse& message : Drain(session.get())) {
    said += message.events_size();
    covered = TokenOf(message).sequence;
    EXPECT_LE(covered, said) << "each change has a sequence and is told in order";
  }
  EXPECT_EQ(said, 400u);
  EXPECT_EQ(covered, 400u) << "at the end the token is as good as it can be";
}

TEST_F(WatchSessionTest, ALongReplayReadsOnePageAtATime) {
  std::vector<Mutation> batch(1000);
  const Position start = data_.store->position();
  for (int round = 0; round < 13; ++round) {
    for (size_t i = 0; i < batch.size(); ++i) batch[i].key = absl::StrCat("k", round, "-", i);
    ASSERT_TRUE(data_.Write(batch).ok());
  }
  WatchSession::Options options = ResumeAt(start);
  options.selection = Selector{Selector::Kind::kKey, "k12-999"};
  const auto session = Open(options);
  int pages = 0;
  WatchOutput output;
  while (session->Next(&output).value() == Step::kMore) ++pages;
  EXPECT_GE(pages, 2) << "others must have their turn in between";
  const v1::WatchResponse message = Arrived(*session, output);
  ASSERT_EQ(message.events_size(), 1);
  EXPECT_EQ(message.events(0).entry().key(), "k12-999");
}

TEST_F(WatchSessionTest, MessagesOfLargeValuesFitAClientsDefault) {
  const auto live = Open(Everything());
  WatchSession::Options as_text = Everything();
  as_text.as_text = true;
  const auto live_text = Open(as_text);
  Drain(live.get());
  Drain(live_text.get());
  const Position start = data_.store->position();
  const std::vector<size_t> sizes = {kWatchMessageMaxBytes - 300, kValueSizeMaxBytesHard, 10,        kTextSizeMaxBytes,
                                     kTextSizeMaxBytes,           kTextSizeMaxBytes + 1,  500 << 10, 500 << 10};
  for (size_t i = 0; i < sizes.size(); ++i) data_.Put(absl::StrCat("k", i), std::string(sizes[i], 'x'));
  WatchSession::Options state_text = as_text;
  state_text.initial_state = true;
  WatchSession::Options resume_text = ResumeAt(start);
  resume_text.as_text = true;
  const auto check = [&](WatchSession* session, bool text, absl::string_view what) {
    size_t events = 0;
    for (const v1::WatchResponse& message : Drain(session)) {
      for (const v1::Event& event : message.events()) {
        ++events;
        EXPECT_EQ(event.entry().has_text(), text && event.entry().value().size() <= kTextSizeMaxBytes) << what;
      }
    }
    EXPECT_EQ(events, sizes.size()) << what;
  };
  check(live.get(), false, "live");
  check(live_text.get(), true, "live as text");
  check(Open(Everything(true)).get(), false, "state");
  check(Open(state_text).get(), true, "state as text");
  check(Open(ResumeAt(start)).get(), false, "resume");
  check(Open(resume_text).get(), true, "resume as text");
}

TEST_F(WatchSessionTest, AFullQueueIsReplacedByTheTable) {
  const auto session = Open(Everything());
  Drain(session.get());
  for (size_t i = 0; i < 3 * kStreamQueueEventsMax; ++i) data_.Put(absl::StrCat("k", i % 10), absl::StrCat(i));
  const std::vector<v1::WatchResponse> messages = Drain(session.get());
  EXPECT_EQ(Describe(messages), "k2=3062 k3=3063 k4=3064 k5=3065 k6=3066 k7=3067 k8=3068 k9=3069 k0=3070 k1=3071 ");
  data_.Put("k0", "live again");
  EXPECT_EQ(Describe(Drain(session.get())), "k0=live again ");
}

// As the same objects that all other streams are told, so that their encoding is shared; who wants each change is told
// from the table, which alone knows that there were others.
TEST_F(WatchSessionTest, WhoFallsBehindByLittleIsToldFromMemory) {
  WatchSession::Options every_change = Everything();
  every_change.every_change = true;
  const auto session = Open(Everything());
  const auto careful = Open(every_change);
  Drain(session.get());
  Drain(careful.get());
  for (size_t i = 0; i < kStreamQueueEventsMax + 10; ++i) {
    data_.Put(absl::StrCat("k", i % 10), absl::StrCat(i));
  }
  WatchOutput output;
  ASSERT_EQ(*session->Next(&output), Step::kMessage);
  EXPECT_EQ(output.changes.size(), 10u);
  EXPECT_EQ(output.message.events_size(), 0);
  WatchOutput from_table;
  ASSERT_EQ(*careful->Next(&from_table), Step::kMessage);
  EXPECT_EQ(from_table.message.events_size(), 10);
  EXPECT_EQ(from_table.message.marker(), v1::MARKER_GAP);
}

TEST_F(WatchSessionTest, TheQueueIsBoundedInEventsAndBytes) {
  for (const size_t value_size : {size_t{0}, kValueSizeMaxBytesDefault}) {
    ChangeFeed feed;
    WatchSession session(Everything(), data_.store.get(), &feed, [] {});
    Drain(&session);
    std::vector<ChangePtr> changes;
    for (size_t i = 1; i <= 2 * kStreamQueueEventsMax; ++i) {
      Change change;
      change.revision = i;
      // What the queue weighs is told by this alone.
      if (i <= 20) change.encoded_record.resize(value_size);
      changes.push_back(std::make_shared<Change>(std::move(change)));
      feed.Publish({changes.back()}, i);
    }
    size_t held = 0;
    size_t held_bytes = 0;
    for (const ChangePtr& change : changes) {
      // One is ours.
      held += change.use_count() > 1 ? 1 : 0;
      held_bytes += change.use_count() > 1 ? change->SizeBytes() : 0;
    }
    // And the latest of the one key that they all have: the feed keeps that.
    EXPECT_LE(held, kStreamQueueEventsMax + 1);
    EXPECT_LE(held_bytes, kStreamQueueMaxBytes + kValueSizeMaxBytesHard);
    EXPECT_GT(held, 0u);
  }
}

TEST_F(WatchSessionTest, SessionsThatEndLeaveTheFeed) {
  {
    const auto session = Open(Everything());
    Drain(session.get());
    EXPECT_EQ(data_.feed.listeners(), 1u);
  }
  EXPECT_EQ(data_.feed.listeners(), 0u);
}

}  // namespace
}  // namespace dunlin
