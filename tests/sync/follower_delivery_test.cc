// Goal: the follower asks for what somebody waits for, soon and not too often, and knows up to where nothing is missing
// here, not even what a later write has replaced. Method: the state machine, driven by the test.

#include <vector>

#include "gtest/gtest.h"
#include "tests/sync/follower_tester.h"

namespace dunlin {
namespace {

class FollowerDeliveryTest : public FollowerTester {
 protected:
  bool Delivered(uint64_t sequence, uint64_t epoch = kEpoch) {
    DeliveredReply reply;
    reply.epoch = epoch;
    reply.sequence = sequence;
    reply.revisions = {1};
    return follower_->OnDelivered(reply, now_);
  }

  uint64_t whole() const { return follower_->status().whole_sequence; }
};

TEST_F(FollowerDeliveryTest, AsksAtOnceThenLessAndLessOften) {
  GoLive(10);
  follower_->OnDeliveryAwaited({5, 6});
  EXPECT_EQ(Next<Follower::FindDelivered>().store_ids, (std::vector<uint64_t>{5, 6}));
  EXPECT_TRUE(Delivered(10));
  absl::Duration delay = kDeliveryRetryDelayMin;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Next<Follower::Wait>().until, now_ + delay);
    now_ += delay;
    Next<Follower::FindDelivered>();
    Delivered(10);
    delay = std::min(2 * delay, kDeliveryRetryDelayMax);
  }
  // For somebody else at once.
  follower_->OnDeliveryAwaited({5, 7});
  Next<Follower::FindDelivered>();
  Delivered(10);
  EXPECT_EQ(Next<Follower::Wait>().until, now_ + kDeliveryRetryDelayMin);
  follower_->OnDeliveryAwaited({});
  EXPECT_GT(Next<Follower::Wait>().until, now_ + kDeliveryRetryDelayMax) << "nobody waits any more";
}

TEST_F(FollowerDeliveryTest, OverASlowLinkMostOfTheTimeIsForWhatIsWaitedFor) {
  GoLive(10);
  follower_->OnDeliveryAwaited({5});
  Next<Follower::FindDelivered>();
  now_ += absl::Milliseconds(100);
  Delivered(10);
  EXPECT_GE(Next<Follower::Wait>().until, now_ + absl::Milliseconds(400));
}

TEST_F(FollowerDeliveryTest, AnAnswerOfAnotherLifeIsNone) {
  GoLive(10);
  follower_->OnDeliveryAwaited({5});
  Next<Follower::FindDelivered>();
  EXPECT_FALSE(Delivered(10, kEpoch + 1));
  Next<Follower::ReadPosition>();
}

TEST_F(FollowerDeliveryTest, ARedisThatHasGoneBackTellsNothing) {
  GoLive(10);
  follower_->OnDeliveryAwaited({5});
  Next<Follower::FindDelivered>();
  EXPECT_FALSE(Delivered(9));
  Next<Follower::ReadPosition>();
}

// What is noted of such a one would let a reader miss what it has lost.
TEST_F(FollowerDeliveryTest, APositionOfARedisThatHasLostDataConfirmsNothing) {
  RelayPosition other_primary = PositionAt(20);
  other_primary.master_replid = "another";
  for (const RelayPosition& position : {PositionAt(9), PositionAt(20, kEpoch + 1), other_primary}) {
    GoLive(10);
    now_ += kRedisHeartbeatPeriod;
    Next<Follower::ReadPosition>();
    EXPECT_FALSE(follower_->OnPosition(position, {}, now_));
  }
  GoLive(10);
  now_ += kRedisHeartbeatPeriod;
  Next<Follower::ReadPosition>();
  EXPECT_TRUE(follower_->OnPosition(PositionAt(12), {}, now_));
}

TEST_F(FollowerDeliveryTest, NobodyIsAskedBeforeThereIsARedis) {
  Begin(Known(10));
  follower_->OnDeliveryAwaited({5});
  Next<Follower::Connect>();
  follower_->OnConnected(now_);
  Next<Follower::ReadPosition>();
}

TEST_F(FollowerDeliveryTest, WhatIsAppliedLiveIsWhole) {
  GoLive(10);
  EXPECT_EQ(whole(), 10u);
  follower_->OnEvent(Event(11, 2), now_);
  EXPECT_EQ(whole(), 10u);
  Next<Follower::Apply>();
  Applied();
  EXPECT_EQ(whole(), 12u);
}

// What was applied before the start may be a part of a long catch-up.
TEST_F(FollowerDeliveryTest, AtTheStartNothingIsKnownToBeWhole) {
  Begin(Known(10));
  follower_->OnSubscribed();
  Connect(10);
  EXPECT_EQ(whole(), 0u);
  CatchUp(10, 10);
  EXPECT_EQ(whole(), 10u);
}

// A key that was written within the pages and again after them is not in them.
TEST_F(FollowerDeliveryTest, APartOfALongCatchUpIsNotWhole) {
  GoLive(10);
  follower_->OnSubscriptionLost(absl::UnavailableError("lost"));
  follower_->OnSubscribed();
  const uint64_t upto = 10 + kCatchUpAtomicEntriesMax;
  Next<Follower::ReadChanges>();
  follower_->OnChanges(Page(10, upto, /*complete=*/false), now_);
  EXPECT_EQ(Next<Follower::Apply>().batch.applied_sequence, upto);
  Applied();
  EXPECT_EQ(follower_->status().applied_sequence, upto);
  EXPECT_EQ(whole(), 10u);
  Next<Follower::ReadChanges>();
  follower_->OnChanges(Page(upto, upto + 1), now_);
  Next<Follower::Apply>();
  Applied();
  EXPECT_EQ(whole(), upto + 1);
}

TEST_F(FollowerDeliveryTest, ANewEpochBeginsAnew) {
  GoLive(10);
  HearAtHeartbeat(PositionAt(4, kEpoch + 1));
  EXPECT_EQ(Next<Follower::EnterEpoch>().change.epoch, kEpoch + 1);
  follower_->OnEpochEntered(EpochEntry{4, false}, now_);
  EXPECT_EQ(whole(), 0u) << "what it holds has to be compared first";
}

}  // namespace
}  // namespace dunlin
