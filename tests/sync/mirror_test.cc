// Goal: what is in the outbox gets to Redis in order, and the cursor never passes what Redis has not answered or, when
// it turned a write down, whose winner is not stored.
// Method: the state machine alone, told step by step what happens; mirror_model_test.cc cuts it off at random.

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/sync/mirror_tester.h"

namespace dunlin {
namespace {

using MirrorTest = MirrorTester;

TEST_F(MirrorTest, WithoutAnEpochNothingIsDone) {
  mirror_.emplace(Mirror::Options{kStoreId, 0, 0, 1});
  EXPECT_EQ(Next<Mirror::Wait>().until, absl::InfiniteFuture());
  mirror_->OnEpoch(kEpoch, 0, /*refill=*/false, now_);
  Next<Mirror::Connect>();
}

TEST_F(MirrorTest, TheCursorMovesWithTheAnswersAndNotBefore) {
  Begin(10);
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 10u);
  Page({12, 14}, 15, false);
  const MirrorBatch batch = Next<Mirror::Send>().batch;
  EXPECT_EQ(batch.epoch, kEpoch);
  EXPECT_EQ(batch.origin, kStoreId);
  EXPECT_EQ(batch.items[1].key, "k14");
  mirror_->OnSent();
  Send({16}, 16, true);
  EXPECT_EQ(mirror_->mirrored_revision(), 10u);
  EXPECT_FALSE(mirror_->idle());
  Next<Mirror::Receive>();
  Reply({kWon, kWon});
  const MirrorProgress progress = Next<Mirror::Advance>().progress;
  EXPECT_EQ(progress.revision, 15u);
  EXPECT_EQ(progress.epoch, kEpoch);
  ASSERT_EQ(progress.sent.size(), 2u);
  EXPECT_EQ(progress.sent[1].revision, 14u);
  EXPECT_EQ(mirror_->mirrored_revision(), 15u);
  Next<Mirror::Receive>();
  Reply({kWon});
  EXPECT_EQ(Advanced(), 16u);
  EXPECT_TRUE(mirror_->idle());
  Next<Mirror::Wait>();
}

TEST_F(MirrorTest, AStretchOfOthersChangesIsPassedWithWhatWasSentBefore) {
  Begin();
  Send({1}, 1, /*complete=*/true);
  mirror_->OnCommitted();
  Next<Mirror::ReadOutbox>();
  Page({}, 9, true);
  Next<Mirror::Receive>();
  Reply({kWon});
  EXPECT_EQ(Advanced(), 9u);
  mirror_->OnCommitted();
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 9u);
  Page({}, 11, true);
  EXPECT_EQ(Advanced(), 11u);
  mirror_->OnCommitted();
  Next<Mirror::ReadOutbox>();
  Page({}, 11, true);
  Next<Mirror::Wait>();
}

TEST_F(MirrorTest, NoMoreBatchesAreUnderWayThanTheLimit) {
  Begin();
  for (uint64_t i = 1; i <= kMirrorPipelineMax; ++i) {
    Send({i}, i);
  }
  Next<Mirror::Receive>();
  Reply({kWon});
  EXPECT_EQ(Advanced(), 1u);
  Next<Mirror::ReadOutbox>();
}

TEST_F(MirrorTest, AWinnerIsStoredBeforeTheCursorPasses) {
  Begin();
  Send({1, 2}, 2, true);
  Next<Mirror::Receive>();
  Reply({kWon, kLost});
  const RemoteBatch winners = Next<Mirror::StoreWinners>().winners;
  ASSERT_EQ(winners.records.size(), 1u);
  EXPECT_EQ(winners.records[0].key, "k2");
  EXPECT_EQ(winners.records[0].encoded_record, "winner");
  EXPECT_EQ(winners.seen_in_epoch, kEpoch);
  Next<Mirror::Wait>();
  EXPECT_EQ(mirror_->mirrored_revision(), 0u);
  EXPECT_FALSE(mirror_->idle());
  mirror_->OnWinnersStored(absl::OkStatus(), now_);
  EXPECT_EQ(Advanced(), 2u);
  EXPECT_TRUE(mirror_->idle());
}

TEST_F(MirrorTest, AWinnerThatCouldNotBeStoredIsAskedForAgain) {
  Begin();
  Send({1}, 1, true);
  Next<Mirror::Receive>();
  Reply({kLost});
  Next<Mirror::StoreWinners>();
  mirror_->OnWinnersStored(absl::ResourceExhaustedError("disk full"), now_);
  EXPECT_EQ(mirror_->mirrored_revision(), 0u);
  EXPECT_EQ(mirror_->error().message(), "disk full");
  now_ = Next<Mirror::Wait>().until;
  Next<Mirror::Connect>();
  mirror_->OnConnected(now_);
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 0u);
}

TEST_F(MirrorTest, WhatIsUnansweredIsSentAgainAfterAnError) {
  Begin();
  Send({1}, 1);
  Send({2}, 2, true);
  Next<Mirror::Receive>();
  Reply({kWon});
  EXPECT_EQ(Advanced(), 1u);
  Next<Mirror::Receive>();
  mirror_->OnRelayError(absl::UnavailableError("gone"), now_);
  EXPECT_FALSE(mirror_->idle());
  EXPECT_FALSE(mirror_->error().ok());
  now_ = Next<Mirror::Wait>().until;
  ConnectAgain();
  EXPECT_FALSE(mirror_->error().ok()) << "a connection alone gets nothing to Redis";
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 1u);
  Page({2}, 2, true);
  Next<Mirror::Send>();
  mirror_->OnSent();
  Reply({MirrorItemReply::Outcome::kAlreadyThere});
  EXPECT_TRUE(mirror_->error().ok());
}

// Redis may have come back without what it had, and then all that it is sent before its new epoch is known is for
// nothing. But it is not the follower alone that decides whether writes get there.
TEST_F(MirrorTest, WhoWasCutOffLeavesTheFollowerTimeToLook) {
  Begin();
  mirror_->OnRelayError(absl::UnavailableError("gone"), now_);
  now_ = Next<Mirror::Wait>().until;
  Next<Mirror::Connect>();
  mirror_->OnConnected(now_);
  EXPECT_EQ(Next<Mirror::Wait>().until, now_ + kRedisHeartbeatPeriod);
  mirror_->OnConfirmed(kEpoch, mirror_->connection() - 1);
  Next<Mirror::Wait>();
  mirror_->OnConfirmed(kEpoch, mirror_->connection());
  Next<Mirror::ReadOutbox>();

  mirror_->OnRelayError(absl::UnavailableError("gone again"), now_);
  now_ = Next<Mirror::Wait>().until;
  Next<Mirror::Connect>();
  mirror_->OnConnected(now_);
  now_ = Next<Mirror::Wait>().until;
  Next<Mirror::ReadOutbox>();
}

TEST_F(MirrorTest, WhoHasJustBeenToldOfAnEpochSendsAtOnce) {
  Begin();
  mirror_->OnRelayError(absl::UnavailableError("gone"), now_);
  mirror_->OnEpoch(kEpoch + 1, 0, /*refill=*/false, now_);
  Next<Mirror::Connect>();
  mirror_->OnConnected(now_);
  Next<Mirror::ReadOutbox>();
}

TEST_F(MirrorTest, AnErrorThatConcernsNothingAnyMoreIsForgotten) {
  Begin();
  Send({1}, 1, true);
  mirror_->OnRelayError(absl::UnavailableError("gone"), now_);
  now_ = Next<Mirror::Wait>().until;
  ConnectAgain();
  Next<Mirror::ReadOutbox>();
  // Somebody has replaced it meanwhile.
  Page({}, 3, true);
  EXPECT_TRUE(mirror_->error().ok());
}

TEST_F(MirrorTest, AnotherEpochIsReportedAndWaitedFor) {
  Begin();
  Send({1}, 1);
  Send({2}, 2, true);
  MirrorReply refused;
  refused.outcome = MirrorReply::Outcome::kEpochChanged;
  mirror_->OnReply(refused, now_);
  EXPECT_TRUE(mirror_->epoch_refused());
  EXPECT_FALSE(mirror_->idle());
  EXPECT_GT(Next<Mirror::Wait>().until, now_);
  mirror_->OnEpoch(kEpoch + 1, 0, /*refill=*/false, now_);
  EXPECT_TRUE(mirror_->error().ok());
  // At once, not when the wait is over.
  Next<Mirror::Connect>();
  mirror_->OnConnected(now_);
  Next<Mirror::ReadOutbox>();
  Page({1, 2}, 2, true);
  EXPECT_EQ(Next<Mirror::Send>().batch.epoch, kEpoch + 1);
}

// Redis may have lost again what it had answered: it counts for nothing in the new epoch.
TEST_F(MirrorTest, AnAnswerOfTheOldEpochDoesNotMoveTheCursorOfTheNewOne) {
  Begin();
  Send({1, 2}, 2, true);
  Next<Mirror::Receive>();
  Reply({kWon, kWon});
  mirror_->OnEpoch(kEpoch + 1, 0, /*refill=*/false, now_);
  Next<Mirror::Connect>();
  EXPECT_EQ(mirror_->mirrored_revision(), 0u);
}

TEST_F(MirrorTest, WinnersOfTheOldEpochDoNotMoveTheCursorEither) {
  Begin();
  Send({1}, 1, true);
  Next<Mirror::Receive>();
  Reply({kLost});
  Next<Mirror::StoreWinners>();
  mirror_->OnEpoch(kEpoch + 1, 0, /*refill=*/false, now_);
  mirror_->OnWinnersStored(absl::OkStatus(), now_);
  Next<Mirror::Connect>();
  EXPECT_EQ(mirror_->mirrored_revision(), 0u);
}

TEST_F(MirrorTest, AVersionAheadOfRedisClockIsStampedAnewAndSentAgain) {
  Begin();
  Send({1, 2}, 2, true);
  MirrorReply refused;
  refused.outcome = MirrorReply::Outcome::kClockAhead;
  refused.stored_times = {0, 77};
  mirror_->OnReply(refused, now_);
  EXPECT_TRUE(absl::IsFailedPrecondition(mirror_->error()));
  const Restamping restamping = Next<Mirror::Restamp>().restamping;
  ASSERT_EQ(restamping.items.size(), 2u);
  EXPECT_EQ(restamping.items[1].key, "k2");
  EXPECT_EQ(restamping.items[1].revision, 2u);
  EXPECT_EQ(restamping.redis_times, (std::vector<uint64_t>{0, 77}));
  EXPECT_FALSE(mirror_->idle());
  Next<Mirror::Wait>();
  mirror_->OnRestamped(2, now_);
  // At once.
  Next<Mirror::Connect>();
  mirror_->OnConnected(now_);
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 0u);
}

// The clock has not been put right yet, or the record is somebody else's.
TEST_F(MirrorTest, WhatCannotBeStampedAnewWaitsAndSaysSo) {
  Begin();
  Send({1}, 1, true);
  MirrorReply refused;
  refused.outcome = MirrorReply::Outcome::kClockAhead;
  mirror_->OnReply(refused, now_);
  Next<Mirror::Restamp>();
  mirror_->OnRestamped(0, now_);
  EXPECT_TRUE(absl::IsFailedPrecondition(mirror_->error()));
  EXPECT_GT(Next<Mirror::Wait>().until, now_);
  EXPECT_EQ(mirror_->mirrored_revision(), 0u);
}

TEST_F(MirrorTest, AnAnswerThatLeavesItemsOutMovesNothing) {
  Begin();
  Send({1, 2}, 2, true);
  Reply({kWon});
  EXPECT_TRUE(absl::IsDataLoss(mirror_->error()));
  EXPECT_EQ(mirror_->mirrored_revision(), 0u);
}

TEST_F(MirrorTest, WhilePausedOnlyAnswersAreTaken) {
  Begin();
  Send({1}, 1);
  mirror_->SetPaused(true);
  Next<Mirror::Receive>();
  Reply({kWon});
  EXPECT_EQ(Advanced(), 1u);
  EXPECT_TRUE(mirror_->idle());
  Next<Mirror::Wait>();
  mirror_->SetPaused(false);
  Next<Mirror::ReadOutbox>();
}

}  // namespace
}  // namespace dunlin
