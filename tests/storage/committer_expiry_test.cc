// Goal: an entry is gone in the millisecond of its expiry and not before, watchers are told once, and a later write or
// a clock that is set back brings nothing old to life. Method: a clock that only the test moves.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/committer.h"
#include "storage/limits.h"
#include "tests/storage/store_tester.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

// Writes down the types and revisions of all changes.
class Recorder final : public ChangeFeed::Listener {
 public:
  void OnChanges(absl::Span<const ChangePtr> changes) override {
    MutexLock lock(&mutex_);
    for (const ChangePtr& change : changes) {
      changes_.push_back(change);
    }
  }

  std::vector<ChangePtr> Taken() {
    MutexLock lock(&mutex_);
    return std::move(changes_);
  }

  size_t size() {
    MutexLock lock(&mutex_);
    return changes_.size();
  }

 private:
  Mutex mutex_;
  std::vector<ChangePtr> changes_ ABSL_GUARDED_BY(mutex_);
};

class CommitterExpiryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tester_.opened().ok()) << tester_.opened();
    Listen();
  }
  void TearDown() override { tester_.feed().Unsubscribe(&recorder_); }

  void Listen() { tester_.feed().Subscribe({}, &recorder_); }

  TempDir dir_;
  StoreTester tester_{dir_.path()};
  Recorder recorder_;
};

TEST_F(CommitterExpiryTest, AnEntryIsAbsentFromExactlyItsInstantOn) {
  ASSERT_TRUE(tester_.Put("key", "value", absl::Milliseconds(1000)).ok());
  ASSERT_TRUE(tester_.Put("other", "value").ok());
  // No sweep may help: reads alone decide.
  Gate gate;
  tester_.HoldCommitter(&gate);
  tester_.wall_clock().Advance(absl::Milliseconds(999));
  EXPECT_EQ(tester_.Get("key"), "value");
  EXPECT_EQ(tester_.ListAll().size(), 2u);
  EXPECT_EQ(tester_.BatchGet({"key", "other"}, 1000)->size(), 2u);
  EXPECT_EQ(tester_.ChangesAfter(0).size(), 2u);
  tester_.wall_clock().Advance(absl::Milliseconds(1));
  EXPECT_EQ(tester_.Get("key"), "(absent)");
  EXPECT_EQ(tester_.ListAll().size(), 1u);
  EXPECT_EQ(tester_.BatchGet({"key", "other"}, 1000)->size(), 1u);
  EXPECT_EQ(tester_.ChangesAfter(0).size(), 1u) << "its EXPIRE will follow";
  gate.Open();
  tester_.Settle();
  EXPECT_EQ(tester_.ChangesAfter(0).size(), 2u);
}

TEST_F(CommitterExpiryTest, TheOffsetToTheFleetsClockCounts) {
  ASSERT_TRUE(tester_.Put("key", "value", absl::Seconds(10)).ok());
  tester_.clock().SetOffset(absl::Seconds(9.999));
  EXPECT_EQ(tester_.Get("key"), "value");
  tester_.clock().SetOffset(absl::Seconds(10));
  EXPECT_EQ(tester_.Get("key"), "(absent)");
}

TEST_F(CommitterExpiryTest, WatchersAreToldOnceAtANewRevision) {
  const WriteResult put = *tester_.Put("key", "value", absl::Milliseconds(10));
  tester_.Advance(absl::Milliseconds(200));
  tester_.Advance(absl::Hours(1));
  const std::vector<ChangePtr> changes = recorder_.Taken();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[1]->type, ChangeType::kExpire);
  EXPECT_EQ(changes[1]->revision, 2u);
  EXPECT_EQ(changes[1]->version, put.versions.front()) << "expiring is no write";
  EXPECT_EQ(tester_.ChangesAfter(1).size(), 1u);
  EXPECT_EQ(tester_.ChangesAfter(1).front().type, ChangeType::kExpire);
  EXPECT_EQ(tester_.state().entries, 0u);
  EXPECT_EQ(tester_.state().digest, Digest());
}

TEST_F(CommitterExpiryTest, WatchersAreToldAfterReopeningOfWhatExpiredMeanwhile) {
  ASSERT_TRUE(tester_.Put("key", "value", absl::Seconds(1)).ok());
  tester_.Close();
  tester_.wall_clock().Advance(absl::Hours(1));
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_EQ(tester_.Get("key"), "(absent)");
  tester_.Settle();
  ASSERT_EQ(tester_.ChangesAfter(1).size(), 1u);
  EXPECT_EQ(tester_.ChangesAfter(1).front().type, ChangeType::kExpire);
  recorder_.Taken();
  Listen();
}

TEST_F(CommitterExpiryTest, APutAfterTheExpiryIsANewEntrySweptOrNot) {
  for (const bool swept : {false, true}) {
    ASSERT_TRUE(tester_.Put("key", "old", absl::Milliseconds(50)).ok());
    Gate gate;
    if (!swept) {
      tester_.HoldCommitter(&gate);
    }
    tester_.wall_clock().Advance(absl::Milliseconds(50));
    if (swept) {
      tester_.Advance(kSweepPeriod);
    }
    WriteAnswer answer;
    tester_.committer().Write(WriteOf({PutOf("key", "new")}, IfAbsent()), answer.Callback());
    gate.Open();
    ASSERT_TRUE(answer.Get().ok()) << answer.Get().status();
    EXPECT_FALSE(answer.Get()->existed.front());
    tester_.Advance(absl::Hours(1));
    EXPECT_EQ(tester_.Get("key"), "new");
    EXPECT_EQ(tester_.state().entries, 1u);
    ASSERT_TRUE(tester_.Delete("key").ok());
  }
}

TEST_F(CommitterExpiryTest, APutOverAnUnexpiredEntryResetsTheExpiry) {
  ASSERT_TRUE(tester_.Put("later", "1", absl::Seconds(1)).ok());
  ASSERT_TRUE(tester_.Put("later", "2", absl::Seconds(10)).ok());
  ASSERT_TRUE(tester_.Put("never", "1", absl::Seconds(1)).ok());
  ASSERT_TRUE(tester_.Put("never", "2").ok());
  ASSERT_TRUE(tester_.Put("sooner", "1", absl::Seconds(10)).ok());
  ASSERT_TRUE(tester_.Put("sooner", "2", absl::Seconds(1)).ok());
  recorder_.Taken();
  tester_.Advance(absl::Seconds(1));
  EXPECT_EQ(tester_.Get("later"), "2");
  EXPECT_EQ(tester_.Get("never"), "2");
  EXPECT_EQ(tester_.Get("sooner"), "(absent)");
  EXPECT_EQ(recorder_.Taken().size(), 1u);
  tester_.Advance(absl::Seconds(9));
  EXPECT_EQ(tester_.Get("later"), "(absent)");
  EXPECT_EQ(tester_.Get("never"), "2");
  EXPECT_EQ(recorder_.Taken().size(), 1u);
}

TEST_F(CommitterExpiryTest, AClockThatIsSetBackBringsNothingBackThatWatchersSawExpire) {
  ASSERT_TRUE(tester_.Put("key", "value", absl::Seconds(1)).ok());
  tester_.Advance(absl::Seconds(2));
  tester_.Advance(-absl::Seconds(2));
  EXPECT_EQ(tester_.Get("key"), "(absent)");
  EXPECT_EQ(tester_.ListAll().size(), 0u);
  EXPECT_EQ(tester_.BatchGet({"key"}, 1000)->size(), 0u);
  EXPECT_TRUE(tester_.Write(WriteOf({PutOf("key", "new")}, IfAbsent())).ok());
}

TEST_F(CommitterExpiryTest, TheSweepGoesOnAfterTheClockWasSetBack) {
  tester_.Settle();
  tester_.Advance(-absl::Hours(24));
  ASSERT_TRUE(tester_.Put("key", "value", absl::Milliseconds(10)).ok());
  tester_.Advance(kSweepPeriod);
  EXPECT_EQ(tester_.state().entries, 0u);
}

TEST_F(CommitterExpiryTest, TenThousandAtOnceAllExpireWithoutStallingWriters) {
  constexpr size_t kCount = 10000;
  for (size_t i = 0; i < kCount; i += 1000) {
    std::vector<Mutation> mutations;
    for (size_t n = i; n < i + 1000; ++n) {
      mutations.push_back(PutOf(absl::StrCat("key", n), "value", absl::Seconds(1)));
    }
    ASSERT_TRUE(tester_.Write(WriteOf(std::move(mutations))).ok());
  }
  recorder_.Taken();
  tester_.wall_clock().Advance(absl::Seconds(1));
  ASSERT_TRUE(tester_.Put("between", "x").ok());
  EXPECT_LT(recorder_.size(), kCount) << "a writer waits for a part of the sweep at most";
  ASSERT_TRUE(Eventually([&] { return recorder_.size() == kCount + 1; })) << "without the clock or a write to drive it";
  tester_.Settle();
  EXPECT_EQ(recorder_.size(), kCount + 1);
  EXPECT_EQ(tester_.state().entries, 1u);
}

TEST_F(CommitterExpiryTest, ExpiriesBeyondAnyClockNeverCome) {
  const Version version{uint64_t{1} << 56, 1};
  ASSERT_TRUE(
      tester_.Apply({RemotePut("a", version, "x", uint64_t{1} << 63), RemotePut("b", version, "x", UINT64_MAX)}).ok());
  ASSERT_TRUE(tester_.Put("c", "x", absl::Hours(int64_t{24} * 365 * 1'000'000)).ok());
  tester_.Advance(absl::Hours(24 * 3650));
  EXPECT_EQ(tester_.ListAll().size(), 3u);
}

TEST_F(CommitterExpiryTest, WhatRedisHasIsNotSentAgainForExpiringAndWhatItHasNotStillIs) {
  ASSERT_TRUE(tester_.EnterEpoch(1, false).ok());
  ASSERT_TRUE(tester_.Put("sent", "x", absl::Seconds(1)).ok());
  tester_.committer().AdvanceMirrored({1, 1, {{"sent", 1}}});
  ASSERT_TRUE(tester_.Put("unsent", "x", absl::Seconds(1)).ok());
  ASSERT_TRUE(tester_.Apply({RemotePut("foreign", Version{1, 1}, "x", FakeClock::kStartUnixMillis + 1000)}).ok());
  tester_.Advance(absl::Seconds(1));
  ASSERT_EQ(tester_.state().tombstones, 3u);
  ASSERT_EQ(tester_.Outbox().size(), 1u);
  EXPECT_EQ(tester_.Outbox().front().key, "unsent");
  EXPECT_EQ(tester_.state().outbox_depth, 1u);
}

TEST_F(CommitterExpiryTest, AForeignRecordThatExpiresDuringARefillIsStillSent) {
  ASSERT_TRUE(tester_.Apply({RemotePut("foreign", Version{1, 1}, "x", FakeClock::kStartUnixMillis + 1000)}).ok());
  ASSERT_TRUE(tester_.EnterEpoch(2, true).ok());
  tester_.Advance(absl::Seconds(1));
  ASSERT_EQ(tester_.state().tombstones, 1u);
  ASSERT_EQ(tester_.Outbox().size(), 1u) << "Redis may hold an older record of the key";
  EXPECT_EQ(tester_.state().outbox_depth, 1u);
  const uint64_t revision = tester_.Outbox().front().revision;
  EXPECT_GT(revision, tester_.state().refill_revision);
  tester_.committer().AdvanceMirrored({2, revision, {{"foreign", revision}}});
  tester_.Settle();
  EXPECT_TRUE(tester_.Outbox().empty());
  EXPECT_EQ(tester_.state().outbox_depth, 0u);
}

// ---- What a position tells of expiries ----

TEST_F(CommitterExpiryTest, APositionTellsUpToWhenAllHaveExpired) {
  ASSERT_TRUE(tester_.Put("key", "value", absl::Milliseconds(100)).ok());
  tester_.Advance(absl::Seconds(2));
  const auto now_unix_ms = static_cast<uint64_t>(absl::ToUnixMillis(tester_.wall_clock().Now()));
  EXPECT_EQ(tester_.store().position().expired_unix_ms, now_unix_ms);
  // A clock that is put back lets others expire before that.
  tester_.wall_clock().Advance(absl::Seconds(-1));
  ASSERT_TRUE(tester_.Put("other", "value", absl::Milliseconds(100)).ok());
  EXPECT_LE(tester_.store().position().expired_unix_ms, now_unix_ms - 1000);
}

TEST_F(CommitterExpiryTest, AStoreWithoutExpiriesHasSweptNothing) {
  ASSERT_TRUE(tester_.Put("key", "value").ok());
  tester_.Advance(absl::Seconds(2));
  EXPECT_EQ(tester_.state().expired_latest_unix_ms, 0u);
}

// By a clock that has been put back since, nobody could tell.
TEST_F(CommitterExpiryTest, WhenSomethingHasExpiredLastIsRememberedOverARestart) {
  ASSERT_TRUE(tester_.Put("key", "value", absl::Milliseconds(100)).ok());
  tester_.Advance(absl::Seconds(2));
  const uint64_t latest = tester_.state().expired_latest_unix_ms;
  EXPECT_EQ(latest, static_cast<uint64_t>(absl::ToUnixMillis(tester_.wall_clock().Now())));
  tester_.feed().Unsubscribe(&recorder_);
  tester_.Close();
  tester_.wall_clock().Advance(absl::Seconds(-60));
  ASSERT_TRUE(tester_.Open().ok());
  Listen();
  EXPECT_EQ(tester_.state().expired_latest_unix_ms, latest);
  tester_.Settle();
  EXPECT_EQ(tester_.state().expired_latest_unix_ms, latest);
}

// What others do not have until Redis does.
TEST_F(CommitterExpiryTest, APositionTellsWhatIsTheStoresOwn) {
  EXPECT_EQ(tester_.store().position().own_revision, 0u);
  const WriteResult put = *tester_.Put("mine", "value");
  EXPECT_EQ(put.position.own_revision, put.position.revision);
  ASSERT_TRUE(tester_.Apply({RemotePut("theirs", Version{1, 1}, "value")}).ok());
  EXPECT_EQ(tester_.store().position().own_revision, put.position.revision);
  EXPECT_EQ(tester_.store().position().revision, put.position.revision + 1);
  // In another epoch, or after a restart, it does not know better than that any of it may be.
  ASSERT_TRUE(tester_.EnterEpoch(7, /*refill=*/false).ok());
  EXPECT_EQ(tester_.store().position().own_revision, put.position.revision + 1);
}

}  // namespace
}  // namespace dunlin
