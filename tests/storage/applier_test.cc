// Goal: what a healthy store never meets leaves no trap behind either: damaged rows, records of newer formats, versions
// of absurd clocks, reports that are told twice. Method: rows changed behind the applier's back. (The healthy life of a
// store: applier_model_test.)

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/storage/applier_tester.h"
#include "tests/storage/store_tester.h"
#include "tests/support/fake_clock.h"

namespace dunlin {
namespace {

using ApplierTest = ApplierTester;

// ---- Damaged rows ----

TEST_F(ApplierTest, AWriteOverADamagedRowHealsItAndTheCounts) {
  for (const std::string repair : {"put", "delete", "remote"}) {
    ASSERT_TRUE(Write(WriteOf({PutOf("bad", "1", absl::Seconds(5)), PutOf("good", "1")})).ok());
    Damage("bad");
    Run(
        [&](Applier* applier, TableTxn*) {
          if (repair == "remote") {
            EXPECT_EQ(applier->ApplyRemote({{RemotePut("bad", Version{1, 1}, "old but whole")}, 0, 0})->applied, 1u);
            return;
          }
          const auto result = applier->ApplyLocal(WriteOf({repair == "put" ? PutOf("bad", "2") : DeleteOf("bad")}));
          ASSERT_TRUE(result.ok()) << result.status();
          EXPECT_FALSE(result->existed.front()) << "nobody can tell";
        },
        /*check=*/false);
    // The expiry of the damaged record is still there and must do no harm.
    wall_clock_.Advance(absl::Seconds(10));
    Run([](Applier* applier, TableTxn*) { EXPECT_EQ(*applier->SweepExpired(10), 1u); }, /*check=*/false);
    Run([](Applier* applier, TableTxn*) { EXPECT_EQ(*applier->SweepExpired(10), 0u); });
    EXPECT_EQ(state_.entries, repair == "delete" ? 1u : 2u) << repair;
  }
}

TEST_F(ApplierTest, ADamagedRowIsNoneOfAnothersBusiness) {
  ASSERT_TRUE(Write(WriteOf({PutOf("bad", "1", absl::Seconds(1)), PutOf("good", "1", absl::Seconds(1))})).ok());
  Damage("bad");
  Run(
      [&](Applier* applier, TableTxn*) {
        EXPECT_TRUE(applier->ApplyLocal(WriteOf({PutOf("other", "1")})).ok());
        EXPECT_TRUE(applier->AdvanceMirrored({0, 2, {{"bad", 1}, {"good", 2}}}).ok());
      },
      /*check=*/false);
  EXPECT_EQ(state_.mirrored_revision, 2u);
  wall_clock_.Advance(absl::Seconds(1));
  Run([](Applier* applier, TableTxn*) { EXPECT_EQ(*applier->SweepExpired(10), 2u); }, /*check=*/false);
  Run([](Applier* applier, TableTxn*) { EXPECT_EQ(*applier->SweepExpired(10), 0u) << "not again and again"; },
      /*check=*/false);
  EXPECT_EQ(state_.tombstones, 1u) << "the good one has expired";
}

TEST_F(ApplierTest, APreconditionOnADamagedRowIsTurnedDown) {
  ASSERT_TRUE(Write(WriteOf({PutOf("bad", "1")})).ok());
  Damage("bad");
  for (const Precondition& precondition : {IfAbsent(), IfVersion(Version{1, 1})}) {
    Run(
        [&](Applier* applier, TableTxn*) {
          const absl::Status status = applier->ApplyLocal(WriteOf({PutOf("bad", "2")}, precondition)).status();
          EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
          EXPECT_TRUE(absl::StrContains(status.message(), "write without one")) << status;
          EXPECT_FALSE(applier->changed());
        },
        /*check=*/false);
  }
}

TEST_F(ApplierTest, ADamagedChangeRowDoesNotStopTheSweep) {
  ASSERT_TRUE(Write(WriteOf({PutOf("a", "1")})).ok());
  ASSERT_TRUE(Write(WriteOf({PutOf("a", "2")})).ok());
  Run([](Applier* applier, TableTxn* txn) {
    ASSERT_TRUE(txn->Put(Table::kChanges, EncodeExpiryKey(1, ""), "short").ok());
    EXPECT_EQ(*applier->SweepStaleChanges(0, 100), 0u);
    EXPECT_EQ(*txn->Count(Table::kChanges), 1u);
  });
}

// ---- Newer formats ----

TEST_F(ApplierTest, ARowOfANewerFormatTurnsALocalWriteDownWhole) {
  ASSERT_TRUE(Write(WriteOf({PutOf("old", "1"), PutOf("newer", "1")})).ok());
  MakeNewer("newer");
  const std::string before = EncodeState(state_);
  Run(
      [&](Applier* applier, TableTxn*) {
        const absl::Status status = applier->ApplyLocal(WriteOf({PutOf("old", "2"), PutOf("newer", "2")})).status();
        EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
        EXPECT_FALSE(applier->changed()) << "not even the first of the batch";
      },
      /*check=*/false);
  EXPECT_EQ(EncodeState(state_), before);
}

TEST_F(ApplierTest, ARowOfANewerFormatStaysWhenARecordOfItsKeyComes) {
  ASSERT_TRUE(Write(WriteOf({PutOf("newer", "1")})).ok());
  MakeNewer("newer");
  Run(
      [&](Applier* applier, TableTxn*) {
        const auto result = applier->ApplyRemote({{RemotePut("newer", Version{UINT64_MAX, 1}, "x")}, 0, 0});
        ASSERT_TRUE(result.ok()) << result.status();
        EXPECT_EQ(result->applied, 0u);
        EXPECT_EQ(result->revisions, (std::vector<uint64_t>{1}));
      },
      /*check=*/false);
}

TEST_F(ApplierTest, ABatchWithARecordOfANewerFormatIsTurnedDownWhole) {
  VersionedRecord newer = RemotePut("b", Version{1, 1}, "x");
  newer.encoded_record[16] = 0x20;
  Run([&](Applier* applier, TableTxn*) {
    const absl::Status status = applier->ApplyRemote({{RemotePut("a", Version{1, 1}, "x"), newer}, 0, 0}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(absl::StrContains(status.message(), "\"b\"")) << status;
    EXPECT_FALSE(applier->changed());
  });
}

// ---- Impossible input ----

TEST_F(ApplierTest, KeysThatNoReplicaWritesAreCountedAsDamaged) {
  const Version version{1, 1};
  const auto result =
      Apply({RemotePut("", version, "x"), RemotePut(std::string(kKeySizeMaxBytes + 1, 'k'), version, "x"),
             RemotePut(std::string(kKeySizeMaxBytes, 'k'), version, "x", 1), VersionedRecord{"short", "not a record"}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->damaged, 3u);
  EXPECT_EQ(result->applied, 1u);
  EXPECT_EQ(result->revisions, (std::vector<uint64_t>{0, 0, 1, 0}));
}

TEST_F(ApplierTest, SteppingOverAVersionOfAnAbsurdClockLeavesOtherKeysAlone) {
  const uint64_t absurd = UINT64_MAX - 5;
  ASSERT_TRUE(Apply({RemotePut("absurd", Version{absurd, 1}, "x")}).ok());
  const auto over = Write(WriteOf({PutOf("absurd", "mine")}));
  ASSERT_TRUE(over.ok()) << over.status();
  EXPECT_EQ(over->versions.front().time, absurd + 4) << "the next one that is the committer's and bears a mark";
  const auto other = Write(WriteOf({PutOf("other", "x")}));
  EXPECT_EQ(VersionTimeToUnixMillis(other->versions.front().time), uint64_t{FakeClock::kStartUnixMillis});
}

TEST_F(ApplierTest, TheHighestVersionCannotBeReplacedAndSaysSo) {
  ASSERT_TRUE(Apply({RemotePut("top", Version{UINT64_MAX, 1}, "x")}).ok());
  Run([&](Applier* applier, TableTxn*) {
    const absl::Status status = applier->ApplyLocal(WriteOf({PutOf("a", "1"), PutOf("top", "2")})).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_FALSE(applier->changed()) << "rather than a version that wraps to the past";
  });
}

TEST_F(ApplierTest, WhatTheMirrorTellsTwiceIsCountedOnce) {
  ASSERT_TRUE(Write(WriteOf({PutOf("a", "1"), PutOf("b", "1"), PutOf("c", "1")})).ok());
  Run([](Applier* applier, TableTxn*) {
    ASSERT_TRUE(applier->AdvanceMirrored({0, 1, {{"a", 1}, {"a", 1}, {"b", 2}}}).ok());
    ASSERT_TRUE(applier->AdvanceMirrored({0, 1, {{"a", 1}}}).ok());
  });
  EXPECT_EQ(state_.outbox_depth, 2u);
}

TEST_F(ApplierTest, OnlyOwnWritesCountAsSuperseded) {
  for (const uint64_t origin : {kStoreId, kStoreId + 1}) {
    const std::string key = absl::StrCat("of", origin);
    // A record that Redis may have lost is unsent, whoever issued it.
    Run([&](Applier* applier, TableTxn* txn) {
      ASSERT_TRUE(applier->ApplyRemote({{RemotePut(key, Version{5, origin}, "x")}, 0, 0}).ok());
      RecordRow row = *DecodeRecordRow(key, **txn->Get(Table::kRecords, key));
      const std::string encoded(row.encoded);
      row.unsent = true;
      row.encoded = encoded;
      ASSERT_TRUE(txn->Put(Table::kRecords, key, EncodeRecordRow(row)).ok());
      ++state_.outbox_depth;
      state_.unsent_bytes += key.size() + encoded.size();
      state_.unsent_since_unix_ms = 1;
    });
    ASSERT_TRUE(Apply({RemotePut(key, Version{6, kStoreId + 2}, "x")}).ok());
    EXPECT_EQ(state_.writes_superseded, 1u) << "the first was of this store";
  }
}

// ---- Preconditions ----

TEST_F(ApplierTest, AFailedPreconditionNamesTheVersionInItsWay) {
  const Version version = Write(WriteOf({PutOf("key", "1")}))->versions.front();
  const auto exists = Write(WriteOf({PutOf("key", "2")}, IfAbsent()));
  EXPECT_TRUE(absl::StrContains(exists.status().message(), VersionToString(version))) << exists.status();
  const auto other = Write(WriteOf({PutOf("key", "2")}, IfVersion(Version{1, 2})));
  EXPECT_TRUE(absl::StrContains(other.status().message(), VersionToString(version))) << other.status();
  EXPECT_TRUE(absl::StrContains(other.status().message(), VersionToString(Version{1, 2}))) << other.status();
  const auto absent = Write(WriteOf({PutOf("none", "2")}, IfVersion(version)));
  EXPECT_TRUE(absl::StrContains(absent.status().message(), "does not exist")) << absent.status();
  EXPECT_TRUE(Write(WriteOf({PutOf("key", "2")}, IfVersion(version))).ok());
}

}  // namespace
}  // namespace dunlin
