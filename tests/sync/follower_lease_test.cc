// Goal: of several runs under one id the later one says so, and of all replicas exactly the one that Redis names
// removes old tombstones, in rounds that are a period apart. Method: the state machine alone, told step by step what
// Redis says. (Who is named: relay_reconcile_test.)

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/sync/follower_tester.h"

namespace dunlin {
namespace {

class FollowerLeaseTest : public FollowerTester {
 protected:
  static constexpr uint64_t kStoreId = 5;
  static constexpr uint64_t kBootId = 11;
  static constexpr absl::Duration kHorizon = absl::Minutes(64);

  // A follower that is live at sequence 5.
  void GoLive() {
    Follower::Options options = Known(5);
    options.lease = LeaseRequest{kStoreId, kBootId};
    options.tombstone_horizon = kHorizon;
    Begin(options);
    follower_->OnSubscribed();
    Connect(5);
    CatchUp(5, 5);
    ASSERT_TRUE(follower_->live());
  }

  void HearOfRival(const std::string& lease) {
    RelayPosition position = PositionAt(5);
    position.rival_lease = lease;
    HearAtHeartbeat(position);
  }

  static RelayPosition Elected(bool collector = true) {
    RelayPosition position = PositionAt(5);
    position.collector = collector;
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
};

// ---- Runs under one id ----

TEST_F(FollowerLeaseTest, EachLookAtRedisRenewsTheLease) {
  GoLive();
  for (int i = 0; i < 3; ++i) {
    now_ += kRedisHeartbeatPeriod;
    const LeaseRequest lease = Next<Follower::ReadPosition>().proposal.lease;
    EXPECT_EQ(lease.store_id, kStoreId);
    EXPECT_EQ(lease.boot_id, kBootId);
    follower_->OnPosition(PositionAt(5), {}, now_);
  }
}

// A newcomer only looks, but under one id it may be the second.
TEST_F(FollowerLeaseTest, AStoreWithoutAFleetHasALeaseToo) {
  Follower::Options options;
  options.lease = LeaseRequest{kStoreId, kBootId};
  Begin(options);
  Next<Follower::Connect>();
  follower_->OnConnected(now_);
  const PositionProposal proposal = Next<Follower::ReadPosition>().proposal;
  EXPECT_EQ(proposal.epoch, kNoEpoch);
  EXPECT_EQ(proposal.lease.boot_id, kBootId);
}

TEST_F(FollowerLeaseTest, ALeaseThatIsRenewedIsARivals) {
  GoLive();
  HearOfRival("1:100");
  EXPECT_FALSE(follower_->status().has_rival) << "it may be this store's last run";
  HearOfRival("1:200");
  EXPECT_TRUE(follower_->status().has_rival);
  EXPECT_TRUE(follower_->live()) << "data converge all the same";
}

TEST_F(FollowerLeaseTest, ALeaseThatIsNotRenewedIsOfARunThatHasEnded) {
  GoLive();
  for (int i = 0; i < 5; ++i) {
    HearOfRival("1:100");
    EXPECT_FALSE(follower_->status().has_rival);
  }
  HearOfRival("");
  EXPECT_FALSE(follower_->status().has_rival);
}

// It is renewed less often than it is asked for.
TEST_F(FollowerLeaseTest, ARivalStaysOneBetweenItsRenewals) {
  GoLive();
  HearOfRival("1:100");
  HearOfRival("1:200");
  HearOfRival("1:200");
  EXPECT_TRUE(follower_->status().has_rival);
}

TEST_F(FollowerLeaseTest, ARivalWhoseLeaseHasEndedIsNoneAnyMore) {
  GoLive();
  HearOfRival("1:100");
  HearOfRival("1:200");
  HearOfRival("");
  EXPECT_FALSE(follower_->status().has_rival);
  HearOfRival("2:300");
  EXPECT_FALSE(follower_->status().has_rival) << "each has to be seen to go on";
}

TEST_F(FollowerLeaseTest, ARivalIsSeenAlsoWhileTheFollowerCannotFollow) {
  Begin(Known(5));
  RelayPosition position = PositionAt(5);
  position.fleet_id = FormatEpoch(kFleet + 1);
  position.rival_lease = "1:100";
  ConnectTo(position);
  now_ = Next<Follower::Wait>().until;
  position.rival_lease = "1:200";
  Hear(position);
  EXPECT_EQ(state(), Follower::State::kOffline);
  EXPECT_TRUE(follower_->status().has_rival);
}

// ---- Collecting ----

TEST_F(FollowerLeaseTest, WhoIsElectedCollectsFromTheStart) {
  GoLive();
  HearAtHeartbeat(Elected());
  const CollectQuery query = Next<Follower::Collect>().query;
  EXPECT_EQ(query.epoch, kEpoch);
  EXPECT_EQ(query.horizon, kHorizon);
  EXPECT_EQ(query.sample_period, CollectionPeriodOf(kHorizon));
  EXPECT_EQ(query.after, 0u);
  EXPECT_EQ(query.entries_max, kCollectedEntriesMax);
}

TEST_F(FollowerLeaseTest, WhoIsNotElectedCollectsNothing) {
  GoLive();
  for (int i = 0; i < 5; ++i) {
    HearAtHeartbeat(Elected(false));
    EXPECT_EQ(Next<Follower::Wait>().until, now_ + kRedisHeartbeatPeriod);
  }
}

TEST_F(FollowerLeaseTest, WhoIsNotLiveCollectsNothing) {
  Begin(Known(5));
  ConnectTo(Elected());
  EXPECT_EQ(Next<Follower::Wait>().until, now_ + kRedisHeartbeatPeriod);
  follower_->OnSubscribed();
  CatchUp(5, 5);
  Next<Follower::Collect>();
}

TEST_F(FollowerLeaseTest, ARoundGoesOnPageByPage) {
  GoLive();
  HearAtHeartbeat(Elected());
  Next<Follower::Collect>();
  Collected(/*removed=*/3, /*next_after=*/20);
  EXPECT_EQ(Next<Follower::Collect>().query.after, 20u);
  Collected(/*removed=*/4, /*next_after=*/0);
  Next<Follower::Wait>();
  EXPECT_EQ(follower_->status().tombstones_collected, 7u);
}

TEST_F(FollowerLeaseTest, TheNextRoundBeginsAPeriodAfterTheEndOfTheLast) {
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

TEST_F(FollowerLeaseTest, WhoIsElectedNoMoreLeavesItsRoundWhereItIs) {
  GoLive();
  HearAtHeartbeat(Elected());
  Next<Follower::Collect>();
  Collected(/*removed=*/3, /*next_after=*/20);
  HearAtHeartbeat(Elected(false));
  Next<Follower::Wait>();
}

TEST_F(FollowerLeaseTest, AfterARefusalItWaitsAndStaysLive) {
  GoLive();
  HearAtHeartbeat(Elected());
  Next<Follower::Collect>();
  follower_->OnCollectRefused(now_);
  EXPECT_TRUE(follower_->live());
  EXPECT_TRUE(follower_->status().error.ok());
  const absl::Time next = now_ + kCollectRetryDelay;
  HearAtHeartbeat(Elected());
  Next<Follower::Wait>();
  now_ = next;
  Hear(Elected());
  Next<Follower::Collect>();
}

TEST_F(FollowerLeaseTest, ARoundOfAnEpochThatHasEndedIsLookedIntoAndNotGoneOnWith) {
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

}  // namespace
}  // namespace dunlin
