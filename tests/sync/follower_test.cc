// Goal: a replica opens its barrier only when nothing is missing, and notices everything that may have been missed.
// Method: the state machine alone, told step by step what happens; follower_epoch_test.cc has what concerns epochs,
// follower_model_test.cc puts it at random into a world that loses messages.

#include "sync/follower.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/sync/follower_tester.h"

namespace dunlin {
namespace {

using testing::HasSubstr;
using State = Follower::State;
using FollowerTest = FollowerTester;

TEST_F(FollowerTest, ReadsPagesOnlyOnceSubscribedAndOpensOnlyOnceApplied) {
  Begin(Known(4));
  EXPECT_EQ(state(), State::kOffline);
  Connect(6);
  EXPECT_EQ(state(), State::kSubscribing);
  Next<Follower::Wait>();
  follower_->OnSubscribed();
  EXPECT_EQ(state(), State::kCatchingUp);
  EXPECT_EQ(Next<Follower::ReadChanges>().after, 4u);
  follower_->OnChanges(Page(4, 6), now_);
  EXPECT_FALSE(follower_->live());
  const RemoteBatch batch = Next<Follower::Apply>().batch;
  EXPECT_FALSE(follower_->live());
  EXPECT_EQ(follower_->status().applied_sequence, 4u);
  EXPECT_EQ(batch.applied_sequence, 6u);
  Applied();
  EXPECT_TRUE(follower_->live());
  EXPECT_EQ(follower_->status().applied_sequence, 6u);
  EXPECT_EQ(follower_->status().generation, 1u);
  EXPECT_TRUE(follower_->status().error.ok());
}

TEST_F(FollowerTest, EventsAreSkippedCutOrAppliedByTheirSequence) {
  GoLive(5);
  follower_->OnEvent(Event(4, 2), now_);
  Next<Follower::Wait>();
  follower_->OnEvent(Event(5, 3), now_);
  RemoteBatch batch = Next<Follower::Apply>().batch;
  ASSERT_EQ(batch.records.size(), 2u);
  EXPECT_EQ(batch.records[0].key, KeyOf(6));
  EXPECT_EQ(batch.applied_sequence, 7u);
  // What comes while the store is busy is gathered, in order.
  follower_->OnEvent(Event(8), now_);
  follower_->OnEvent(Event(9), now_);
  Applied();
  batch = Next<Follower::Apply>().batch;
  EXPECT_EQ(batch.records.size(), 2u);
  EXPECT_EQ(batch.applied_sequence, 9u);
}

TEST_F(FollowerTest, AGapClosesTheBarrierAndIsRepairedFromWhereItBegan) {
  GoLive(5);
  follower_->OnEvent(Event(7), now_);
  EXPECT_FALSE(follower_->live());
  EXPECT_FALSE(follower_->WantsEvent());
  EXPECT_EQ(follower_->status().redis_sequence, 7u);
  CatchUp(5, 7);
  EXPECT_TRUE(follower_->live());
  EXPECT_EQ(follower_->status().gaps_repaired, 1u);
  EXPECT_EQ(follower_->status().generation, 2u);
}

TEST_F(FollowerTest, AGapAfterEventsThatWaitForTheStoreLosesNoneOfThem) {
  GoLive(5);
  follower_->OnEvent(Event(6), now_);
  EXPECT_EQ(Next<Follower::Apply>().batch.applied_sequence, 6u);
  follower_->OnEvent(Event(7), now_);
  follower_->OnEvent(Event(9), now_);
  Applied();
  EXPECT_FALSE(follower_->live());
  EXPECT_EQ(Next<Follower::Apply>().batch.applied_sequence, 7u);
  Applied();
  EXPECT_FALSE(follower_->live());
  CatchUp(7, 9);
  EXPECT_TRUE(follower_->live());
}

TEST_F(FollowerTest, ADamagedEventIsAGap) {
  GoLive(5);
  follower_->OnEvent("D1 rubbish", now_);
  EXPECT_FALSE(follower_->live());
  CatchUp(5, 6);
  EXPECT_TRUE(follower_->live());
}

TEST_F(FollowerTest, AnEventOfNothingSaysNothing) {
  GoLive(5);
  follower_->OnEvent(Event(0, 0), now_);
  EXPECT_TRUE(follower_->live());
  EXPECT_EQ(follower_->status().redis_sequence, 5u);
}

TEST_F(FollowerTest, ARepairComparesEverythingAndReadsWhatIsLackingWithoutClosingTheBarrier) {
  GoLive(3);
  follower_->OnRepairWanted();
  EXPECT_EQ(Next<Follower::ReadOrders>().after, 0u);
  follower_->OnOrders(Page(0, 3));
  EXPECT_EQ(Next<Follower::Compare>().items.size(), 3u);
  follower_->OnCompared(std::vector<size_t>{1}, now_);
  EXPECT_EQ(Next<Follower::ReadRecords>().keys, std::vector<std::string>{KeyOf(2)});
  follower_->OnRecords({kEpoch, {RecordOf(2)}});
  EXPECT_TRUE(follower_->live());
  EXPECT_EQ(Next<Follower::ReadChanges>().after, 3u);
  follower_->OnChanges(Page(3, 4), now_);
  const RemoteBatch batch = Next<Follower::Apply>().batch;
  ASSERT_EQ(batch.records.size(), 2u) << "and what came meanwhile";
  EXPECT_EQ(batch.records[0].key, KeyOf(2));
  EXPECT_EQ(batch.applied_sequence, 4u);
  EXPECT_EQ(batch.fleet_keys, nullptr) << "nothing is deleted";
  Applied();
  EXPECT_TRUE(follower_->live());
  EXPECT_TRUE(follower_->WantsEvent());
  EXPECT_EQ(follower_->status().generation, 1u);
}

TEST_F(FollowerTest, AReferenceIsReadFromRedisWithoutClosingTheBarrier) {
  GoLive(5);
  follower_->OnEvent(Event(6), now_);
  follower_->OnEvent(Event(7, 1, kEpoch, EventItem::Kind::kReference), now_);
  EXPECT_TRUE(follower_->live());
  EXPECT_FALSE(follower_->WantsEvent());
  EXPECT_EQ(Next<Follower::Apply>().batch.applied_sequence, 6u);
  Applied();
  CatchUp(6, 8);
  EXPECT_TRUE(follower_->live());
  EXPECT_TRUE(follower_->WantsEvent());
  EXPECT_EQ(follower_->status().generation, 1u);
  EXPECT_EQ(follower_->status().gaps_repaired, 0u);
}

TEST_F(FollowerTest, AnOverflowWhileLiveDiscardsTheRingAndReadsAgain) {
  GoLive(5);
  follower_->OnOverflow();
  EXPECT_FALSE(follower_->live());
  EXPECT_FALSE(follower_->WantsEvent());
  Next<Follower::DiscardEvents>();
  CatchUp(5, 9);
  EXPECT_TRUE(follower_->live());
  EXPECT_EQ(follower_->status().gaps_repaired, 1u);
}

TEST_F(FollowerTest, AnOverflowBetweenThePagesIsCoveredByTheLastOne) {
  Begin(Known(0));
  follower_->OnSubscribed();
  Connect(4);
  Next<Follower::ReadChanges>();
  follower_->OnChanges(Page(0, 2, /*complete=*/false), now_);
  follower_->OnOverflow();
  Next<Follower::DiscardEvents>();
  EXPECT_EQ(Next<Follower::ReadChanges>().after, 2u);
  follower_->OnChanges(Page(2, 4), now_);
  EXPECT_EQ(Next<Follower::Apply>().batch.records.size(), 4u);
  Applied();
  EXPECT_TRUE(follower_->live());
}

TEST_F(FollowerTest, AnOverflowAfterTheLastPageReadsAgainBeforeOpening) {
  Begin(Known(0));
  follower_->OnSubscribed();
  Connect(4);
  Next<Follower::ReadChanges>();
  follower_->OnChanges(Page(0, 4), now_);
  Next<Follower::Apply>();
  follower_->OnOverflow();
  Applied();
  EXPECT_FALSE(follower_->live());
  Next<Follower::DiscardEvents>();
  CatchUp(4, 6);
  EXPECT_TRUE(follower_->live());
}

TEST_F(FollowerTest, ALostLastEventIsNoticedByTheSecondHeartbeat) {
  GoLive(5);
  Heartbeat(6);
  EXPECT_TRUE(follower_->live()) << "the event may be on its way";
  Heartbeat(6, /*events_waiting=*/true);
  EXPECT_TRUE(follower_->live()) << "it may be in the ring";
  Heartbeat(6);
  EXPECT_FALSE(follower_->live());
  CatchUp(5, 6);
  EXPECT_TRUE(follower_->live());
  EXPECT_EQ(follower_->status().gaps_repaired, 1u);
}

TEST_F(FollowerTest, AnotherSubscriptionInAnyStateIsFollowedByAnotherLook) {
  GoLive(5);
  follower_->OnSubscribed();
  EXPECT_FALSE(follower_->live());
  Next<Follower::ReadChanges>();
  follower_->OnChanges(Page(5, 6), now_);
  // The last page is older than this subscription.
  follower_->OnSubscribed();
  Next<Follower::Apply>();
  follower_->OnSubscribed();
  Applied();
  EXPECT_FALSE(follower_->live());
  CatchUp(6, 7);
  EXPECT_TRUE(follower_->live());
}

TEST_F(FollowerTest, WithoutASubscriptionNothingIsReadAndTheReasonIsShown) {
  GoLive(5);
  follower_->OnSubscriptionLost(absl::PermissionDeniedError("no rights on the channel"));
  EXPECT_EQ(state(), State::kOffline);
  EXPECT_FALSE(follower_->live());
  EXPECT_THAT(follower_->status().error.message(), HasSubstr("no rights"));
  Next<Follower::Wait>();
  // Another failure of another kind must not hide it.
  Heartbeat(5);
  EXPECT_THAT(follower_->status().error.message(), HasSubstr("no rights"));
  follower_->OnSubscribed();
  CatchUp(5, 5);
  EXPECT_TRUE(follower_->status().error.ok());
}

TEST_F(FollowerTest, ALostConnectionInTheMiddleOfCatchingUpGoesOnWhereItWas) {
  Begin(Known(0));
  follower_->OnSubscribed();
  Connect(4);
  Next<Follower::ReadChanges>();
  follower_->OnChanges(Page(0, 2, /*complete=*/false), now_);
  Next<Follower::ReadChanges>();
  follower_->OnRelayError(absl::UnavailableError("gone"), /*connected=*/false, now_);
  EXPECT_EQ(state(), State::kOffline);
  now_ += kReconnectDelayMax;
  Connect(4);
  EXPECT_EQ(Next<Follower::ReadChanges>().after, 2u);
}

TEST_F(FollowerTest, AnErrorThatLeavesTheConnectionClosesTheBarrierToo) {
  GoLive(5);
  now_ += kRedisHeartbeatPeriod;
  Next<Follower::ReadPosition>();
  follower_->OnRelayError(absl::UnavailableError("LOADING"), /*connected=*/true, now_);
  EXPECT_FALSE(follower_->live());
  EXPECT_EQ(follower_->status().error.message(), "LOADING");
  // Whoever waits for a Redis that refuses waits in vain.
  EXPECT_EQ(state(), State::kOffline);
  now_ += kReconnectDelayMax;
  Next<Follower::ReadPosition>();
  follower_->OnPosition(PositionAt(5), {}, now_);
  EXPECT_EQ(state(), State::kOffline) << "the next call may be refused again";
  CatchUp(5, 5);
  EXPECT_TRUE(follower_->live());
}

TEST_F(FollowerTest, WhatTheStoreRefusedIsReadAgainAndNothingAfterItIsApplied) {
  GoLive(5);
  follower_->OnEvent(Event(6), now_);
  Next<Follower::Apply>();
  follower_->OnEvent(Event(7), now_);
  ApplyFails();
  EXPECT_FALSE(follower_->live());
  EXPECT_EQ(follower_->status().applied_sequence, 5u);
  EXPECT_EQ(follower_->status().error.message(), "disk full");
  Next<Follower::Wait>();
  now_ += kReconnectDelayMax;
  Next<Follower::ReadPosition>();
  follower_->OnPosition(PositionAt(7), {}, now_);
  CatchUp(5, 7);
  EXPECT_TRUE(follower_->live());
}

// A heartbeat that works in between must not start the waits anew: each attempt reads everything from Redis again.
TEST_F(FollowerTest, AttemptsAtWhatFailsTimeAndAgainGrowApart) {
  GoLive(5);
  absl::Duration wait = absl::ZeroDuration();
  follower_->OnEvent(Event(6), now_);
  for (int attempt = 0; attempt < 10; ++attempt) {
    Next<Follower::Apply>();
    ApplyFails();
    wait = Next<Follower::Wait>().until - now_;
    now_ += wait;
    follower_->OnLookWanted();
    Next<Follower::ReadPosition>();
    follower_->OnPosition(PositionAt(6), {}, now_);
    Next<Follower::ReadChanges>();
    follower_->OnChanges(Page(5, 6), now_);
  }
  EXPECT_GE(wait, kReconnectDelayMax / 2);
  Next<Follower::Apply>();
  Applied();
  follower_->OnEvent(Event(7), now_);
  Next<Follower::Apply>();
  ApplyFails();
  EXPECT_LE(Next<Follower::Wait>().until - now_, kReconnectDelayMin) << "a success starts the waits anew";
}

// Somebody else has reached Redis: it is back.
TEST_F(FollowerTest, ADoubtEndsTheWaitForRedis) {
  GoLive(5);
  for (int attempt = 0; attempt < 10; ++attempt) {
    follower_->OnRelayError(absl::UnavailableError("gone"), /*connected=*/false, now_);
    now_ = Next<Follower::Wait>().until;
    Next<Follower::Connect>();
  }
  follower_->OnRelayError(absl::UnavailableError("gone"), /*connected=*/false, now_);
  EXPECT_GT(Next<Follower::Wait>().until, now_);
  follower_->OnLookWanted();
  Next<Follower::Connect>();
}

TEST_F(FollowerTest, ACatchUpOfTenThousandIsOneTransaction) {
  Begin(Known(0));
  follower_->OnSubscribed();
  const uint64_t all = kCatchUpAtomicEntriesMax;
  Connect(all);
  for (uint64_t after = 0; after < all; after += kChangesPageEntriesMax) {
    EXPECT_EQ(Next<Follower::ReadChanges>().after, after);
    const uint64_t upto = after + kChangesPageEntriesMax;
    follower_->OnChanges(Page(after, upto, upto == all), now_);
  }
  EXPECT_EQ(Next<Follower::Apply>().batch.records.size(), all);
}

TEST_F(FollowerTest, ALongerCatchUpIsAppliedInPartsAndOpensAtItsEnd) {
  Begin(Known(0));
  follower_->OnSubscribed();
  const uint64_t all = kCatchUpAtomicEntriesMax + 3 * kChangesPageEntriesMax + 1;
  Connect(all);
  uint64_t read = 0;
  uint64_t applied = 0;
  while (!follower_->live() && !HasFailure()) {
    Follower::Action action = follower_->Next(now_);
    if (auto* apply = std::get_if<Follower::Apply>(&action)) {
      EXPECT_EQ(apply->batch.applied_sequence, applied + apply->batch.records.size());
      applied = apply->batch.applied_sequence;
      Applied();
      EXPECT_EQ(follower_->live(), applied == all);
    } else {
      ASSERT_EQ(std::get<Follower::ReadChanges>(action).after, read);
      const uint64_t upto = std::min<uint64_t>(all, read + kChangesPageEntriesMax);
      follower_->OnChanges(Page(read, upto, upto == all), now_);
      read = upto;
    }
  }
  EXPECT_EQ(applied, all);
}

TEST_F(FollowerTest, TakesNoMoreEventsThanOneCommitMayHold) {
  GoLive(0);
  follower_->OnEvent(Event(1), now_);
  Next<Follower::Apply>();
  uint64_t sequence = 1;
  while (follower_->WantsEvent()) {
    follower_->OnEvent(Event(++sequence), now_);
  }
  EXPECT_EQ(sequence, 1 + kCommitGroupWritesMax);
  Next<Follower::Wait>();
  Applied();
  EXPECT_EQ(Next<Follower::Apply>().batch.records.size(), kCommitGroupWritesMax);
  EXPECT_TRUE(follower_->WantsEvent());
}

}  // namespace
}  // namespace dunlin
