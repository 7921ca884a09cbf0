// Goal: whatever Redis loses, every replica notices, enters one new epoch and sends again what it has; a store is never
// merged with somebody else's data.
// Method: the state machine alone, told step by step what Redis says.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/sync/follower_tester.h"

namespace dunlin {
namespace {

using testing::HasSubstr;
using State = Follower::State;

class FollowerEpochTest : public FollowerTester {
 protected:
  // Enters the epoch that the follower wants to enter.
  EpochChange Enter() {
    const EpochChange change = Next<Follower::EnterEpoch>().change;
    Next<Follower::Wait>();
    follower_->OnEpochEntered(EpochEntry{0, change.refill}, now_);
    return change;
  }

  // The first read of an epoch that was entered with a refill. Until its turn comes, the follower hears of `position`.
  Follower::ReadOrders ReadInTurn(const RelayPosition& position) {
    const absl::Time last = now_ + kReconcileJitterMax;
    while (now_ <= last && !HasFailure()) {
      Follower::Action action = follower_->Next(now_);
      if (std::get_if<Follower::ReadPosition>(&action) != nullptr) {
        follower_->OnPosition(position, {}, now_);
      } else if (const auto* wait = std::get_if<Follower::Wait>(&action); wait != nullptr) {
        now_ = wait->until;
      } else if (const auto* read = std::get_if<Follower::ReadOrders>(&action); read != nullptr) {
        return *read;
      } else {
        ADD_FAILURE() << "the action has index " << action.index();
      }
    }
    ADD_FAILURE() << "the follower does not read";
    return Follower::ReadOrders();
  }
};

TEST_F(FollowerEpochTest, ANewStoreEntersTheFleetBeforeItReads) {
  Begin(Follower::Options());
  follower_->OnSubscribed();
  Connect(3);
  const EpochChange change = Enter();
  EXPECT_EQ(change.epoch, kEpoch);
  EXPECT_EQ(change.fleet_id, kFleet);
  EXPECT_FALSE(change.refill);
  Hear(PositionAt(3));
  CatchUp(0, 3);
  EXPECT_TRUE(follower_->live());
}

// A newcomer that gave an empty Redis a fleet of its own would lock out the fleet whose data Redis has just lost.
// Where Redis could not be reached, they may come back later than it does.
TEST_F(FollowerEpochTest, ANewcomerLeavesAnEmptyRedisToItsFleetForAWhile) {
  for (const bool cut_off : {false, true}) {
    SCOPED_TRACE(cut_off);
    Begin(Follower::Options());
    follower_->OnSubscribed();
    Next<Follower::Connect>();
    if (cut_off) {
      follower_->OnRelayError(absl::UnavailableError("refused"), /*connected=*/false, now_);
      now_ = Next<Follower::Wait>().until;
      Next<Follower::Connect>();
    }
    follower_->OnConnected(now_);
    EXPECT_EQ(Next<Follower::ReadPosition>().proposal.epoch, kNoEpoch);
    const absl::Time start = now_;
    follower_->OnPosition(RelayPosition(), {}, now_);
    EXPECT_THAT(follower_->status().error.message(), HasSubstr("waiting"));
    PositionProposal proposal;
    while (proposal.epoch == kNoEpoch && !HasFailure()) {
      now_ = Next<Follower::Wait>().until;
      proposal = Next<Follower::ReadPosition>().proposal;
      if (proposal.epoch == kNoEpoch) {
        follower_->OnPosition(RelayPosition(), {}, now_);
      }
    }
    EXPECT_EQ(now_ - start, kFleetFoundingDelay + (cut_off ? kReconnectDelayMax : absl::ZeroDuration()));
    EXPECT_FALSE(proposal.fleet_id.empty());
  }
}

TEST_F(FollowerEpochTest, AnEmptyRedisThatHasNoEpochIsNothingToBeLiveOn) {
  Begin(Follower::Options());
  follower_->OnSubscribed();
  ConnectTo(RelayPosition());
  Next<Follower::Wait>();
  EXPECT_FALSE(follower_->live());
}

TEST_F(FollowerEpochTest, AMemberGivesAnEmptyRedisItsFleetAtOnce) {
  Begin(Known(5));
  Next<Follower::Connect>();
  follower_->OnConnected(now_);
  const PositionProposal proposal = Next<Follower::ReadPosition>().proposal;
  EXPECT_NE(proposal.epoch, kNoEpoch);
  EXPECT_EQ(proposal.fleet_id, FormatEpoch(kFleet));
}

TEST_F(FollowerEpochTest, AnotherEpochIsEnteredWithARefillAndReadFromTheStart) {
  GoLive(5);
  HearAtHeartbeat(PositionAt(2, kEpoch + 1));
  EXPECT_FALSE(follower_->live());
  EXPECT_TRUE(Enter().refill);
  EXPECT_EQ(follower_->status().epoch, kEpoch + 1);
  EXPECT_EQ(follower_->status().applied_sequence, 0u);
  EXPECT_EQ(ReadInTurn(PositionAt(2, kEpoch + 1)).after, 0u);
}

TEST_F(FollowerEpochTest, AnotherEpochWaitsForTheBatchUnderWay) {
  GoLive(5);
  follower_->OnEvent(Event(6), now_);
  Next<Follower::Apply>();
  follower_->OnEvent(Event(7), now_);
  HearAtHeartbeat(PositionAt(0, kEpoch + 1));
  EXPECT_EQ(Next<Follower::Wait>().until, absl::InfiniteFuture());
  Applied();
  // Gathered under the old epoch, and told to the store as such.
  EXPECT_EQ(Next<Follower::Apply>().batch.epoch, kEpoch);
  Applied();
  EXPECT_FALSE(follower_->live());
  Enter();
  EXPECT_EQ(follower_->status().applied_sequence, 0u);
}

TEST_F(FollowerEpochTest, AnEpochThatTheStoreCouldNotEnterIsTriedAgain) {
  GoLive(5);
  HearAtHeartbeat(PositionAt(0, kEpoch + 1));
  Next<Follower::EnterEpoch>();
  follower_->OnEpochEntered(absl::ResourceExhaustedError("disk full"), now_);
  EXPECT_EQ(follower_->status().epoch, kEpoch);
  EXPECT_EQ(follower_->status().error.message(), "disk full");
  now_ = Next<Follower::Wait>().until;
  EXPECT_EQ(Enter().epoch, kEpoch + 1);
}

TEST_F(FollowerEpochTest, AnEventOfAnotherEpochIsDroppedAndLookedInto) {
  GoLive(5);
  follower_->OnEvent(Event(6, 1, kEpoch + 1), now_);
  EXPECT_EQ(follower_->status().redis_sequence, 5u);
  Next<Follower::ReadPosition>();
}

TEST_F(FollowerEpochTest, ADoubtIsLookedInto) {
  GoLive(5);
  follower_->OnLookWanted();
  Next<Follower::ReadPosition>();
}

TEST_F(FollowerEpochTest, APageOfAnotherEpochIsNotMerged) {
  GoLive(5);
  follower_->OnEvent(Event(7), now_);
  Next<Follower::ReadChanges>();
  follower_->OnChanges(Page(0, 2, true, kEpoch + 1), now_);
  Next<Follower::ReadPosition>();
}

TEST_F(FollowerEpochTest, SequencesThatRedisHasForgottenStartANewEpoch) {
  GoLive(5);
  Heartbeat(4);
  EXPECT_FALSE(follower_->live());
  const EpochProposal proposal = Next<Follower::StartEpoch>().proposal;
  EXPECT_EQ(proposal.expected, kEpoch);
  EXPECT_EQ(proposal.minimum_sequence, 5u);
  EXPECT_NE(proposal.next, kNoEpoch);
  // Somebody else was faster.
  follower_->OnEpochStarted(EpochInForce{99, 8});
  Hear(PositionAt(8, 99));
  const EpochChange change = Enter();
  EXPECT_EQ(change.epoch, 99u);
  EXPECT_TRUE(change.refill);
}

// Events of its first life may still be in the ring, under sequences that are given out a second time.
TEST_F(FollowerEpochTest, AnEpochThatABackupBringsBackIsLeftForANewOne) {
  GoLive(5);
  HearAtHeartbeat(PositionAt(3, kEpoch + 1));
  EXPECT_EQ(Enter().epoch, kEpoch + 1);
  Hear(PositionAt(6, kEpoch));
  const EpochProposal proposal = Next<Follower::StartEpoch>().proposal;
  EXPECT_EQ(proposal.expected, kEpoch);
  EXPECT_NE(proposal.next, kEpoch);
  follower_->OnEpochStarted(EpochInForce{proposal.next, 6});
  Hear(PositionAt(6, proposal.next));
  EXPECT_EQ(Enter().epoch, proposal.next);
}

// The replica itself lags: what Redis has told counts, not only what was applied.
TEST_F(FollowerEpochTest, SequencesThatWereOnlyHeardOfCountAsForgottenToo) {
  GoLive(5);
  Heartbeat(9);
  Heartbeat(7);
  EXPECT_EQ(Next<Follower::StartEpoch>().proposal.minimum_sequence, 9u);
}

TEST_F(FollowerEpochTest, AStartThatWasCutOffIsRepeated) {
  GoLive(5);
  Heartbeat(4);
  const EpochProposal proposal = Next<Follower::StartEpoch>().proposal;
  follower_->OnRelayError(absl::UnavailableError("gone"), false, now_);
  now_ += kReconnectDelayMax;
  Next<Follower::Connect>();
  follower_->OnConnected(now_);
  EXPECT_EQ(Next<Follower::StartEpoch>().proposal.next, proposal.next);
  follower_->OnEpochStarted(EpochInForce{proposal.next, 5});
  Hear(PositionAt(5, proposal.next));
  EXPECT_EQ(Enter().epoch, proposal.next);
}

// Under the old epoch, the new primary would give out sequences again that others have seen for other writes.
TEST_F(FollowerEpochTest, AnotherPrimaryStartsANewEpochEvenIfItIsNotBehind) {
  GoLive(5);
  now_ += kRedisHeartbeatPeriod;
  Next<Follower::ReadPosition>();
  RelayPosition position = PositionAt(6);
  position.master_replid = "another";
  follower_->OnPosition(position, {}, now_);
  EXPECT_FALSE(follower_->live());
  const EpochProposal proposal = Next<Follower::StartEpoch>().proposal;
  follower_->OnEpochStarted(EpochInForce{proposal.next, 6});
  Next<Follower::ReadPosition>();
  position.epoch = proposal.next;
  follower_->OnPosition(position, {}, now_);
  EXPECT_TRUE(Enter().refill);
  ReadInTurn(position);
}

// A backup has brought the store's epoch back while it was away, and others have gone on in it.
TEST_F(FollowerEpochTest, AnotherPrimaryThanBeforeARestartStartsANewEpochToo) {
  Begin(Follower::Options());
  follower_->OnSubscribed();
  Connect(5);
  Follower::Options after_restart = Known(5);
  after_restart.primary = Enter().primary;
  EXPECT_NE(after_restart.primary, 0u);
  Begin(after_restart);
  follower_->OnSubscribed();
  Next<Follower::Connect>();
  follower_->OnConnected(now_);
  Next<Follower::ReadPosition>();
  RelayPosition position = PositionAt(6);
  position.master_replid = "another";
  follower_->OnPosition(position, {}, now_);
  EXPECT_EQ(Next<Follower::StartEpoch>().proposal.expected, kEpoch);
}

TEST_F(FollowerEpochTest, AnUnknownPrimaryIsNotAnotherOne) {
  GoLive(5);
  now_ += kRedisHeartbeatPeriod;
  Next<Follower::ReadPosition>();
  RelayPosition position = PositionAt(5);
  position.master_replid.clear();
  follower_->OnPosition(position, {}, now_);
  EXPECT_TRUE(follower_->live());
}

TEST_F(FollowerEpochTest, AnotherFleetsDataIsNeverRead) {
  Begin(Known(5));
  follower_->OnSubscribed();
  Next<Follower::Connect>();
  follower_->OnConnected(now_);
  RelayPosition foreign = PositionAt(90, kEpoch + 1);
  foreign.fleet_id = FormatEpoch(kFleet + 1);
  for (int i = 0; i < 5; ++i) {
    Next<Follower::ReadPosition>();
    follower_->OnPosition(foreign, {}, now_);
    EXPECT_EQ(state(), State::kOffline);
    EXPECT_THAT(follower_->status().error.message(), HasSubstr("fleet"));
    now_ = Next<Follower::Wait>().until;
  }
  Hear(PositionAt(5));
  CatchUp(5, 5);
  EXPECT_TRUE(follower_->live());
}

TEST_F(FollowerEpochTest, ARedisThatDoesNotSayItsFleetIsNotForeign) {
  Begin(Known(5));
  follower_->OnSubscribed();
  Next<Follower::Connect>();
  follower_->OnConnected(now_);
  Next<Follower::ReadPosition>();
  RelayPosition position = PositionAt(0, kEpoch + 1);
  position.fleet_id.clear();
  follower_->OnPosition(position, {}, now_);
  EXPECT_EQ(Enter().fleet_id, kFleet);
}

TEST_F(FollowerEpochTest, AnOverflowWhileAnEpochIsEnteredIsNotForgotten) {
  GoLive(5);
  HearAtHeartbeat(PositionAt(0, kEpoch + 1));
  Next<Follower::EnterEpoch>();
  follower_->OnOverflow();
  follower_->OnEpochEntered(EpochEntry{0, true}, now_);
  Next<Follower::DiscardEvents>();
  ReadInTurn(PositionAt(0, kEpoch + 1));
}

}  // namespace
}  // namespace dunlin
