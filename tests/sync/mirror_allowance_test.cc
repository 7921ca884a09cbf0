// Goal: nothing gets to Redis that may be older than a deletion which has been forgotten there, however long it has
// waited and however long it was under way (seed 61,019 of the simulation). Method: the state machine alone, told what
// its store holds and what time it is.

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "storage/store.h"
#include "tests/sync/mirror_tester.h"

namespace dunlin {
namespace {

class MirrorAllowanceTest : public MirrorTester {
 protected:
  // A week, less room for clocks.
  static constexpr absl::Duration kAgeMax = absl::Seconds(7 * 24 * 3600 - 5);

  void SetUp() override { ASSERT_EQ(SentAgeMaxOf(kTombstoneHorizonDefault), kAgeMax); }

  void Update(bool barrier_open, absl::Time unsent_since, absl::Time complete, absl::Time fleet_now) {
    StoreState state;
    state.unsent_since_unix_ms = static_cast<uint64_t>(absl::ToUnixMillis(unsent_since));
    state.complete_unix_ms = static_cast<uint64_t>(absl::ToUnixMillis(complete));
    mirror_->UpdateAllowance(barrier_open, state, fleet_now);
  }

  // What a batch says that is read and sent then.
  absl::Time NotAfter(bool barrier_open, absl::Time unsent_since, absl::Time complete, absl::Time fleet_now,
                      bool known_to_redis = false) {
    Begin();
    Update(barrier_open, unsent_since, complete, fleet_now);
    Page({1}, 1, /*complete=*/true, known_to_redis);
    if (known_to_redis) {
      Next<Mirror::FindMissing>();
      mirror_->OnMissing(MissingReply{false, kEpoch, {0}}, now_);
    }
    return Next<Mirror::Send>().batch.not_after;
  }

  static constexpr absl::Time kNever = absl::UnixEpoch();
  const absl::Time written_ = absl::FromUnixSeconds(5000);
};

TEST_F(MirrorAllowanceTest, WhatHasWaitedForTooLongIsNotSentUntilTheStoreHasCaughtUp) {
  Begin();
  const absl::Time too_old = written_ + kAgeMax + absl::Milliseconds(1);
  Update(/*barrier_open=*/false, written_, kNever, too_old);
  EXPECT_EQ(Next<Mirror::Wait>().until, absl::InfiniteFuture());
  Update(/*barrier_open=*/false, written_, kNever, written_ + kAgeMax);
  Next<Mirror::ReadOutbox>();
  Update(/*barrier_open=*/false, /*unsent_since=*/kNever, kNever, too_old);
  Next<Mirror::ReadOutbox>();
  Update(/*barrier_open=*/true, written_, too_old, too_old);
  Next<Mirror::ReadOutbox>();
}

TEST_F(MirrorAllowanceTest, RedisIsToldUntilWhenItMayTakeABatch) {
  const absl::Time now = written_ + absl::Hours(1);
  const absl::Time complete = written_ + absl::Minutes(30);
  EXPECT_EQ(NotAfter(/*barrier_open=*/false, written_, complete, now), written_ + kAgeMax)
      << "it does not know what was deleted since";
  EXPECT_EQ(NotAfter(/*barrier_open=*/true, written_, complete, now), complete + kAgeMax);
  // The state has not told of what is in the outbox already.
  EXPECT_EQ(NotAfter(/*barrier_open=*/true, kNever, complete, now), now + kAgeMax);
  // A Redis that is gone had a clock that was ahead.
  EXPECT_EQ(NotAfter(/*barrier_open=*/true, written_, now + absl::Hours(5), now), now + kAgeMax);
}

// When it was written does not matter, only what has been deleted since the store knew of every deletion.
TEST_F(MirrorAllowanceTest, WhatRedisHasHadMayBeTakenForAsLongAsTheStoreSurelyKnows) {
  const absl::Time now = written_ + absl::Hours(1);
  EXPECT_EQ(NotAfter(/*barrier_open=*/true, kNever, /*complete=*/written_, now, /*known_to_redis=*/true),
            written_ + kAgeMax);
}

// A deletion that has come since is not in the page, although the store knows of it.
TEST_F(MirrorAllowanceTest, WhatTheStoreLearnsAfterAPageWasReadDoesNotMakeItYounger) {
  Begin();
  Update(/*barrier_open=*/true, written_, /*complete=*/written_, written_);
  Page({1}, 1, /*complete=*/true);
  const absl::Time later = written_ + absl::Hours(1);
  Update(/*barrier_open=*/true, /*unsent_since=*/kNever, /*complete=*/later, later);
  EXPECT_EQ(Next<Mirror::Send>().batch.not_after, written_ + kAgeMax);
}

TEST_F(MirrorAllowanceTest, WhatRedisWouldRefuseIsNotSentButReadAnewAtTheNextHeartbeat) {
  Begin();
  const absl::Time too_late = written_ + kAgeMax + absl::Milliseconds(1);
  Update(/*barrier_open=*/true, written_, /*complete=*/written_, too_late);
  Page({1}, 1, /*complete=*/true, /*known_to_redis=*/true);
  EXPECT_EQ(Next<Mirror::Wait>().until, now_ + kRedisHeartbeatPeriod);
  Update(/*barrier_open=*/true, written_, /*complete=*/too_late, too_late);
  EXPECT_EQ(Next<Mirror::Wait>().until, now_ + kRedisHeartbeatPeriod) << "the page is of then";
  now_ += kRedisHeartbeatPeriod;
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 0u);
}

TEST_F(MirrorAllowanceTest, ABatchThatCameTooLateIsReadAnewOnANewConnection) {
  Begin();
  Send({1}, 1, /*complete=*/true);
  MirrorReply late;
  late.outcome = MirrorReply::Outcome::kTooLate;
  mirror_->OnReply(late, now_);
  EXPECT_TRUE(absl::IsUnavailable(mirror_->error())) << mirror_->error();
  now_ = Next<Mirror::Wait>().until;
  Next<Mirror::Connect>();
  mirror_->OnConnected(now_);
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 0u);
  EXPECT_EQ(mirror_->mirrored_revision(), 0u);
}

// The store has caught up meanwhile, and has stamped it anew.
TEST_F(MirrorAllowanceTest, APageThatHadToWaitIsReadAnew) {
  Begin();
  Next<Mirror::ReadOutbox>();
  Page({1}, 1, /*complete=*/true);
  Update(/*barrier_open=*/false, written_, kNever, written_ + kAgeMax + absl::Milliseconds(1));
  Next<Mirror::Wait>();
  Update(/*barrier_open=*/true, written_, written_ + absl::Hours(24 * 8), written_ + absl::Hours(24 * 8));
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 0u);
}

// It was too late by what the store knew when it was read, which was nothing.
TEST_F(MirrorAllowanceTest, WhatWaitedForTheBarrierIsReadAnewAsSoonAsThatOpens) {
  Begin();
  Update(/*barrier_open=*/false, kNever, /*complete=*/written_, written_);
  Next<Mirror::ReadOutbox>();
  Page({1}, 1, /*complete=*/true, /*known_to_redis=*/true);
  EXPECT_EQ(Next<Mirror::Wait>().until, absl::InfiniteFuture());
  Update(/*barrier_open=*/true, kNever, /*complete=*/written_, written_);
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 0u);
  Page({1}, 1, /*complete=*/true, /*known_to_redis=*/true);
  Next<Mirror::FindMissing>();
}

// It had asked what Redis lacks, and does not know any more whether that has been deleted.
TEST_F(MirrorAllowanceTest, WhatRedisLacksIsNotSentOnceTheBarrierHasClosed) {
  Begin();
  RefillPage({1}, 1);
  Next<Mirror::FindMissing>();
  SetBarrier(false);
  mirror_->OnMissing(MissingReply{false, kEpoch, {0}}, now_);
  Next<Mirror::Wait>();
  SetBarrier(true);
  EXPECT_EQ(Next<Mirror::ReadOutbox>().after_revision, 0u);
}

TEST_F(MirrorAllowanceTest, AHorizonOfSecondsLeavesMostOfItself) {
  EXPECT_EQ(SentAgeMaxOf(absl::Seconds(4)), absl::Seconds(3));
}

}  // namespace
}  // namespace dunlin
