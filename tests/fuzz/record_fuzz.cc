// Goal: whatever bytes lie on a disk or in Redis, they are a record that encodes to the same bytes again or a told
// error; a flipped bit is noticed; two records are in the same order for everybody. Method: each input is decoded as it
// is, and sealed with the right checksum, which a fuzzer would never guess; and records made from it are encoded,
// decoded and compared.

#include <xxhash.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/big_endian.h"
#include "storage/record.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_target.h"

namespace dunlin {
namespace {

Milestone value_decoded("a value was decoded");
Milestone expiry_decoded("an expiry was decoded");
Milestone tombstone_decoded("a tombstone was decoded");
Milestone format_0_decoded("a record of format 0 was decoded");
Milestone refused_behind_checksum("a record with a right checksum was refused");
Milestone clash("equal versions with different contents were compared");

bool IsOfFormat0(absl::string_view bytes) {
  return bytes.size() > kVersionSizeBytes && static_cast<uint8_t>(bytes[kVersionSizeBytes]) < 0x10;
}

std::string Seal(absl::string_view content) {
  const std::string checksum = EncodeBigEndian64(XXH3_64bits(content.data(), content.size()));
  return absl::StrCat(content, checksum.substr(IsOfFormat0(content) ? 0 : 1));
}

// Not that every cut is: a value may end in what makes its beginning a record, and a fuzzer finds such ones.
// REQUIRES: `bytes` are a record.
void CheckFlippedBitIsNoticed(absl::string_view bytes) {
  std::string flipped(bytes);
  const size_t bit = PickBelow(8 * bytes.size(), bytes);
  flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
  DUNLIN_REQUIRE(!DecodeRecord(ExactBytes(flipped).view()).ok(), absl::StrCat("bit ", bit));
}

// Returns whether they are a record.
bool CheckDecoding(absl::string_view bytes) {
  const absl::StatusOr<Record> record = DecodeRecord(bytes);
  if (!record.ok()) {
    DUNLIN_REQUIRE(absl::IsDataLoss(record.status()) || absl::IsFailedPrecondition(record.status()),
                   record.status().ToString());
    DUNLIN_REQUIRE(!record.status().message().empty(), record.status().ToString());
    return false;
  }
  if (IsOfFormat0(bytes)) {
    format_0_decoded.Reach();
  } else {
    DUNLIN_REQUIRE(EncodeRecord(*record) == bytes, "");
  }
  DUNLIN_REQUIRE(IsDead(*record, UINT64_MAX) == (record->tombstone || record->expiry_unix_ms != 0), "");
  DUNLIN_REQUIRE(IsDead(*record, 0) == record->tombstone, "");
  (record->tombstone ? tombstone_decoded : record->expiry_unix_ms != 0 ? expiry_decoded : value_decoded).Reach();
  CheckFlippedBitIsNoticed(bytes);
  return true;
}

Record MakeRecord(ByteSource* source) {
  Record record;
  record.version = Version{source->Number(), source->Number()};
  const uint8_t kind = source->Byte();
  record.tombstone = kind % 4 == 0;
  if (!record.tombstone) {
    record.expiry_unix_ms = kind % 4 == 1 ? source->Number() : 0;
    record.value = source->Text();
  }
  return record;
}

void CheckRoundTrip(const Record& record) {
  const ExactBytes encoded(EncodeRecord(record));
  const absl::StatusOr<Record> decoded = DecodeRecord(encoded.view());
  DUNLIN_REQUIRE(decoded.ok(), decoded.status().ToString());
  DUNLIN_REQUIRE(decoded->version == record.version, "");
  DUNLIN_REQUIRE(decoded->tombstone == record.tombstone, "");
  DUNLIN_REQUIRE(decoded->expiry_unix_ms == record.expiry_unix_ms, "");
  DUNLIN_REQUIRE(decoded->value == record.value, "");
  DUNLIN_REQUIRE(encoded.view().size() <= record.value.size() + kRecordOverheadMaxBytes, "");
}

void CheckOrder(const Record& a, const Record& b) {
  const ExactBytes left(EncodeRecord(a));
  const ExactBytes right(EncodeRecord(b));
  const bool forward = Supersedes(left.view(), right.view());
  const bool backward = Supersedes(right.view(), left.view());
  DUNLIN_REQUIRE(!(forward && backward), "");
  DUNLIN_REQUIRE((forward || backward) == (left.view() != right.view()), "");
  DUNLIN_REQUIRE(forward == (RecordOrder(left.view()) > RecordOrder(right.view())), "");
  if (a.version != b.version) {
    DUNLIN_REQUIRE(forward == (a.version > b.version), "");
    // Redis' script and LMDB compare the bytes.
    DUNLIN_REQUIRE(forward == (left.view().substr(0, kVersionSizeBytes) > right.view().substr(0, kVersionSizeBytes)),
                   "");
  } else if (forward || backward) {
    clash.Reach();
  }
}

void CheckRecord(absl::string_view input) {
  CheckDecoding(input);
  const ExactBytes sealed(Seal(input));
  if (!CheckDecoding(sealed.view()) && sealed.view().size() >= kRecordMinBytes) {
    refused_behind_checksum.Reach();
  }
  ByteSource source(input);
  const Record first = MakeRecord(&source);
  Record second = MakeRecord(&source);
  CheckRoundTrip(first);
  CheckRoundTrip(second);
  CheckOrder(first, first);
  CheckOrder(first, second);
  // As from a cloned data directory.
  second.version = first.version;
  CheckOrder(first, second);
}

}  // namespace
}  // namespace dunlin

DUNLIN_FUZZ_TARGET(dunlin::CheckRecord);
