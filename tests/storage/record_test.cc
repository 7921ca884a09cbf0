// Goal: a record comes back as it went, damage is always noticed, merging is the same in every order, and the bytes,
// which Redis and older disks hold, never change silently. Method: properties over random records, every single-bit
// flip and truncation of some, and golden bytes.

#include "storage/record.h"

#include <xxhash.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"
#include "storage/big_endian.h"

namespace dunlin {
namespace {

struct Owned {
  Record record;
  std::string value;
};

Owned RandomRecord() {
  Owned owned;
  // Few versions, so that ties occur.
  owned.record.version = Version{*rc::gen::inRange<uint64_t>(0, 4), *rc::gen::inRange<uint64_t>(0, 3)};
  owned.record.tombstone = *rc::gen::arbitrary<bool>();
  if (!owned.record.tombstone) {
    owned.record.expiry_unix_ms = *rc::gen::element<uint64_t>(0, 1, 1'700'000'000'000, uint64_t{1} << 63, UINT64_MAX);
    owned.value = *rc::gen::arbitrary<std::string>();
  }
  return owned;
}

std::string Encode(const Owned& owned) {
  Record record = owned.record;
  record.value = owned.value;
  return EncodeRecord(record);
}

std::vector<std::string> SomeRecords() {
  Record plain;
  plain.version = Version{uint64_t{1'700'000'000'000} << 16, 0x0123456789ABCDEF};
  plain.value = "value";
  Record expiring = plain;
  expiring.expiry_unix_ms = 1'700'000'060'000;
  Record empty = plain;
  empty.value = "";
  Record tombstone = empty;
  tombstone.tombstone = true;
  return {EncodeRecord(plain), EncodeRecord(expiring), EncodeRecord(empty), EncodeRecord(tombstone)};
}

void ExpectSame(const Record& record, const absl::StatusOr<Record>& decoded) {
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->version, record.version);
  EXPECT_EQ(decoded->tombstone, record.tombstone);
  EXPECT_EQ(decoded->expiry_unix_ms, record.expiry_unix_ms);
  EXPECT_EQ(decoded->value, record.value);
}

TEST(RecordTest, ValuesOfAnyBytesComeBack) {
  for (const std::string& value : {std::string(), std::string(1, '\0'), std::string("a\0b\n,;:\xFF", 8),
                                   std::string(1 << 20, 'x'), std::string(8, '\0')}) {
    for (const uint64_t expiry : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
      Record record;
      record.version = Version{UINT64_MAX, 1};
      record.expiry_unix_ms = expiry;
      record.value = value;
      const std::string encoded = EncodeRecord(record);
      ExpectSame(record, DecodeRecord(encoded));
      EXPECT_LE(encoded.size(), value.size() + kRecordOverheadMaxBytes);
    }
  }
}

RC_GTEST_PROP(RecordTest, RandomRecordsComeBack, ()) {
  const Owned owned = RandomRecord();
  const std::string encoded = Encode(owned);
  const absl::StatusOr<Record> decoded = DecodeRecord(encoded);
  RC_ASSERT(decoded.ok());
  RC_ASSERT(decoded->version == owned.record.version);
  RC_ASSERT(decoded->tombstone == owned.record.tombstone);
  RC_ASSERT(decoded->expiry_unix_ms == owned.record.expiry_unix_ms);
  RC_ASSERT(decoded->value == owned.value);
}

TEST(RecordTest, TheBytesDoNotChange) {
  const char* const kGolden[] = {
      "018bcfe5680000000123456789abcdef1076616c75657142c30401a6a9",
      "018bcfe5680000000123456789abcdef120000018bcfe6526076616c756534306196ef7afe",
      "018bcfe5680000000123456789abcdef10b1e04e39dc0852",
      "018bcfe5680000000123456789abcdef11c638f9f7bd9134",
  };
  const std::vector<std::string> records = SomeRecords();
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(absl::BytesToHexString(records[i]), kGolden[i]);
  }
}

TEST(RecordTest, EveryFlippedBitIsNoticed) {
  for (const std::string& record : SomeRecords()) {
    for (size_t bit = 0; bit < record.size() * 8; ++bit) {
      std::string flipped = record;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      const absl::Status status = DecodeRecord(flipped).status();
      // In the bits of the format, damage looks like a format to come, or like the one before.
      const bool in_format = bit / 8 == 16 && bit % 8 >= 5;
      EXPECT_EQ(status.code(), in_format ? absl::StatusCode::kFailedPrecondition : absl::StatusCode::kDataLoss)
          << "bit " << bit;
    }
  }
}

TEST(RecordTest, EveryTruncationAndExtensionIsNoticed) {
  for (const std::string& record : SomeRecords()) {
    for (size_t size = 0; size < record.size(); ++size) {
      EXPECT_EQ(DecodeRecord(absl::string_view(record).substr(0, size)).status().code(), absl::StatusCode::kDataLoss)
          << size;
    }
    EXPECT_EQ(DecodeRecord(record + '\0').status().code(), absl::StatusCode::kDataLoss);
  }
}

// A record of these bytes, which EncodeRecord() would not produce, with a checksum that matches.
std::string Sealed(char flags, absl::string_view rest) {
  std::string out;
  AppendVersion(Version{1, 2}, &out);
  out += flags;
  out.append(rest.data(), rest.size());
  const std::string checksum = EncodeBigEndian64(XXH3_64bits(out.data(), out.size()));
  return out + checksum.substr((flags & 0x10) != 0 ? 1 : 0);
}

TEST(RecordTest, WhatNoEncoderWritesIsNotARecord) {
  for (const char format : {char{0}, char{0x10}}) {
    const auto code_of = [format](int flags, absl::string_view rest) {
      return DecodeRecord(Sealed(static_cast<char>(format | flags), rest)).status().code();
    };
    ASSERT_EQ(code_of(0, "value"), absl::StatusCode::kOk);
    EXPECT_EQ(code_of(1, "value"), absl::StatusCode::kDataLoss) << "tombstone with a value";
    EXPECT_EQ(code_of(3, "12345678"), absl::StatusCode::kDataLoss) << "... with an expiry";
    EXPECT_EQ(code_of(2, "1234567"), absl::StatusCode::kDataLoss) << "half an expiry";
    EXPECT_EQ(code_of(2, std::string(8, '\0')), absl::StatusCode::kDataLoss) << "expiry 0";
  }
}

TEST(RecordTest, AFlagOfTheFutureIsNotIgnored) {
  EXPECT_EQ(DecodeRecord(Sealed(0x14, "value")).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(DecodeRecord(Sealed(0x18, "value")).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(RecordTest, ANewerFormatIsNamedAsOne) {
  std::string record = SomeRecords()[0];
  record[16] = 0x20;
  const absl::Status status = DecodeRecord(record).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("format 2"), std::string::npos) << status;
}

// What stores and Redis hold from before.
TEST(RecordTest, RecordsOfFormat0AreRead) {
  const char* const kGolden[] = {
      "018bcfe5680000000123456789abcdef0076616c7565b438080b78119489",
      "018bcfe5680000000123456789abcdef020000018bcfe6526076616c75655e24791e9b85229d",
      "018bcfe5680000000123456789abcdef00f0352aed9516d57a",
      "018bcfe5680000000123456789abcdef01f9eea97dd8ee05b2",
  };
  const std::vector<std::string> records = SomeRecords();
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string old = absl::HexStringToBytes(kGolden[i]);
    const absl::StatusOr<Record> now = DecodeRecord(records[i]);
    ASSERT_TRUE(now.ok()) << now.status();
    ExpectSame(*now, DecodeRecord(old));
    EXPECT_EQ(RecordOrder(old), absl::StrCat(old.substr(0, 16), old.substr(old.size() - 8)));
    for (size_t size = 0; size < old.size(); ++size) {
      EXPECT_EQ(DecodeRecord(absl::string_view(old).substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
    }
  }
}

TEST(RecordTest, AnEntryIsGoneInTheMillisecondOfItsExpiry) {
  Record record;
  EXPECT_FALSE(IsDead(record, UINT64_MAX)) << "no expiry";
  record.expiry_unix_ms = 1000;
  EXPECT_FALSE(IsDead(record, 999));
  EXPECT_TRUE(IsDead(record, 1000));
  record.expiry_unix_ms = (uint64_t{1} << 63) + 5;
  EXPECT_FALSE(IsDead(record, 1'700'000'000'000));
  record = Record();
  record.tombstone = true;
  EXPECT_TRUE(IsDead(record, 0));
}

// ---- Merging ----

// What is left when `records` arrive in their order.
std::string Merge(const std::vector<std::string>& records) {
  std::string winner = records.front();
  for (const std::string& record : records) {
    if (Supersedes(record, winner)) {
      winner = record;
    }
  }
  return winner;
}

RC_GTEST_PROP(RecordTest, SupersedingIsAStrictTotalOrder, ()) {
  const std::string a = Encode(RandomRecord());
  const std::string b = Encode(RandomRecord());
  const std::string c = Encode(RandomRecord());
  RC_ASSERT(!Supersedes(a, a));
  RC_ASSERT((a == b) == (!Supersedes(a, b) && !Supersedes(b, a)));
  RC_ASSERT(!(Supersedes(a, b) && Supersedes(b, a)));
  RC_ASSERT(!(Supersedes(a, b) && Supersedes(b, c)) || Supersedes(a, c));
}

RC_GTEST_PROP(RecordTest, MergingGivesTheSameInEveryOrderAndHoweverOften, ()) {
  std::vector<std::string> records;
  const size_t count = *rc::gen::inRange<size_t>(1, 8);
  for (size_t i = 0; i < count; ++i) {
    records.push_back(Encode(RandomRecord()));
  }
  const std::string winner = Merge(records);
  std::vector<std::string> again = records;
  again.insert(again.end(), records.begin(), records.end());
  RC_ASSERT(Merge(again) == winner);
  std::sort(again.begin(), again.end(), [](const std::string& x, const std::string& y) { return y < x; });
  RC_ASSERT(Merge(again) == winner);
  std::reverse(again.begin(), again.end());
  RC_ASSERT(Merge(again) == winner);
}

// The laws that let records arrive in any order, in any company and any number of times.
void RequireMergeLaws(const std::string& a, const std::string& b, const std::string& c) {
  RC_ASSERT(Merge({a, b}) == Merge({b, a}));
  RC_ASSERT(Merge({Merge({a, b}), c}) == Merge({a, Merge({b, c})}));
  RC_ASSERT(Merge({a, a}) == a);
  RC_ASSERT(Merge({Merge({a, b}), b}) == Merge({a, b}));
}

RC_GTEST_PROP(RecordTest, MergingIsCommutativeAssociativeAndIdempotent, ()) {
  RequireMergeLaws(Encode(RandomRecord()), Encode(RandomRecord()), Encode(RandomRecord()));
}

// As stores with one identity write them: values, expiries and deletions of one version.
RC_GTEST_PROP(RecordTest, MergingIsSoForEqualVersionsToo, ()) {
  std::vector<std::string> records;
  for (int i = 0; i < 3; ++i) {
    Owned owned = RandomRecord();
    owned.record.version = Version{5, 1};
    records.push_back(Encode(owned));
  }
  RequireMergeLaws(records[0], records[1], records[2]);
}

RC_GTEST_PROP(RecordTest, TheHigherVersionWinsWhateverTheContent, ()) {
  Owned older = RandomRecord();
  Owned newer = RandomRecord();
  older.record.version = Version{5, 1};
  newer.record.version = *rc::gen::element(Version{6, 0}, Version{5, 2}, Version{UINT64_MAX, 0});
  RC_ASSERT(Supersedes(Encode(newer), Encode(older)));
}

}  // namespace
}  // namespace dunlin
