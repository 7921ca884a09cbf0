// Goal: what a clock that was ahead has stamped, and Redis has refused for that, gets versions of the present and is
// otherwise what it was; all of an atomic batch or none; and nothing that Redis or anybody else may know by its
// version. Method: the applier on real tables, which have to fit the state after every step, with a clock that is wrong
// for a while.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "storage/version.h"
#include "tests/storage/applier_tester.h"
#include "tests/storage/store_tester.h"

namespace dunlin {
namespace {

constexpr absl::Duration kAhead = absl::Hours(1);

class ApplierRestampTest : public ApplierTester {
 protected:
  // Writes while the clock is ahead.
  WriteResult WriteAhead(const LocalWrite& write) {
    wall_clock_.Advance(kAhead);
    const absl::StatusOr<WriteResult> result = Write(write);
    wall_clock_.Advance(-kAhead);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : WriteResult();
  }

  // `redis_times` are those of the items; as many as there are if none are given.
  size_t Restamp(const std::vector<OutboxItem>& items, std::vector<uint64_t> redis_times = {}) {
    redis_times.resize(items.size());
    absl::StatusOr<size_t> restamped;
    Run([&](Applier* applier, TableTxn*) { restamped = applier->Restamp(Restamping{items, redis_times}); });
    EXPECT_TRUE(restamped.ok()) << restamped.status();
    return restamped.ok() ? *restamped : 0;
  }

  bool IsOfThePresent(const Version& version) const {
    return version.origin == kStoreId && VersionTimeToUnixMillis(version.time) == clock_.NowUnixMillis();
  }
};

TEST_F(ApplierRestampTest, WhatAWrongClockHasStampedGetsAVersionOfThePresent) {
  WriteAhead(WriteOf({PutOf("a", "1")}));
  EXPECT_EQ(Restamp({{"a", 1}}), 1u);
  const RecordRow row = RowOf("a");
  EXPECT_TRUE(IsOfThePresent(row.record.version)) << VersionToString(row.record.version);
  EXPECT_EQ(row.record.value, "1");
  EXPECT_EQ(row.revision, 2u);
  EXPECT_TRUE(state_.InOutbox(row)) << "it has still to be sent";
}

TEST_F(ApplierRestampTest, ADeletionIsStampedAnewAsADeletion) {
  WriteAhead(WriteOf({DeleteOf("a")}));
  EXPECT_EQ(Restamp({{"a", 1}}), 1u);
  const RecordRow row = RowOf("a");
  EXPECT_TRUE(IsOfThePresent(row.record.version)) << VersionToString(row.record.version);
  EXPECT_TRUE(row.record.tombstone);
}

// Redis takes what is ahead by no more than that.
TEST_F(ApplierRestampTest, WhatIsAheadByNoMoreThanTheDriftKeepsItsVersion) {
  wall_clock_.Advance(kClockDriftMax);
  const WriteResult written = *Write(WriteOf({PutOf("a", "1")}));
  wall_clock_.Advance(-kClockDriftMax);
  EXPECT_EQ(Restamp({{"a", 1}}), 0u);
  EXPECT_EQ(RowOf("a").record.version, written.versions[0]);
  EXPECT_EQ(RowOf("a").revision, 1u);
}

TEST_F(ApplierRestampTest, WhileTheClockIsStillWrongNothingIsStampedAnew) {
  wall_clock_.Advance(kAhead);
  const WriteResult written = *Write(WriteOf({PutOf("a", "1")}));
  EXPECT_EQ(Restamp({{"a", 1}}), 0u);
  EXPECT_EQ(RowOf("a").record.version, written.versions[0]);
}

TEST_F(ApplierRestampTest, TheClockForgetsTheFutureThatItHasIssued) {
  const WriteResult ahead = WriteAhead(WriteOf({PutOf("a", "1")}));
  Restamp({{"a", 1}});
  const WriteResult next = *Write(WriteOf({PutOf("b", "1")}));
  EXPECT_LT(next.versions[0], ahead.versions[0]);
  EXPECT_TRUE(IsOfThePresent(next.versions[0])) << VersionToString(next.versions[0]);
  EXPECT_EQ(state_.clock_time, next.versions[0].time) << "nor does a restart bring it back";
}

// Redis' own clock has been set back since it took that version, or it was itself ahead.
TEST_F(ApplierRestampTest, WhatRedisHasUnderTheKeyIsStillReplaced) {
  for (const absl::Duration ahead : {absl::Seconds(2), absl::Minutes(1), absl::Minutes(50)}) {
    const WriteResult written = WriteAhead(WriteOf({PutOf("a", "1"), PutOf("b", "1")}));
    const uint64_t stored = (clock_.NowUnixMillis() + absl::ToInt64Milliseconds(ahead)) << kVersionCounterBits;
    EXPECT_EQ(Restamp({{"a", written.revisions[0]}, {"b", written.revisions[1]}}, {stored, 0}), 2u);
    const uint64_t time = RowOf("a").record.version.time;
    EXPECT_GT(time, stored);
    EXPECT_LE(VersionTimeToUnixMillis(time), VersionTimeToUnixMillis(stored) + 1) << "no further than Redis takes it";
    EXPECT_LT(RowOf("b").record.version.time, written.versions[1].time);
  }
}

// It counts as applied here, so that it must not be missing; and Redis may have taken it after it refused the own one.
TEST_F(ApplierRestampTest, WhatWasTurnedDownMeanwhileIsReplacedToo) {
  const WriteResult written = WriteAhead(WriteOf({PutOf("a", "1")}));
  const uint64_t other = (clock_.NowUnixMillis() + 2000) << kVersionCounterBits;
  ASSERT_TRUE(Apply({RemotePut("a", Version{other, 7}, "2")}).ok());
  ASSERT_EQ(RowOf("a").record.version, written.versions[0]) << "it has to be turned down";
  EXPECT_EQ(Restamp({{"a", 1}}, {0}), 1u);
  EXPECT_EQ(RowOf("a").record.value, "1");
  EXPECT_GT(RowOf("a").record.version.time, other);
}

// One turned down may be of the far future, which Redis takes only over what it has: the next attempt has to know from
// Redis alone.
TEST_F(ApplierRestampTest, WhatWasTurnedDownCountsForOneAttempt) {
  WriteAhead(WriteOf({PutOf("a", "1"), PutOf("b", "1")}));
  const uint64_t other = (clock_.NowUnixMillis() + absl::ToInt64Milliseconds(kAhead / 2)) << kVersionCounterBits;
  ASSERT_TRUE(Apply({RemotePut("a", Version{other, 7}, "2")}).ok());
  EXPECT_EQ(Restamp({{"a", 1}, {"b", 2}}, {0, 0}), 2u);
  EXPECT_GT(RowOf("a").record.version.time, other);
  EXPECT_EQ(Restamp({{"a", 3}, {"b", 4}}, {other, 0}), 2u);
  EXPECT_GT(RowOf("a").record.version.time, other);
  EXPECT_TRUE(IsOfThePresent(RowOf("b").record.version)) << VersionToString(RowOf("b").record.version);
}

// What others wrote, and what was sent, keeps its version.
TEST_F(ApplierRestampTest, WhatWasTurnedDownForAnotherRecordDoesNotCount) {
  const uint64_t other = (clock_.NowUnixMillis() + 2000) << kVersionCounterBits;
  ASSERT_TRUE(Apply({RemotePut("a", Version{other + 1, 8}, "3")}).ok());
  ASSERT_TRUE(Apply({RemotePut("a", Version{other, 7}, "2")}).ok());
  WriteAhead(WriteOf({PutOf("b", "1")}));
  EXPECT_EQ(Restamp({{"b", 2}}, {0}), 1u);
  EXPECT_TRUE(IsOfThePresent(RowOf("b").record.version)) << VersionToString(RowOf("b").record.version);
}

// The same step over the same version may have been issued before the clock came back.
TEST_F(ApplierRestampTest, ATimeAboveWhatRedisHasIsNotIssuedTwice) {
  const uint64_t stored = (clock_.NowUnixMillis() + 2000) << kVersionCounterBits;
  std::set<uint64_t> times;
  for (int i = 0; i < 10; ++i) {
    const WriteResult written = WriteAhead(WriteOf({PutOf("a", absl::StrCat(i))}));
    ASSERT_EQ(Restamp({{"a", written.revisions[0]}}, {stored}), 1u);
    EXPECT_TRUE(times.insert(RowOf("a").record.version.time).second) << i;
  }
}

// ---- Batches ----

TEST_F(ApplierRestampTest, AnAtomicBatchStaysOne) {
  WriteAhead(WriteOf({PutOf("a", "1"), PutOf("b", "2"), DeleteOf("c")}));
  WriteAhead(WriteOf({PutOf("d", "4")}));
  EXPECT_EQ(Restamp({{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}}), 4u);
  const uint64_t first = RowOf("a").revision;
  EXPECT_EQ(BatchOf(RowOf("a").revision), first);
  EXPECT_EQ(BatchOf(RowOf("b").revision), first);
  EXPECT_EQ(BatchOf(RowOf("c").revision), first);
  EXPECT_EQ(BatchOf(RowOf("d").revision), RowOf("d").revision) << "it is none of that batch";
}

// Wherever it has to step over something (decision 0025).
TEST_F(ApplierRestampTest, ABatchHasOneTimeInThePresentAndOneInTheFuture) {
  const WriteResult written = WriteAhead(WriteOf({PutOf("a", "1"), PutOf("b", "1"), PutOf("c", "1"), PutOf("d", "1")}));
  const uint64_t soon = (clock_.NowUnixMillis() + 2000) << kVersionCounterBits;
  const uint64_t future = (clock_.NowUnixMillis() + absl::ToInt64Milliseconds(kAhead / 2)) << kVersionCounterBits;
  std::vector<OutboxItem> items;
  for (const char* key : {"a", "b", "c", "d"}) {
    items.push_back({key, written.revisions[items.size()]});
  }
  EXPECT_EQ(Restamp(items, {0, soon, future, future + 1000}), 4u);
  EXPECT_EQ(RowOf("a").record.version, RowOf("b").record.version);
  EXPECT_EQ(RowOf("c").record.version, RowOf("d").record.version);
  EXPECT_LT(RowOf("b").record.version.time, future);
  EXPECT_GT(RowOf("d").record.version.time, future + 1000);
}

// Of the batch, only what steps over a version of the future has got one.
TEST_F(ApplierRestampTest, ABatchIsStampedAnewWholeThoughOnlyAPartOfItIsAhead) {
  const uint64_t future = (clock_.NowUnixMillis() + absl::ToInt64Milliseconds(kAhead)) << kVersionCounterBits;
  ASSERT_TRUE(Apply({RemotePut("b", Version{future, 7}, "0")}).ok());
  const WriteResult written = *Write(WriteOf({PutOf("a", "1"), PutOf("b", "2")}));
  ASSERT_TRUE(IsOfThePresent(written.versions[0])) << VersionToString(written.versions[0]);
  ASSERT_GT(written.versions[1].time, future);
  EXPECT_EQ(Restamp({{"a", 2}, {"b", 3}}), 2u);
  EXPECT_TRUE(IsOfThePresent(RowOf("b").record.version)) << VersionToString(RowOf("b").record.version);
  EXPECT_NE(RowOf("a").record.version, written.versions[0]);
  EXPECT_EQ(BatchOf(RowOf("b").revision), RowOf("a").revision);
}

TEST_F(ApplierRestampTest, ABatchBesideOneThatIsAheadKeepsItsVersions) {
  const WriteResult written = *Write(WriteOf({PutOf("a", "1"), PutOf("b", "1")}));
  WriteAhead(WriteOf({PutOf("c", "1")}));
  EXPECT_EQ(Restamp({{"a", 1}, {"b", 2}, {"c", 3}}), 1u);
  EXPECT_EQ(RowOf("a").record.version, written.versions[0]);
  EXPECT_EQ(RowOf("b").record.version, written.versions[1]);
}

// ---- What others may know by its version ----

TEST_F(ApplierRestampTest, WhatRedisHasHadKeepsItsVersion) {
  const WriteResult written = WriteAhead(WriteOf({PutOf("a", "1")}));
  Run([](Applier* applier, TableTxn*) { EXPECT_TRUE(applier->AdvanceMirrored({0, 1, {{"a", 1}}}).ok()); });
  EXPECT_EQ(Restamp({{"a", 1}}), 0u);
  EXPECT_EQ(RowOf("a").record.version, written.versions[0]);
}

TEST_F(ApplierRestampTest, WhatAnotherStoreHasWrittenKeepsItsVersion) {
  const Version future{(clock_.NowUnixMillis() + absl::ToInt64Milliseconds(kAhead)) << kVersionCounterBits, 7};
  RemoteBatch batch;
  batch.records.push_back(RemotePut("a", future, "1"));
  // Redis may have lost it since: this store sends it again.
  batch.seen_in_epoch = 1;
  Run([&](Applier* applier, TableTxn*) { EXPECT_TRUE(applier->ApplyRemote(batch).ok()); });
  ASSERT_TRUE(state_.InOutbox(RowOf("a")));
  EXPECT_EQ(Restamp({{"a", 1}}), 0u);
  EXPECT_EQ(RowOf("a").record.version, future);
}

TEST_F(ApplierRestampTest, WhatWasWrittenAgainSinceItWasReadIsNotTouched) {
  WriteAhead(WriteOf({PutOf("a", "1"), PutOf("b", "1")}));
  const WriteResult written = WriteAhead(WriteOf({PutOf("a", "2")}));
  EXPECT_EQ(Restamp({{"a", 1}, {"b", 2}}), 1u);
  EXPECT_EQ(RowOf("a").record.version, written.versions[0]);
  EXPECT_EQ(RowOf("a").record.value, "2");
}

TEST_F(ApplierRestampTest, WhatIsNotThereIsPassedOver) {
  WriteAhead(WriteOf({PutOf("a", "1")}));
  EXPECT_EQ(Restamp({{"nothing", 7}, {"a", 1}}), 1u);
}

// ---- Times to live ----

TEST_F(ApplierRestampTest, ATimeToLiveBeginsAnew) {
  WriteAhead(WriteOf({PutOf("a", "1", absl::Seconds(10))}));
  wall_clock_.Advance(absl::Seconds(3));
  EXPECT_EQ(Restamp({{"a", 1}}), 1u);
  EXPECT_EQ(RowOf("a").record.expiry_unix_ms, clock_.NowUnixMillis() + 10'000);
}

// Its end has been told here: elsewhere it must not begin to live.
TEST_F(ApplierRestampTest, WhatHasExpiredDoesNotLiveAgain) {
  wall_clock_.Advance(kAhead);
  ASSERT_TRUE(Write(WriteOf({PutOf("a", "1", absl::Seconds(10))})).ok());
  wall_clock_.Advance(absl::Seconds(10));
  Run([](Applier* applier, TableTxn*) { EXPECT_EQ(*applier->SweepExpired(10), 1u); });
  wall_clock_.Advance(-kAhead);
  EXPECT_EQ(Restamp({{"a", 2}}), 1u);
  const RecordRow row = RowOf("a");
  EXPECT_TRUE(IsOfThePresent(row.record.version)) << VersionToString(row.record.version);
  EXPECT_TRUE(row.swept);
  EXPECT_EQ(row.record.expiry_unix_ms, clock_.NowUnixMillis());
  EXPECT_EQ(state_.entries, 0u);
}

// ---- Who still has the version before in hand ----

TEST_F(ApplierRestampTest, APreconditionOnTheVersionBeforeDoesNotHoldAnyMoreAndNamesTheNewOne) {
  const Version before = WriteAhead(WriteOf({PutOf("a", "1")})).versions[0];
  ASSERT_EQ(Restamp({{"a", 1}}), 1u);
  const Version after = RowOf("a").record.version;
  ASSERT_LT(after, before);
  const absl::Status refused = Write(WriteOf({PutOf("a", "2")}, IfVersion(before))).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), VersionToString(after))) << refused;
  EXPECT_TRUE(Write(WriteOf({PutOf("a", "2")}, IfVersion(after))).ok()) << "reading the key again is enough";
}

}  // namespace
}  // namespace dunlin
