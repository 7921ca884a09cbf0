// Goal: what grows old leaves in the right order: tombstones once nobody can need them, entries of a replica that was
// away for too long only if a deletion may have been forgotten meanwhile, and own writes never, though their versions
// may have to be newer. Method: the applier on real tables, which have to fit the state after every step.

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "storage/key_set.h"
#include "storage/limits.h"
#include "tests/storage/applier_tester.h"
#include "tests/storage/store_tester.h"
#include "tests/support/fake_clock.h"

namespace dunlin {
namespace {

constexpr uint64_t kOther = 7;

class ApplierAgingTest : public ApplierTester {
 protected:
  // The version of another store at `age` before the present.
  Version Aged(absl::Duration age) const {
    const auto age_ms = static_cast<uint64_t>(absl::ToInt64Milliseconds(age));
    return Version{(clock_.NowUnixMillis() - age_ms) << kVersionCounterBits, kOther};
  }

  // Rebuilds over a fleet that has `keys`, and whose tombstones are remembered for an hour. When it began, this store's
  // writes up to `sent_revision` were in Redis.
  ApplyResult Rebuild(const std::vector<std::string>& keys, uint64_t sent_revision = 0) {
    auto fleet_keys = std::make_shared<KeySet>();
    for (const std::string& key : keys) {
      fleet_keys->Insert(key);
    }
    RemoteBatch batch;
    batch.fleet_keys = fleet_keys;
    batch.rebuilt_revision = state_.revision;
    batch.rebuilt_sent_revision = sent_revision;
    batch.forgotten_unix_ms = clock_.NowUnixMillis() - absl::ToInt64Milliseconds(absl::Hours(1));
    absl::StatusOr<ApplyResult> result;
    Run([&](Applier* applier, TableTxn*) { result = applier->ApplyRemote(batch); });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : ApplyResult();
  }
};

TEST_F(ApplierAgingTest, ARebuildDropsWhatADeletionThatIsForgottenMayHaveDeleted) {
  ASSERT_TRUE(Apply({RemotePut("gone", Aged(absl::Hours(2)), "x"), RemotePut("kept", Aged(absl::Hours(2)), "x"),
                     RemotePut("young", Aged(absl::Minutes(5)), "x")})
                  .ok());
  EXPECT_EQ(Rebuild({"kept"}).dropped, 1u);
  EXPECT_TRUE(RowOf("gone").record.tombstone);
  EXPECT_FALSE(RowOf("kept").record.tombstone);
  EXPECT_FALSE(RowOf("young").record.tombstone) << "what had deleted it would be remembered: Redis has lost it";
}

// Seen by the simulator: a tombstone above the record hid it for good where it was still alive.
TEST_F(ApplierAgingTest, WhatWasDroppedComesBackIfSomebodyHasItAfterAll) {
  const Version version = Aged(absl::Hours(2));
  ASSERT_TRUE(Apply({RemotePut("gone", version, "x")}).ok());
  ASSERT_EQ(Rebuild({}).dropped, 1u);
  EXPECT_EQ(Apply({RemotePut("gone", version, "x")})->applied, 1u);
  EXPECT_EQ(RowOf("gone").record.version, version);
  EXPECT_FALSE(RowOf("gone").record.tombstone);
}

// Seen by the simulator: of two replicas, the one that still had the tombstone ignored such a write for good.
TEST_F(ApplierAgingTest, AWriteOlderThanAnyMemoryOfDeletionsIsStampedAnewWithItsBatch) {
  ASSERT_TRUE(Write(WriteOf({PutOf("a", "1"), PutOf("b", "1"), PutOf("c", "1")})).ok());
  ASSERT_TRUE(Write(WriteOf({PutOf("known", "1")})).ok());
  wall_clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(Write(WriteOf({PutOf("young", "1")})).ok());
  const Version known = RowOf("known").record.version;
  const Version young = RowOf("young").record.version;
  EXPECT_EQ(Rebuild({"b", "known"}).dropped, 0u);
  EXPECT_EQ(RowOf("known").record.version, known) << "the fleet has the key: a deletion before that is of no matter";
  EXPECT_EQ(RowOf("young").record.version, young);
  const uint64_t first = RowOf("a").revision;
  for (const std::string key : {"a", "b", "c"}) {
    const RecordRow row = RowOf(key);
    EXPECT_GT(row.record.version, young) << key;
    EXPECT_EQ(row.record.value, "1") << key;
    EXPECT_TRUE(row.unsent) << key;
    EXPECT_EQ(BatchOf(row.revision), first) << key;
  }
}

// Its key is no sign of anything: it was sent after Redis was asked for that page of its keys.
TEST_F(ApplierAgingTest, AnOwnWriteThatWasSentWhileTheKeysWereGatheredStays) {
  ASSERT_TRUE(Write(WriteOf({PutOf("before", "1")})).ok());
  ASSERT_TRUE(Write(WriteOf({PutOf("meanwhile", "1")})).ok());
  wall_clock_.Advance(absl::Hours(2));
  Run([](Applier* applier, TableTxn*) {
    EXPECT_TRUE(applier->AdvanceMirrored({0, 2, {{"before", 1}, {"meanwhile", 2}}}).ok());
  });
  const Version meanwhile = RowOf("meanwhile").record.version;
  EXPECT_EQ(Rebuild({}, /*sent_revision=*/1).dropped, 1u);
  EXPECT_TRUE(RowOf("before").record.tombstone) << "the fleet had it, and has it no more";
  EXPECT_FALSE(RowOf("meanwhile").record.tombstone);
  EXPECT_EQ(RowOf("meanwhile").record.version, meanwhile) << "Redis knows it by that";
}

TEST_F(ApplierAgingTest, WhatCameWhileTheKeysWereGatheredStays) {
  ASSERT_TRUE(Apply({RemotePut("before", Aged(absl::Hours(2)), "x")}).ok());
  const uint64_t began = state_.revision;
  ASSERT_TRUE(Apply({RemotePut("meanwhile", Aged(absl::Hours(2)), "x")}).ok());
  RemoteBatch batch;
  batch.fleet_keys = std::make_shared<KeySet>();
  batch.rebuilt_revision = began;
  batch.forgotten_unix_ms = clock_.NowUnixMillis();
  Run([&](Applier* applier, TableTxn*) { EXPECT_EQ(applier->ApplyRemote(batch)->dropped, 1u); });
  EXPECT_TRUE(RowOf("before").record.tombstone);
  EXPECT_FALSE(RowOf("meanwhile").record.tombstone);
}

TEST_F(ApplierAgingTest, CollectingRemovesTheDeadAndNothingElse) {
  ASSERT_TRUE(Write(WriteOf({PutOf("live", "1"), PutOf("dead", "1"), PutOf("unsent", "1")})).ok());
  ASSERT_TRUE(Write(WriteOf({DeleteOf("dead")})).ok());
  Run([&](Applier* applier, TableTxn*) {
    EXPECT_TRUE(applier->AdvanceMirrored({0, 4, {{"live", 1}, {"unsent", 3}, {"dead", 4}}}).ok());
  });
  ASSERT_TRUE(Write(WriteOf({DeleteOf("unsent")})).ok());
  const auto collect = [&](uint64_t upto, bool outbox_too) {
    Run([&](Applier* applier, TableTxn*) { EXPECT_EQ(*applier->CollectDead({0, upto, 100, outbox_too}), 0u); });
  };
  collect(3, false);
  EXPECT_TRUE(Row("dead")->has_value()) << "it is younger";
  collect(5, false);
  EXPECT_FALSE(Row("dead")->has_value());
  EXPECT_TRUE(Row("unsent")->has_value()) << "Redis has still to hear of it";
  EXPECT_TRUE(Row("live")->has_value());
  EXPECT_EQ(state_.collected_revision, 4u);
  collect(5, true);
  EXPECT_FALSE(Row("unsent")->has_value());
  EXPECT_EQ(state_.tombstones, 0u);
}

}  // namespace
}  // namespace dunlin
