// Goal: what is in the outbox gets to Redis in order, and the cursor never passes what Redis has not answered or, when
// it turned a write down, whose winner is not stored.
// Method: the state machine alone, told step by step what happens; mirror_model_test.cc cuts it off at random.

#include "sync/mirror.h"

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/sync/test_records.h"

namespace dunlin {
namespace {

constexpr uint64_t kStoreId = 5;
constexpr uint64_t kEpoch = 7;

class MirrorTest : public testing::Test {
 protected:
  // A mirror that is connected, with nothing sent yet.
  void Begin(uint64_t mirrored_revision = 0) {
    mirror_.emplace(Mirror::Options{kStoreId, kEpoch, mirrored_revision, 1});
    Next<Mirror::Connect>();
    mirror_->OnConnected();
  }

  template <typename T>
  T Next() {
    Mirror::Action action = mirror_->Next(now_);
    T* wanted = std::get_if<T>(&action);
    EXPECT_NE(wanted, nullptr) << "the action has index " << action.index();
    return wanted != nullptr ? std::move(*wanted) : T();
  }

  static Change ChangeAt(uint64_t revision) {
    Change change;
    change.revision = revision;
    change.key = absl::StrCat("k", revision);
    change.encoded_record = MakeRecord(Version{revision, kStoreId}, "v");
    return change;
  }

  // Gives the mirror a page and has it sent.
  void Send(std::vector<uint64_t> revisions, uint64_t covered, bool complete = false) {
    Next<Mirror::ReadOutbox>();
    Page(revisions, covered, complete);
    EXPECT_EQ(Next<Mirror::Send>().batch.items.size(), revisions.size());
    mirror_->OnSent();
  }

  // A page of what Redis has had before.
  void RefillPage(const std::vector<uint64_t>& revisions, uint64_t covered) {
    mirror_->UpdateAllowance(/*barrier_open=*/true, 0, now_);
    Page(revisions, covered, /*complete=*/true, /*known_to_redis=*/true);
  }

  void Page(const std::vector<uint64_t>& revisions, uint64_t covered, bool complete, bool known_to_redis = false) {
    ChangePage page;
    page.known_to_redis = known_to_redis;
    for (const uint64_t revision : revisions) {
      page.changes.push_back(ChangeAt(revision));
    }
    page.covered_revision = covered;
    page.complete = complete;
    mirror_->OnOutboxPage(std::move(page));
  }

  void Reply(std::vector<MirrorItemReply::Outcome> outcomes) {
    MirrorReply reply;
    for (const MirrorItemReply::Outcome outcome : outcomes) {
      reply.items.push_back({outcome, 1, outcome == kLost ? "winner" : ""});
    }
    mirror_->OnReply(std::move(reply), now_);
  }

  uint64_t Advanced() { return Next<Mirror::Advance>().progress.revision; }

  static constexpr auto kWon = MirrorItemReply::Outcome::kAccepted;
  static constexpr auto kLost = MirrorItemReply::Outcome::kSuperseded;

  absl::Time now_ = absl::FromUnixSeconds(1000);
  absl::optional<Mirror> mirror_;
};

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
  Send({1}, 1);
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
  mirror_->OnConnected();
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
  Next<Mirror::Connect>();
  mirror_->OnConnected();
  EXPECT_FALSE(mirror_->error().ok()) << "a connection alone gets nothing to Redis";
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 1u);
  Page({2}, 2, true);
  Next<Mirror::Send>();
  mirror_->OnSent();
  Reply({MirrorItemReply::Outcome::kAlreadyThere});
  EXPECT_TRUE(mirror_->error().ok());
}

TEST_F(MirrorTest, AnErrorThatConcernsNothingAnyMoreIsForgotten) {
  Begin();
  Send({1}, 1, true);
  mirror_->OnRelayError(absl::UnavailableError("gone"), now_);
  now_ = Next<Mirror::Wait>().until;
  Next<Mirror::Connect>();
  mirror_->OnConnected();
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
  mirror_->OnConnected();
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
  mirror_->OnReply(refused, now_);
  EXPECT_TRUE(absl::IsFailedPrecondition(mirror_->error()));
  const Restamping restamping = Next<Mirror::Restamp>().restamping;
  ASSERT_EQ(restamping.items.size(), 2u);
  EXPECT_EQ(restamping.items[1].key, "k2");
  EXPECT_EQ(restamping.items[1].revision, 2u);
  EXPECT_FALSE(mirror_->idle());
  Next<Mirror::Wait>();
  mirror_->OnRestamped(2, now_);
  // At once.
  Next<Mirror::Connect>();
  mirror_->OnConnected();
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

TEST_F(MirrorTest, ARefillAsksFirstAndSendsOnlyWhatIsMissing) {
  Begin();
  Next<Mirror::ReadOutbox>();
  RefillPage({1, 2, 3}, 3);
  const MissingQuery query = Next<Mirror::FindMissing>().query;
  EXPECT_EQ(query.epoch, kEpoch);
  ASSERT_EQ(query.items.size(), 3u);
  EXPECT_EQ(query.items[1].key, "k2");
  mirror_->OnMissing(MissingReply{false, kEpoch, {1}}, now_);
  const MirrorBatch batch = Next<Mirror::Send>().batch;
  EXPECT_TRUE(batch.known_to_redis);
  ASSERT_EQ(batch.items.size(), 1u);
  EXPECT_EQ(batch.items[0].key, "k2");
  mirror_->OnSent();
  Reply({kLost});
  const RemoteBatch winners = Next<Mirror::StoreWinners>().winners;
  ASSERT_EQ(winners.records.size(), 1u);
  EXPECT_EQ(winners.records[0].key, "k2");
  mirror_->OnWinnersStored(absl::OkStatus(), now_);
  const MirrorProgress progress = Next<Mirror::Advance>().progress;
  EXPECT_EQ(progress.revision, 3u);
  EXPECT_EQ(progress.sent.size(), 3u);
}

TEST_F(MirrorTest, ARefillOfWhatRedisHasSendsNothing) {
  Begin();
  Next<Mirror::ReadOutbox>();
  RefillPage({1, 2}, 2);
  Next<Mirror::FindMissing>();
  mirror_->OnMissing(MissingReply{false, kEpoch, {}}, now_);
  EXPECT_EQ(Advanced(), 2u);
  EXPECT_TRUE(mirror_->idle());
}

// It may have been away while what it holds was deleted, and the tombstone forgotten.
TEST_F(MirrorTest, AReplicaThatHasNotCaughtUpRefillsNothing) {
  Begin();
  Next<Mirror::ReadOutbox>();
  RefillPage({1}, 1);
  mirror_->UpdateAllowance(/*barrier_open=*/false, 0, now_);
  EXPECT_EQ(Next<Mirror::Wait>().until, absl::InfiniteFuture());
  mirror_->UpdateAllowance(/*barrier_open=*/true, 0, now_);
  Next<Mirror::FindMissing>();
}

// Calls are answered in order: a question between a batch and its answer would take the batch's answer for its own.
TEST_F(MirrorTest, NothingIsAskedWhileABatchIsUnderWay) {
  Begin();
  Send({1}, 1);
  Next<Mirror::ReadOutbox>();
  RefillPage({2}, 2);
  Next<Mirror::Receive>();
  Reply({kWon});
  EXPECT_EQ(Advanced(), 1u);
  Next<Mirror::FindMissing>();
}

TEST_F(MirrorTest, AnAnswerAboutWhatWasNotAskedMovesNothing) {
  Begin();
  Next<Mirror::ReadOutbox>();
  RefillPage({1}, 1);
  Next<Mirror::FindMissing>();
  mirror_->OnMissing(MissingReply{false, kEpoch, {1}}, now_);
  EXPECT_TRUE(absl::IsDataLoss(mirror_->error()));
  EXPECT_EQ(mirror_->mirrored_revision(), 0u);
}

TEST_F(MirrorTest, AskingUnderAnotherEpochIsReported) {
  Begin();
  Next<Mirror::ReadOutbox>();
  RefillPage({1}, 1);
  Next<Mirror::FindMissing>();
  mirror_->OnMissing(MissingReply{true, kEpoch + 1, {}}, now_);
  EXPECT_TRUE(mirror_->epoch_refused());
  EXPECT_EQ(mirror_->mirrored_revision(), 0u);
}

// Whoever notices the same loss begins at another moment.
TEST_F(MirrorTest, ARefillBeginsAfterAMomentOfItsOwn) {
  std::set<absl::Time> begins;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    mirror_.emplace(Mirror::Options{kStoreId, kEpoch, 0, seed});
    mirror_->OnEpoch(kEpoch + 1, 0, /*refill=*/true, now_);
    const absl::Time until = Next<Mirror::Wait>().until;
    EXPECT_LE(until, now_ + kReconcileJitterMax);
    begins.insert(until);
  }
  EXPECT_GT(begins.size(), 5u);
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
