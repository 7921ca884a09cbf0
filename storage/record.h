#ifndef DUNLIN_STORAGE_RECORD_H_
#define DUNLIN_STORAGE_RECORD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/version.h"

namespace dunlin {

// A Record is what is stored under a key: a value, or the tombstone that a delete leaves, with the version of the write
// that put it there. The same bytes are kept in the local store, in the Redis hash and in events:
//
//   offset  size
//        0    16  version, big-endian: time, origin
//       16     1  flags: bit 0 tombstone, bit 1 an expiry follows, bits 2-3 unused (0), bits 4-7 format (1)
//       17     8  expiry, milliseconds since the Unix epoch, big-endian; only with flag bit 1
//        …     n  value; empty for a tombstone
//    17+…+n    7  the lower 56 bits of XXH3-64 of everything before, big-endian
//
// In format 0, which is still read, the checksum has 8 bytes, all 64 bits
// (docs/decisions/0030-checksums-of-records-have-seven-bytes.md).
//
// Redis' scripts read the first 17 bytes, the expiry and the checksum; nothing else looks inside without
// DecodeRecord().

// The decoded form. `value` is a view into the bytes it was decoded from.
//
// Thread-safety: a plain value.
struct Record {
  Version version;
  bool tombstone = false;
  // When the value ceases to exist, in milliseconds since the Unix epoch on the fleet's clock; 0: never.
  uint64_t expiry_unix_ms = 0;
  absl::string_view value;
};

// The bytes that a record of any format has at least, and those that one of the present format has beside its value at
// most.
inline constexpr size_t kRecordMinBytes = kVersionSizeBytes + 1 + 7;
inline constexpr size_t kRecordOverheadMaxBytes = kRecordMinBytes + 8;

// REQUIRES: a tombstone has neither value nor expiry.
std::string EncodeRecord(const Record& record);

// Errors: kDataLoss when the bytes are not a record or the checksum does not match; kFailedPrecondition when the record
// is of a newer format, or has a flag that this program does not know.
absl::StatusOr<Record> DecodeRecord(absl::string_view bytes);

// Whether the record reads as absent at `now_unix_ms`: a tombstone, or expired by then. An entry lives through the
// millisecond before its expiry and is gone in the expiry's own.
inline bool IsDead(const Record& record, uint64_t now_unix_ms) {
  return record.tombstone || (record.expiry_unix_ms != 0 && record.expiry_unix_ms <= now_unix_ms);
}

// Whether `candidate` replaces `stored`, both encoded and checked: the higher version wins. Equal versions with
// different contents come from a cloned data directory; the larger checksum settles them the same way everywhere.
bool Supersedes(absl::string_view candidate, absl::string_view stored);

// How long the checksum is that ends the record. REQUIRES: `encoded` has at least kRecordMinBytes; the same below.
size_t RecordChecksumSizeBytes(absl::string_view encoded);

// The checksum; of what is damaged, whatever stands in its place.
uint64_t RecordChecksum(absl::string_view encoded);

// What decides between two records of a key, and is enough to tell whether one supersedes the other: the version and
// the checksum as a number of 8 bytes, whose byte order is the order of records. REQUIRES: `encoded` is a record.
inline constexpr size_t kRecordOrderSizeBytes = kVersionSizeBytes + 8;
std::string RecordOrder(absl::string_view encoded);

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_RECORD_H_
