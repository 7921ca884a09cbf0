// Goal: the mirror knows, and tells Redis, up to where Redis has every write of the store; never more, and at rest all
// of it. Method: the state machine, driven by the test.

#include <vector>

#include "gtest/gtest.h"
#include "tests/sync/mirror_tester.h"

namespace dunlin {
namespace {

class MirrorDeliveredTest : public MirrorTester {
 protected:
  // Gives the mirror a page; what it sends then.
  MirrorBatch SentOf(const std::vector<uint64_t>& revisions, uint64_t covered, bool complete) {
    Next<Mirror::ReadOutbox>();
    Page(revisions, covered, complete);
    const MirrorBatch batch = Next<Mirror::Send>().batch;
    mirror_->OnSent();
    return batch;
  }

  // What Redis is has been looked at since the mirror connected.
  void Confirm(uint64_t epoch = kEpoch) { mirror_->OnConfirmed(epoch, mirror_->connection()); }

  void BeginConfirmed() {
    Begin();
    Confirm();
  }

  // A mirror of a store that may have written something.
  void BeginAfterWrites() {
    Mirror::Options options;
    options.store_id = kStoreId;
    options.epoch = kEpoch;
    options.mirrored_revision = 20;
    options.own_revision = 20;
    mirror_.emplace(options);
    Next<Mirror::Connect>();
    mirror_->OnConnected(now_);
    Confirm();
  }
};

TEST_F(MirrorDeliveredTest, AWholePageIsDeliveredOnceItIsAnswered) {
  BeginConfirmed();
  const MirrorBatch batch = SentOf({3, 5}, 6, /*complete=*/true);
  EXPECT_EQ(batch.covered_revision, 6u);
  EXPECT_EQ(batch.covered_before, 0u);
  EXPECT_TRUE(batch.is_whole);
  EXPECT_FALSE(mirror_->delivered_revision().has_value());
  Next<Mirror::Receive>();
  Reply({kWon, kLost});
  EXPECT_EQ(mirror_->delivered_revision(), 6u);
}

TEST_F(MirrorDeliveredTest, APartOfTheOutboxIsNotWhole) {
  BeginConfirmed();
  EXPECT_FALSE(SentOf({3, 5}, 6, /*complete=*/false).is_whole);
  const MirrorBatch second = SentOf({7}, 8, /*complete=*/true);
  EXPECT_TRUE(second.is_whole);
  EXPECT_EQ(second.covered_before, 6u) << "the one before may be refused";
  Next<Mirror::Receive>();
  Reply({kWon, kWon});
  EXPECT_FALSE(mirror_->delivered_revision().has_value()) << "a later write of one of its keys is under way";
  Advanced();
  Next<Mirror::Receive>();
  Reply({kWon});
  EXPECT_EQ(mirror_->delivered_revision(), 8u);
}

TEST_F(MirrorDeliveredTest, OnceAllIsAnsweredTheNextDoesNotDependOnIt) {
  BeginConfirmed();
  Send({3}, 4, /*complete=*/true);
  Next<Mirror::Receive>();
  Reply({kWon});
  Advanced();
  mirror_->OnCommitted();
  EXPECT_EQ(SentOf({5}, 5, /*complete=*/true).covered_before, 0u);
}

// Its last page had nothing to send, so that nobody has told Redis.
TEST_F(MirrorDeliveredTest, WhatHasNotBeenToldIsToldWhenTheOutboxIsEmpty) {
  BeginConfirmed();
  Send({3}, 4, /*complete=*/false);
  Next<Mirror::ReadOutbox>();
  Page({}, 9, /*complete=*/true);
  Next<Mirror::Receive>();
  Reply({kWon});
  EXPECT_EQ(mirror_->delivered_revision(), 9u);
  EXPECT_EQ(Advanced(), 9u);
  const MirrorBatch told = SentOf({}, 9, /*complete=*/true);
  EXPECT_TRUE(told.items.empty());
  EXPECT_TRUE(told.is_whole);
  EXPECT_EQ(told.covered_revision, 9u);
  Next<Mirror::Receive>();
  Reply({});
  EXPECT_EQ(Next<Mirror::Wait>().until, absl::InfiniteFuture()) << "told once";
}

// A run before this one may have sent something and ended before it could tell.
TEST_F(MirrorDeliveredTest, AStoreThatHasWrittenTellsItAtTheStart) {
  BeginAfterWrites();
  EXPECT_EQ(SentOf({}, 25, /*complete=*/true).covered_revision, 25u);
  Next<Mirror::Receive>();
  Reply({});
  EXPECT_EQ(mirror_->delivered_revision(), 25u);
}

TEST_F(MirrorDeliveredTest, AStoreThatHasWrittenNothingHasNothingToTell) {
  BeginConfirmed();
  Next<Mirror::ReadOutbox>();
  Page({}, 25, /*complete=*/true);
  EXPECT_EQ(mirror_->delivered_revision(), 25u);
  EXPECT_EQ(Advanced(), 25u);
  Next<Mirror::Wait>();
}

TEST_F(MirrorDeliveredTest, WhatRedisHadAlreadyIsTold) {
  BeginConfirmed();
  Next<Mirror::ReadOutbox>();
  RefillPage({3, 4}, 4);
  Next<Mirror::FindMissing>();
  mirror_->OnMissing(MissingReply(), now_);
  EXPECT_EQ(mirror_->delivered_revision(), 4u);
  EXPECT_EQ(Advanced(), 4u);
  EXPECT_TRUE(SentOf({}, 4, /*complete=*/true).is_whole);
}

// In the new epoch Redis may lack any of it.
TEST_F(MirrorDeliveredTest, ANewEpochBeginsAnew) {
  BeginConfirmed();
  Send({3}, 4, /*complete=*/true);
  Next<Mirror::Receive>();
  Reply({kWon});
  Advanced();
  mirror_->OnEpoch(kEpoch + 1, 0, /*refill=*/false, now_);
  EXPECT_FALSE(mirror_->delivered_revision().has_value());
  Next<Mirror::Connect>();
  mirror_->OnConnected(now_);
  Confirm(kEpoch + 1);
  EXPECT_TRUE(SentOf({}, 4, /*complete=*/true).is_whole);
}

// A Redis that has been put back to a backup does not have what it had, and tells so only to whoever looks.
TEST_F(MirrorDeliveredTest, NothingIsToldBeforeRedisHasBeenLookedAtOnThisConnection) {
  BeginConfirmed();
  Send({3}, 4, /*complete=*/true);
  Next<Mirror::Receive>();
  Reply({kWon});
  Advanced();
  const uint64_t before = mirror_->connection();
  mirror_->OnRelayError(absl::UnavailableError("lost"), now_);
  now_ += kReconnectDelayMax;
  Next<Mirror::Connect>();
  mirror_->OnConnected(now_);
  now_ += kRedisHeartbeatPeriod;
  EXPECT_FALSE(SentOf({5}, 5, /*complete=*/true).is_whole);
  Next<Mirror::Receive>();
  Reply({kWon});
  Advanced();
  mirror_->OnConfirmed(kEpoch, before);
  mirror_->OnConfirmed(kEpoch + 1, mirror_->connection());
  Next<Mirror::Wait>();
  Confirm();
  EXPECT_TRUE(SentOf({}, 5, /*complete=*/true).is_whole);
}

TEST_F(MirrorDeliveredTest, WhatWasRefusedIsNotDelivered) {
  BeginConfirmed();
  Send({3}, 4, /*complete=*/true);
  mirror_->OnCommitted();
  Send({5}, 5, /*complete=*/true);
  Next<Mirror::Receive>();
  MirrorReply late;
  late.outcome = MirrorReply::Outcome::kTooLate;
  mirror_->OnReply(late, now_);
  EXPECT_FALSE(mirror_->delivered_revision().has_value());
  now_ += kReconnectDelayMax;
  Next<Mirror::Connect>();
  mirror_->OnConnected(now_);
  EXPECT_EQ(SentOf({3, 5}, 5, /*complete=*/true).covered_before, 0u);
}

}  // namespace
}  // namespace dunlin
