// Goal: a store and a Redis that both hold data come together without all of it travelling: what is equal as a whole is
// not looked at, versions are compared first, a value is read only where Redis has the newer one, and the position
// moves only once everything has been compared. Method: the state machine alone, told step by step what Redis and the
// store say. (Both directions: reconcile_test.)

#include <algorithm>
#include <numeric>
#include <string>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/content_sum.h"
#include "storage/limits.h"
#include "tests/sync/follower_tester.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FollowerReconcileTest : public FollowerTester {
 protected:
  // What the store tells of itself: it holds data.
  static Follower::Local WithData() { return {/*events_waiting=*/false, /*revision=*/9, /*sent_revision=*/9}; }

  // A follower whose store holds data and has no place in the epoch, in which Redis has given out `sequence` sequences.
  void BeginComparing(uint64_t sequence) {
    Begin(Known(0));
    follower_->OnSubscribed();
    ConnectTo(PositionAt(sequence), WithData());
  }

  // Hears of another epoch, which the store enters as `entry` says.
  EpochChange EnterNextEpoch(const RelayPosition& position, const EpochEntry& entry) {
    HearAtHeartbeat(position, WithData());
    const EpochChange change = Next<Follower::EnterEpoch>().change;
    follower_->OnEpochEntered(entry, now_);
    return change;
  }
};

// ---- Whether to compare ----

TEST_F(FollowerReconcileTest, AnEmptyStoreReadsEverythingWithoutComparing) {
  Begin(Known(0));
  follower_->OnSubscribed();
  ConnectTo(PositionAt(3));
  CatchUp(0, 3);
  EXPECT_TRUE(follower_->live());
}

TEST_F(FollowerReconcileTest, AStoreThatHasAPlaceInTheEpochReadsOnlyWhatChangedSince) {
  Begin(Known(2));
  follower_->OnSubscribed();
  ConnectTo(PositionAt(3), WithData());
  CatchUp(2, 3);
  EXPECT_TRUE(follower_->live());
}

TEST_F(FollowerReconcileTest, AStoreWithDataAndNoPlaceInTheEpochComparesFromTheStart) {
  BeginComparing(3);
  EXPECT_EQ(Next<Follower::ReadOrders>().after, 0u);
}

TEST_F(FollowerReconcileTest, TheStoreIsToldWhatRedisHoldsInTheNewEpoch) {
  GoLive(5);
  RelayPosition position = PositionAt(9, kEpoch + 1);
  position.records = 4;
  position.sum = ContentSum(77);
  const EpochChange change = EnterNextEpoch(position, EpochEntry{9, false});
  ASSERT_TRUE(change.redis.has_value());
  EXPECT_EQ(change.redis->records, 4u);
  EXPECT_EQ(change.redis->sum, ContentSum(77));
  EXPECT_EQ(change.redis->sequence, 9u);
}

TEST_F(FollowerReconcileTest, ARedisThatDoesNotKnowItsSumIsNotSaidToHoldAnything) {
  GoLive(5);
  RelayPosition position = PositionAt(9, kEpoch + 1);
  position.records = 4;
  EXPECT_FALSE(EnterNextEpoch(position, EpochEntry{0, true}).redis.has_value());
}

TEST_F(FollowerReconcileTest, AStoreThatHoldsWhatRedisHeldGoesOnFromThereAndComparesNothing) {
  GoLive(5);
  EnterNextEpoch(PositionAt(9, kEpoch + 1), EpochEntry{9, false});
  EXPECT_EQ(follower_->status().applied_sequence, 9u);
  // Somebody has written since.
  Hear(PositionAt(11, kEpoch + 1), WithData());
  EXPECT_EQ(Next<Follower::ReadChanges>().after, 9u);
}

TEST_F(FollowerReconcileTest, AStoreThatHoldsSomethingElseCompares) {
  GoLive(5);
  EnterNextEpoch(PositionAt(9, kEpoch + 1), EpochEntry{0, true});
  Hear(PositionAt(9, kEpoch + 1), WithData());
  // Others have noticed the same: each begins at a moment of its own.
  now_ += kReconcileJitterMax;
  EXPECT_EQ(Next<Follower::ReadOrders>().after, 0u);
}

// ---- Versions first ----

TEST_F(FollowerReconcileTest, TheStoreIsAskedAboutTheOrderOfEachKeyThatRedisHas) {
  BeginComparing(2);
  Next<Follower::ReadOrders>();
  follower_->OnOrders(OrdersPage(0, 2));
  const std::vector<KeyAndOrder> items = Next<Follower::Compare>().items;
  ASSERT_EQ(items.size(), 2u);
  for (size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(items[i].key, KeyOf(i + 1));
    EXPECT_EQ(items[i].order, RecordOrder(RecordOf(i + 1)));
  }
}

TEST_F(FollowerReconcileTest, WhatTheStoreHasIsNotRead) {
  BeginComparing(3);
  Compare(0, 3, {});
  const RemoteBatch batch = ReadToTheEnd(3, 3);
  EXPECT_THAT(batch.records, IsEmpty());
  EXPECT_EQ(batch.applied_sequence, 3u);
  Applied();
  EXPECT_TRUE(follower_->live());
}

TEST_F(FollowerReconcileTest, WhatTheStoreLacksIsReadAndStored) {
  BeginComparing(3);
  Compare(0, 3, {0, 2});
  EXPECT_THAT(Next<Follower::ReadRecords>().keys, ElementsAre(KeyOf(1), KeyOf(3)));
  follower_->OnRecords({kEpoch, {RecordOf(1), RecordOf(3)}});
  const RemoteBatch batch = ReadToTheEnd(3, 3);
  ASSERT_EQ(batch.records.size(), 2u);
  EXPECT_EQ(batch.records[0].key, KeyOf(1));
  EXPECT_EQ(batch.records[0].encoded_record, RecordOf(1));
  EXPECT_EQ(batch.records[1].key, KeyOf(3));
  EXPECT_EQ(batch.records[1].encoded_record, RecordOf(3));
  Applied();
  EXPECT_TRUE(follower_->live());
}

TEST_F(FollowerReconcileTest, RecordsThatDidNotFitTheAnswerAreAskedForAgain) {
  BeginComparing(3);
  Compare(0, 3, {0, 1, 2});
  Next<Follower::ReadRecords>();
  follower_->OnRecords({kEpoch, {RecordOf(1)}});
  EXPECT_THAT(Next<Follower::ReadRecords>().keys, ElementsAre(KeyOf(2), KeyOf(3)));
  follower_->OnRecords({kEpoch, {RecordOf(2), RecordOf(3)}});
  EXPECT_EQ(ReadToTheEnd(3, 3).records.size(), 3u);
}

// It has been collected between the two calls.
TEST_F(FollowerReconcileTest, ARecordThatIsGoneWhenItIsReadIsLeftOut) {
  BeginComparing(2);
  Compare(0, 2, {0, 1});
  Next<Follower::ReadRecords>();
  follower_->OnRecords({kEpoch, {"", RecordOf(2)}});
  const RemoteBatch batch = ReadToTheEnd(2, 2);
  ASSERT_EQ(batch.records.size(), 1u);
  EXPECT_EQ(batch.records[0].key, KeyOf(2));
}

TEST_F(FollowerReconcileTest, ARedisThatHoldsNothingTakesNothingAway) {
  BeginComparing(0);
  Next<Follower::ReadOrders>();
  follower_->OnOrders(OrdersPage(0, 0));
  const RemoteBatch batch = ReadToTheEnd(0, 0);
  EXPECT_THAT(batch.records, IsEmpty());
  EXPECT_EQ(batch.fleet_keys, nullptr);
}

// A record that was read may be newer than its page, and the rest of its batch was not wanted then.
TEST_F(FollowerReconcileTest, WhatWasWrittenMeanwhileComesBeforeTheBarrierOpens) {
  BeginComparing(3);
  Compare(0, 3, {});
  EXPECT_FALSE(follower_->live());
  const RemoteBatch batch = ReadToTheEnd(3, 5);
  EXPECT_EQ(batch.records.size(), 2u);
  EXPECT_EQ(batch.applied_sequence, 5u);
}

// ---- Pages ----

TEST_F(FollowerReconcileTest, EachPageIsReadToItsEndBeforeTheNext) {
  BeginComparing(4);
  Compare(0, 2, {1}, /*complete=*/false);
  EXPECT_THAT(Next<Follower::ReadRecords>().keys, ElementsAre(KeyOf(2)));
  follower_->OnRecords({kEpoch, {RecordOf(2)}});
  Compare(2, 4, {});
  EXPECT_EQ(ReadToTheEnd(4, 4).records.size(), 1u);
}

// Who is interrupted compares again: a position on the way would say that everything up to it is here.
TEST_F(FollowerReconcileTest, ALongComparisonIsStoredInPartsAndThePositionWithTheLast) {
  const uint64_t all = kCatchUpAtomicEntriesMax + kOrdersPageEntriesMax;
  BeginComparing(all);
  uint64_t compared = 0;
  uint64_t stored = 0;
  int parts = 0;
  while (!follower_->live() && !HasFailure()) {
    Follower::Action action = follower_->Next(now_);
    if (const auto* orders = std::get_if<Follower::ReadOrders>(&action)) {
      ASSERT_EQ(orders->after, compared);
      compared = std::min<uint64_t>(all, compared + kOrdersPageEntriesMax);
      follower_->OnOrders(OrdersPage(orders->after, compared, compared == all));
    } else if (const auto* compare = std::get_if<Follower::Compare>(&action)) {
      std::vector<size_t> lacking(compare->items.size());
      std::iota(lacking.begin(), lacking.end(), size_t{0});
      follower_->OnCompared(lacking, now_);
    } else if (const auto* read = std::get_if<Follower::ReadRecords>(&action)) {
      EXPECT_LE(read->keys.size(), kChangesPageEntriesMax);
      follower_->OnRecords({kEpoch, std::vector<std::string>(read->keys.size(), RecordOf(1))});
    } else if (const auto* apply = std::get_if<Follower::Apply>(&action)) {
      stored += apply->batch.records.size();
      EXPECT_EQ(apply->batch.applied_sequence, stored < all ? 0u : all);
      ++parts;
      Applied();
    } else {
      ASSERT_NE(std::get_if<Follower::ReadChanges>(&action), nullptr) << "the action has index " << action.index();
      follower_->OnChanges(Page(all, all), now_);
    }
  }
  EXPECT_EQ(stored, all);
  EXPECT_GT(parts, 1);
  EXPECT_EQ(follower_->status().applied_sequence, all);
}

// ---- Interruptions ----

TEST_F(FollowerReconcileTest, ALostConnectionGoesOnWithTheRecordsThatWereWanted) {
  BeginComparing(3);
  Compare(0, 3, {0, 1});
  Next<Follower::ReadRecords>();
  follower_->OnRelayError(absl::UnavailableError("gone"), /*connected=*/false, now_);
  now_ += kReconnectDelayMax;
  ConnectTo(PositionAt(3), WithData());
  EXPECT_THAT(Next<Follower::ReadRecords>().keys, ElementsAre(KeyOf(1), KeyOf(2)));
}

TEST_F(FollowerReconcileTest, AComparisonThatTheStoreFailedAtBeginsAgainFromTheStart) {
  BeginComparing(4);
  Compare(0, 2, {}, /*complete=*/false);
  Next<Follower::ReadOrders>();
  follower_->OnOrders(OrdersPage(2, 4));
  Next<Follower::Compare>();
  follower_->OnCompared(absl::DataLossError("the disk"), now_);
  EXPECT_EQ(follower_->status().error.message(), "the disk");
  const absl::Time again = Next<Follower::Wait>().until;
  EXPECT_GT(again, now_);
  now_ = again;
  EXPECT_EQ(Next<Follower::ReadOrders>().after, 0u);
}

TEST_F(FollowerReconcileTest, OrdersOfAnotherEpochAreNotCompared) {
  BeginComparing(3);
  Next<Follower::ReadOrders>();
  follower_->OnOrders(OrdersPage(0, 3, /*complete=*/true, kEpoch + 1));
  Next<Follower::ReadPosition>();
}

TEST_F(FollowerReconcileTest, RecordsOfAnotherEpochAreNotStored) {
  BeginComparing(3);
  Compare(0, 3, {1});
  Next<Follower::ReadRecords>();
  follower_->OnRecords({kEpoch + 1, {RecordOf(2)}});
  Hear(PositionAt(3), WithData());
  Compare(0, 3, {});
  EXPECT_THAT(ReadToTheEnd(3, 3).records, IsEmpty());
}

TEST_F(FollowerReconcileTest, MoreRecordsThanWereAskedForAreNotStored) {
  BeginComparing(3);
  Compare(0, 3, {1});
  Next<Follower::ReadRecords>();
  follower_->OnRecords({kEpoch, {RecordOf(2), RecordOf(3)}});
  Hear(PositionAt(3), WithData());
  Compare(0, 3, {});
  EXPECT_THAT(ReadToTheEnd(3, 3).records, IsEmpty());
}

// ---- Repair ----

TEST_F(FollowerReconcileTest, ARepairComparesEverythingWhileTheBarrierStaysOpen) {
  GoLive(5);
  follower_->OnRepairWanted();
  Compare(0, 5, {3});
  Next<Follower::ReadRecords>();
  follower_->OnRecords({kEpoch, {RecordOf(4)}});
  const RemoteBatch batch = ReadToTheEnd(5, 5);
  ASSERT_EQ(batch.records.size(), 1u);
  EXPECT_EQ(batch.records[0].key, KeyOf(4));
  EXPECT_TRUE(follower_->live());
  Applied();
  EXPECT_EQ(follower_->status().generation, 1u);
  EXPECT_EQ(follower_->status().gaps_repaired, 0u);
}

TEST_F(FollowerReconcileTest, AfterARepairAGapIsReadFromWhereItBegan) {
  GoLive(5);
  follower_->OnRepairWanted();
  Compare(0, 5, {});
  ReadToTheEnd(5, 5);
  Applied();
  follower_->OnEvent(Event(7), now_);
  EXPECT_EQ(Next<Follower::ReadChanges>().after, 5u);
}

}  // namespace
}  // namespace dunlin
