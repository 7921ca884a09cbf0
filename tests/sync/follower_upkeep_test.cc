// Goal: what one replica has to do for all is done by exactly the one that Redis names: it removes old tombstones, in
// rounds that are a period apart, and brings back what Redis' index has lost, once for each loss. Method: the state
// machine alone, told step by step what Redis says. (Who is named: relay_reconcile_test.)

#include <algorithm>
#include <cstdint>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/sync/follower_tester.h"

namespace dunlin {
namespace {

class FollowerUpkeepTest : public FollowerTester {
 protected:
  static constexpr uint64_t kStoreId = 5;
  static constexpr absl::Duration kHorizon = absl::Minutes(64);

  // A follower that is live at sequence 5.
  void GoLive() {
    Follower::Options options = Known(5);
    options.lease = LeaseRequest{kStoreId, /*boot_id=*/11};
    options.tombstone_horizon = kHorizon;
    Begin(options);
    follower_->OnSubscribed();
    Connect(5);
    CatchUp(5, 5);
    ASSERT_TRUE(follower_->live());
  }

  static RelayPosition Elected(bool caretaker = true) {
    RelayPosition position = PositionAt(5);
    position.caretaker = caretaker;
    return position;
  }

  // A page of a round: `removed` tombstones; the round goes on after `next_after`, 0 if it has ended.
  void Collected(uint64_t removed, uint64_t next_after) {
    CollectReply reply;
    reply.epoch = kEpoch;
    reply.removed = removed;
    reply.next_after = next_after;
    follower_->OnCollected(reply, now_);
  }

  // Redis' index lacks records.
  static RelayPosition Unindexed(bool caretaker = true) {
    RelayPosition position = Elected(caretaker);
    position.unindexed = 3;
    return position;
  }

  void Reindexed(uint64_t next_cursor, uint64_t found = 2) {
    ReindexReply reply;
    reply.epoch = kEpoch;
    reply.found = found;
    reply.next_cursor = next_cursor;
    follower_->OnReindexed(reply, now_);
  }

  // It has another duty beside, whose turn it is.
  void ExpectOldTombstonesCollected() {
    if (std::holds_alternative<Follower::Collect>(follower_->Next(now_))) {
      Collected(/*removed=*/0, /*next_after=*/0);
    }
  }

  void ExpectNoReindex() {
    ExpectOldTombstonesCollected();
    Next<Follower::Wait>();
  }
};

// ---- Collecting ----

TEST_F(FollowerUpkeepTest, WhoIsElectedCollectsFromTheStart) {
  GoLive();
  HearAtHeartbeat(Elected());
  const CollectQuery query = Next<Follower::Collect>().query;
  EXPECT_EQ(query.epoch, kEpoch);
  EXPECT_EQ(query.horizon, kHorizon);
  EXPECT_EQ(query.sample_period, CollectionPeriodOf(kHorizon));
  EXPECT_EQ(query.after, 0u);
  EXPECT_EQ(query.entries_max, kCollectedEntriesMax);
}

TEST_F(FollowerUpkeepTest, WhoIsNotElectedCollectsNothing) {
  GoLive();
  for (int i = 0; i < 5; ++i) {
    HearAtHeartbeat(Elected(false));
    EXPECT_EQ(Next<Follower::Wait>().until, now_ + kRedisHeartbeatPeriod);
  }
}

TEST_F(FollowerUpkeepTest, WhoIsNotLiveCollectsNothing) {
  Begin(Known(5));
  ConnectTo(Elected());
  EXPECT_EQ(Next<Follower::Wait>().until, now_ + kRedisHeartbeatPeriod);
  follower_->OnSubscribed();
  CatchUp(5, 5);
  Next<Follower::Collect>();
}

TEST_F(FollowerUpkeepTest, ARoundGoesOnPageByPage) {
  GoLive();
  HearAtHeartbeat(Elected());
  Next<Follower::Collect>();
  Collected(/*removed=*/3, /*next_after=*/20);
  EXPECT_EQ(Next<Follower::Collect>().query.after, 20u);
  Collected(/*removed=*/4, /*next_after=*/0);
  Next<Follower::Wait>();
  EXPECT_EQ(follower_->status().tombstones_collected, 7u);
}

TEST_F(FollowerUpkeepTest, TheNextRoundBeginsAPeriodAfterTheEndOfTheLast) {
  GoLive();
  HearAtHeartbeat(Elected());
  Next<Follower::Collect>();
  Collected(/*removed=*/0, /*next_after=*/0);
  const absl::Time next = now_ + CollectionPeriodOf(kHorizon);
  while (now_ < next && !HasFailure()) {
    const absl::Time until = Next<Follower::Wait>().until;
    ASSERT_LE(until, next);
    now_ = until;
    if (now_ < next) {
      Hear(Elected());
    }
  }
  Hear(Elected());
  EXPECT_EQ(Next<Follower::Collect>().query.after, 0u);
}

TEST_F(FollowerUpkeepTest, WhoIsElectedNoMoreLeavesItsRoundWhereItIs) {
  GoLive();
  HearAtHeartbeat(Elected());
  Next<Follower::Collect>();
  Collected(/*removed=*/3, /*next_after=*/20);
  HearAtHeartbeat(Elected(false));
  Next<Follower::Wait>();
}

TEST_F(FollowerUpkeepTest, AfterARefusalItWaitsAndStaysLive) {
  GoLive();
  HearAtHeartbeat(Elected());
  Next<Follower::Collect>();
  follower_->OnCollectRefused(now_);
  EXPECT_TRUE(follower_->live());
  EXPECT_TRUE(follower_->status().error.ok());
  const absl::Time next = now_ + kUpkeepRetryDelay;
  HearAtHeartbeat(Elected());
  Next<Follower::Wait>();
  now_ = next;
  Hear(Elected());
  Next<Follower::Collect>();
}

TEST_F(FollowerUpkeepTest, ARoundOfAnEpochThatHasEndedIsLookedIntoAndNotGoneOnWith) {
  GoLive();
  HearAtHeartbeat(Elected());
  Next<Follower::Collect>();
  Collected(/*removed=*/3, /*next_after=*/20);
  Next<Follower::Collect>();
  CollectReply reply;
  reply.epoch_changed = true;
  reply.epoch = kEpoch + 1;
  follower_->OnCollected(reply, now_);
  EXPECT_EQ(follower_->status().tombstones_collected, 3u);
  Hear(Elected());
  now_ += CollectionPeriodOf(kHorizon);
  Hear(Elected());
  EXPECT_EQ(Next<Follower::Collect>().query.after, 0u);
}

// ---- Records that the index has lost ----

TEST_F(FollowerUpkeepTest, WhatTheIndexLacksIsLookedForPageByPage) {
  GoLive();
  HearAtHeartbeat(Unindexed());
  const ReindexQuery query = Next<Follower::Reindex>().query;
  EXPECT_EQ(query.epoch, kEpoch);
  EXPECT_EQ(query.origin, kStoreId);
  EXPECT_EQ(query.cursor, 0u);
  EXPECT_EQ(query.records_max, kReindexedRecordsMax);
  EXPECT_EQ(query.size_max_bytes, kReindexedMaxBytes);
  Reindexed(/*next_cursor=*/77);
  ExpectOldTombstonesCollected();
  EXPECT_EQ(Next<Follower::Wait>().until, now_ + kReindexPause);
  now_ += kReindexPause;
  EXPECT_EQ(Next<Follower::Reindex>().query.cursor, 77u);
  // By now all that is known of has been found; the round is ended all the same.
  Reindexed(/*next_cursor=*/78);
  HearAtHeartbeat(Elected());
  EXPECT_EQ(Next<Follower::Reindex>().query.cursor, 78u);
  Reindexed(/*next_cursor=*/0);
  Next<Follower::Wait>();
  EXPECT_EQ(follower_->status().unindexable, 0u);
}

TEST_F(FollowerUpkeepTest, WhoIsNotElectedLooksForNothing) {
  GoLive();
  HearAtHeartbeat(Unindexed(/*caretaker=*/false));
  Next<Follower::Wait>();
}

// Those are damaged.
TEST_F(FollowerUpkeepTest, WhatNoRoundFindsIsToldAndLookedForLessAndLess) {
  GoLive();
  HearAtHeartbeat(Unindexed());
  absl::Duration delay = kUpkeepRetryDelay;
  for (int round = 0; round < 20; ++round) {
    Next<Follower::Reindex>();
    Reindexed(/*next_cursor=*/0, /*found=*/0);
    EXPECT_EQ(follower_->status().unindexable, 3u);
    ExpectOldTombstonesCollected();
    now_ += delay - absl::Milliseconds(1);
    Hear(Unindexed());
    ExpectNoReindex();
    now_ += absl::Milliseconds(1);
    delay = std::min(2 * delay, kReindexRetryDelayMax);
  }
  EXPECT_EQ(delay, kReindexRetryDelayMax);
}

TEST_F(FollowerUpkeepTest, AfterARefusedSearchItWaitsAndStaysLive) {
  GoLive();
  HearAtHeartbeat(Unindexed());
  Next<Follower::Reindex>();
  Reindexed(/*next_cursor=*/77);
  ExpectOldTombstonesCollected();
  now_ += kReindexPause;
  Next<Follower::Reindex>();
  follower_->OnReindexFailed(now_);
  EXPECT_TRUE(follower_->live());
  EXPECT_TRUE(follower_->status().error.ok());
  const absl::Time again = now_ + kUpkeepRetryDelay;
  HearAtHeartbeat(Unindexed());
  ExpectNoReindex();
  now_ = again;
  Hear(Unindexed());
  EXPECT_EQ(Next<Follower::Reindex>().query.cursor, 0u);
}

// Another loss has begun another epoch: the round does not go on in the middle of it, nor wait for its delay, but for
// what the replicas have to say.
TEST_F(FollowerUpkeepTest, ANewEpochIsLookedThroughFromTheStart) {
  GoLive();
  HearAtHeartbeat(Unindexed());
  Next<Follower::Reindex>();
  Reindexed(/*next_cursor=*/77);
  RelayPosition next_epoch = Unindexed();
  next_epoch.epoch = kEpoch + 1;
  HearAtHeartbeat(next_epoch);
  Next<Follower::EnterEpoch>();
  const absl::Time entered = now_;
  follower_->OnEpochEntered(EpochEntry{}, now_);
  Hear(next_epoch);
  Next<Follower::ReadOrders>();
  follower_->OnOrders(OrdersPage(0, 5, /*complete=*/true, kEpoch + 1));
  Next<Follower::Compare>();
  follower_->OnCompared(std::vector<size_t>(), now_);
  Next<Follower::ReadChanges>();
  follower_->OnChanges(Page(5, 5, /*complete=*/true, kEpoch + 1), now_);
  Next<Follower::Apply>();
  Applied();
  ExpectOldTombstonesCollected();
  ExpectNoReindex();
  now_ = entered + kReindexDelay;
  Hear(next_epoch);
  const ReindexQuery query = Next<Follower::Reindex>().query;
  EXPECT_EQ(query.epoch, kEpoch + 1);
  EXPECT_EQ(query.cursor, 0u);
}

}  // namespace
}  // namespace dunlin
