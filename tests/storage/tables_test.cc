// Goal: rows come back as they went, a damaged row is noticed and named, and the bytes on disk never change silently.
// Method: round trips, every flipped bit of the rows that have a checksum, and golden bytes.

#include "storage/tables.h"

#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"
#include "storage/big_endian.h"

namespace dunlin {
namespace {

std::string SomeRecord() {
  Record record;
  record.version = Version{7, 8};
  record.value = "value";
  return EncodeRecord(record);
}

std::string RowOf(uint64_t revision, bool swept, bool unsent, absl::string_view encoded) {
  RecordRow row;
  row.revision = revision;
  row.swept = swept;
  row.unsent = unsent;
  row.encoded = encoded;
  return EncodeRecordRow(row);
}

StoreState SomeState() {
  StoreState state;
  state.revision = 1;
  state.clock_time = 2;
  state.entries = 3;
  state.tombstones = 4;
  state.epoch = 5;
  state.applied_sequence = 6;
  state.fleet_id = 7;
  state.mirrored_revision = 8;
  state.refill_revision = 9;
  state.outbox_depth = 10;
  state.mirrored_high_revision = 11;
  state.writes_superseded = 12;
  state.primary = 13;
  state.content = ContentSum(14);
  state.complete_unix_ms = 15;
  state.clock_offset_us = 16;
  state.unsent_bytes = 17;
  state.unsent_since_unix_ms = 18;
  state.collected_revision = 19;
  state.digest.Add("key", "record");
  return state;
}

RC_GTEST_PROP(TablesTest, RecordRowsComeBack, (uint64_t revision, bool swept, bool unsent)) {
  const std::string encoded = SomeRecord();
  const std::string bytes = RowOf(revision, swept, unsent, encoded);
  const absl::StatusOr<RecordRow> row = DecodeRecordRow("key", bytes);
  RC_ASSERT(row.ok());
  RC_ASSERT(row->revision == revision);
  RC_ASSERT(row->swept == swept);
  RC_ASSERT(row->unsent == unsent);
  RC_ASSERT(row->encoded == encoded);
  RC_ASSERT(row->record.value == "value");
}

TEST(TablesTest, TheRecordRowsBytesDoNotChange) {
  const std::string record = SomeRecord();
  const std::string hex = absl::BytesToHexString(record);
  EXPECT_EQ(absl::BytesToHexString(RowOf(0x0102030405060708, false, false, record)), "010203040506070800" + hex);
  EXPECT_EQ(absl::BytesToHexString(RowOf(1, true, false, record)), "000000000000000101" + hex);
  EXPECT_EQ(absl::BytesToHexString(RowOf(1, false, true, record)), "000000000000000102" + hex);
}

TEST(TablesTest, ADamagedRecordRowNamesItsKeyAndTheRemedy) {
  std::string row = RowOf(1, false, false, SomeRecord());
  row.back() = static_cast<char>(row.back() ^ 1);
  for (const std::string& damaged : {row, std::string("short"), std::string(), std::string(9, '\0')}) {
    const absl::Status status = DecodeRecordRow("the\tkey", damaged).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_NE(status.message().find("\"the\\tkey\""), std::string::npos) << status;
    EXPECT_NE(status.message().find("put or delete"), std::string::npos) << status;
  }
}

TEST(TablesTest, ARecordRowOfANewerFormatIsNotCalledDamaged) {
  std::string row = RowOf(1, false, false, SomeRecord());
  row[9 + 16] = 0x20;
  const absl::Status status = DecodeRecordRow("key", row).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message().find("put or delete"), std::string::npos) << status;
}

TEST(TablesTest, WhatWasSweptReadsAsAbsentWhateverTheClockSays) {
  RecordRow row;
  row.record.expiry_unix_ms = 1000;
  EXPECT_FALSE(ReadsAsAbsent(row, 999));
  EXPECT_TRUE(ReadsAsAbsent(row, 1000));
  row.swept = true;
  EXPECT_TRUE(ReadsAsAbsent(row, 999));
}

RC_GTEST_PROP(TablesTest, ChangeRowsComeBack, (uint64_t revision, const std::string& key)) {
  RC_PRE(!key.empty());
  const std::string bytes = EncodeChangeRow(revision, key);
  const absl::StatusOr<ChangeRow> row = DecodeChangeRow(bytes);
  RC_ASSERT(row.ok());
  RC_ASSERT(row->batch_first_revision == revision);
  RC_ASSERT(row->key == key);
}

TEST(TablesTest, AChangeRowWithoutAKeyIsDamaged) {
  EXPECT_EQ(DecodeChangeRow(EncodeBigEndian64(1)).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeChangeRow("").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(absl::BytesToHexString(EncodeChangeRow(0x0A, "k")), "000000000000000a6b");
}

RC_GTEST_PROP(TablesTest, ExpiriesSortByTimeBeforeKey,
              (uint64_t a, uint64_t b, const std::string& x, const std::string& y)) {
  RC_PRE(a != b);
  RC_ASSERT((EncodeExpiryKey(a, x) < EncodeExpiryKey(b, y)) == (a < b));
  RC_ASSERT(EncodeExpiryKey(a, x).substr(8) == x);
}

TEST(TablesTest, TheIdentityComesBackAndEveryFlippedBitIsNoticed) {
  for (const char* name : {"", "default", "a longer namespace"}) {
    const std::string row = EncodeIdentity(StoreIdentity{0x0102030405060708, name});
    const absl::StatusOr<StoreIdentity> identity = DecodeIdentity(row);
    ASSERT_TRUE(identity.ok()) << identity.status();
    EXPECT_EQ(identity->store_id, 0x0102030405060708u);
    EXPECT_EQ(identity->replication_namespace, name);
    for (size_t bit = 0; bit < row.size() * 8; ++bit) {
      std::string flipped = row;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      EXPECT_EQ(DecodeIdentity(flipped).status().code(), absl::StatusCode::kDataLoss) << bit;
    }
    for (size_t size = 0; size < row.size(); ++size) {
      EXPECT_EQ(DecodeIdentity(row.substr(0, size)).status().code(), absl::StatusCode::kDataLoss) << size;
    }
  }
}

TEST(TablesTest, TheIdentitysBytesDoNotChange) {
  EXPECT_EQ(absl::BytesToHexString(EncodeIdentity(StoreIdentity{1, "ns"})), "00000000000000016e737463262934ca8e89");
}

TEST(TablesTest, TheStateComesBackAndEveryFlippedBitIsNoticed) {
  const std::string row = EncodeState(SomeState());
  const absl::StatusOr<StoreState> state = DecodeState(row);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(EncodeState(*state), row);
  EXPECT_EQ(state->revision, 1u);
  EXPECT_EQ(state->clock_time, 2u);
  EXPECT_EQ(state->entries, 3u);
  EXPECT_EQ(state->tombstones, 4u);
  EXPECT_EQ(state->epoch, 5u);
  EXPECT_EQ(state->applied_sequence, 6u);
  EXPECT_EQ(state->fleet_id, 7u);
  EXPECT_EQ(state->primary, 13u);
  EXPECT_EQ(state->mirrored_revision, 8u);
  EXPECT_EQ(state->refill_revision, 9u);
  EXPECT_EQ(state->outbox_depth, 10u);
  EXPECT_EQ(state->mirrored_high_revision, 11u);
  EXPECT_EQ(state->writes_superseded, 12u);
  EXPECT_EQ(state->content, ContentSum(14));
  EXPECT_EQ(state->complete_unix_ms, 15u);
  EXPECT_EQ(state->clock_offset_us, 16);
  EXPECT_EQ(state->unsent_bytes, 17u);
  EXPECT_EQ(state->unsent_since_unix_ms, 18u);
  EXPECT_EQ(state->collected_revision, 19u);
  EXPECT_EQ(state->digest, SomeState().digest);
  for (size_t bit = 0; bit < row.size() * 8; ++bit) {
    std::string flipped = row;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_EQ(DecodeState(flipped).status().code(), absl::StatusCode::kDataLoss) << bit;
  }
  EXPECT_EQ(DecodeState(row.substr(1)).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeState(row + "x").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeState("").status().code(), absl::StatusCode::kDataLoss);
}

TEST(TablesTest, TheStatesBytesDoNotChange) {
  std::string numbers;
  for (uint64_t number = 1; number <= 19; ++number) {
    AppendBigEndian64(number, &numbers);
  }
  const std::string row = EncodeState(SomeState());
  EXPECT_EQ(row.substr(0, numbers.size()), numbers);
  EXPECT_EQ(absl::BytesToHexString(row.substr(numbers.size())), "36eed5e3b1a93bddd8cd86e50be5d708a37cc813814ec3e7");
}

TEST(TablesTest, TheOutboxHoldsWhatIsUnsentAndWhileRefillingEverything) {
  StoreState state;
  state.mirrored_revision = 10;
  RecordRow row;
  const auto in_outbox = [&](uint64_t revision, bool unsent) {
    row.revision = revision;
    row.unsent = unsent;
    return state.InOutbox(row);
  };
  EXPECT_FALSE(in_outbox(10, true));
  EXPECT_TRUE(in_outbox(11, true));
  EXPECT_FALSE(in_outbox(11, false));
  state.refill_revision = 11;
  EXPECT_TRUE(in_outbox(11, false));
  EXPECT_FALSE(in_outbox(12, false));
  EXPECT_TRUE(in_outbox(12, true));
}

}  // namespace
}  // namespace dunlin
