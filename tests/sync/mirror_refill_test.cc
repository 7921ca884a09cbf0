// Goal: what Redis has had before, and may have lost, gets back there: versions first, values where they are missing,
// and only from a replica that knows what has been deleted meanwhile. Method: the state machine alone, told step by
// step what happens.

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/sync/mirror_tester.h"

namespace dunlin {
namespace {

class MirrorRefillTest : public MirrorTester {
 protected:
  // Gives the mirror a page of what Redis has had before, and now lacks, and has it sent.
  void SendRefillPage(const std::vector<uint64_t>& revisions, uint64_t covered) {
    SetBarrier(true);
    Next<Mirror::ReadOutbox>();
    Page(revisions, covered, /*complete=*/false, /*known_to_redis=*/true);
    EXPECT_EQ(Next<Mirror::FindMissing>().query.items.size(), revisions.size());
    MissingReply reply{false, kEpoch, {}};
    for (size_t i = 0; i < revisions.size(); ++i) {
      reply.missing.push_back(i);
    }
    mirror_->OnMissing(reply, now_);
    EXPECT_EQ(Next<Mirror::Send>().batch.items.size(), revisions.size());
    mirror_->OnSent();
  }
};

TEST_F(MirrorRefillTest, ARefillAsksFirstAndSendsOnlyWhatIsMissing) {
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

TEST_F(MirrorRefillTest, ARefillOfWhatRedisHasSendsNothing) {
  Begin();
  Next<Mirror::ReadOutbox>();
  RefillPage({1, 2}, 2);
  Next<Mirror::FindMissing>();
  mirror_->OnMissing(MissingReply{false, kEpoch, {}}, now_);
  EXPECT_EQ(Advanced(), 2u);
  EXPECT_TRUE(mirror_->idle());
}

// It may have been away while what it holds was deleted, and the tombstone forgotten.
TEST_F(MirrorRefillTest, AReplicaThatHasNotCaughtUpRefillsNothing) {
  Begin();
  Next<Mirror::ReadOutbox>();
  RefillPage({1}, 1);
  SetBarrier(false);
  EXPECT_EQ(Next<Mirror::Wait>().until, absl::InfiniteFuture());
  SetBarrier(true);
  Next<Mirror::ReadOutbox>();
}

// A rebuild has dropped the first key meanwhile.
TEST_F(MirrorRefillTest, WhatWasReadBeforeTheStoreHadCaughtUpIsReadAnew) {
  Begin(/*mirrored_revision=*/4);
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 4u);
  Page({5, 6}, 6, /*complete=*/true, /*known_to_redis=*/true);
  Next<Mirror::Wait>();
  SetBarrier(true);
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 4u);
  Page({6}, 6, /*complete=*/true, /*known_to_redis=*/true);
  const MissingQuery query = Next<Mirror::FindMissing>().query;
  ASSERT_EQ(query.items.size(), 1u);
  EXPECT_EQ(query.items[0].key, "k6");
}

// Calls are answered in order: a question between a batch and its answer would take the batch's answer for its own.
TEST_F(MirrorRefillTest, NothingIsAskedWhileABatchIsUnderWay) {
  Begin();
  Send({1}, 1);
  Next<Mirror::ReadOutbox>();
  RefillPage({2}, 2);
  Next<Mirror::Receive>();
  Reply({kWon});
  EXPECT_EQ(Advanced(), 1u);
  Next<Mirror::FindMissing>();
}

TEST_F(MirrorRefillTest, AnAnswerAboutWhatWasNotAskedMovesNothing) {
  Begin();
  Next<Mirror::ReadOutbox>();
  RefillPage({1}, 1);
  Next<Mirror::FindMissing>();
  mirror_->OnMissing(MissingReply{false, kEpoch, {1}}, now_);
  EXPECT_TRUE(absl::IsDataLoss(mirror_->error()));
  EXPECT_EQ(mirror_->mirrored_revision(), 0u);
}

TEST_F(MirrorRefillTest, AskingUnderAnotherEpochIsReported) {
  Begin();
  Next<Mirror::ReadOutbox>();
  RefillPage({1}, 1);
  Next<Mirror::FindMissing>();
  mirror_->OnMissing(MissingReply{true, kEpoch + 1, {}}, now_);
  EXPECT_TRUE(mirror_->epoch_refused());
  EXPECT_EQ(mirror_->mirrored_revision(), 0u);
}

// Whoever notices the same loss begins at another moment.
TEST_F(MirrorRefillTest, ARefillBeginsAfterAMomentOfItsOwn) {
  std::set<absl::Time> begins;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    mirror_.emplace(Mirror::Options{kStoreId, kEpoch, 0, seed});
    mirror_->OnEpoch(kEpoch + 1, 0, /*refill=*/true, now_);
    Next<Mirror::Connect>();
    mirror_->OnConnected(now_);
    Next<Mirror::ReadOutbox>();
    RefillPage({1}, 1);
    const absl::Time until = Next<Mirror::Wait>().until;
    EXPECT_LE(until, now_ + kReconcileJitterMax);
    begins.insert(until);
  }
  EXPECT_GT(begins.size(), 5u);
}

// Nobody else has it.
TEST_F(MirrorRefillTest, WhatRedisHasNeverHadIsSentAtOnce) {
  Begin();
  mirror_->OnEpoch(kEpoch + 1, 0, /*refill=*/true, now_);
  Next<Mirror::Connect>();
  mirror_->OnConnected(now_);
  Send({1}, 1, /*complete=*/true);
}

// Two that have come to the same page would go on side by side, and send everything twice.
TEST_F(MirrorRefillTest, WhoWasNotTheFirstToSendAPageLeavesTheOtherTheWay) {
  Begin();
  SendRefillPage({1, 2}, 2);
  // The next page is read while the answer is under way.
  Next<Mirror::ReadOutbox>();
  Page({3}, 3, /*complete=*/false, /*known_to_redis=*/true);
  Next<Mirror::Receive>();
  Reply({kWon, kThere});
  EXPECT_EQ(Advanced(), 2u);
  const absl::Time until = Next<Mirror::Wait>().until;
  EXPECT_GE(until, now_ + kRefillYieldMin);
  EXPECT_LE(until, now_ + 2 * kRefillYieldMin);
  now_ = until;
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 2u) << "what has waited is read anew";
  Page({3}, 3, /*complete=*/false, /*known_to_redis=*/true);
  EXPECT_EQ(Next<Mirror::FindMissing>().query.items[0].key, "k3");
}

TEST_F(MirrorRefillTest, TheFirstToSendAPageGoesOnAtOnce) {
  Begin();
  SendRefillPage({1, 2}, 2);
  Next<Mirror::ReadOutbox>();
  Page({3}, 3, /*complete=*/false, /*known_to_redis=*/true);
  Next<Mirror::Receive>();
  Reply({kWon, kWon});
  EXPECT_EQ(Advanced(), 2u);
  Next<Mirror::FindMissing>();
}

TEST_F(MirrorRefillTest, WhatRedisHasNeverHadIsSentWhateverOthersRefill) {
  Begin();
  SendRefillPage({1}, 1);
  Next<Mirror::ReadOutbox>();
  Page({}, 1, /*complete=*/true);
  Next<Mirror::Receive>();
  Reply({kThere});
  EXPECT_EQ(Advanced(), 1u);
  mirror_->OnCommitted();
  Send({2}, 2);
}

}  // namespace
}  // namespace dunlin
