#include "storage/record.h"

#include <xxhash.h>

#include <cassert>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"

namespace dunlin {
namespace {

constexpr char kTombstoneFlag = 1 << 0;
constexpr char kExpiryFlag = 1 << 1;
constexpr int kFormatShift = 4;
constexpr int kFormat = 1;
constexpr int kUnusedFlags = 0b1100;
constexpr size_t kFlagsOffset = kVersionSizeBytes;
constexpr size_t kHeaderSizeBytes = kVersionSizeBytes + 1;

// REQUIRES: `encoded` has at least kRecordMinBytes; the same below.
int FormatOf(absl::string_view encoded) { return static_cast<unsigned char>(encoded[kFlagsOffset]) >> kFormatShift; }

size_t ChecksumSizeOf(int format) { return format == 0 ? 8 : 7; }

// What a checksum keeps of its 64 bits.
uint64_t KeptBy(int format, uint64_t hash) { return format == 0 ? hash : hash & ((uint64_t{1} << 56) - 1); }

uint64_t Checksum(int format, absl::string_view bytes) {
  return KeptBy(format, XXH3_64bits(bytes.data(), bytes.size()));
}

absl::Status Damaged(absl::string_view what) { return absl::DataLossError(absl::StrCat("damaged record: ", what)); }

}  // namespace

std::string EncodeRecord(const Record& record) {
  assert(!record.tombstone || (record.value.empty() && record.expiry_unix_ms == 0));
  std::string out;
  out.reserve(record.value.size() + kRecordOverheadMaxBytes);
  AppendVersion(record.version, &out);
  const char tombstone = record.tombstone ? kTombstoneFlag : 0;
  const char expiry = record.expiry_unix_ms != 0 ? kExpiryFlag : 0;
  out.push_back(static_cast<char>(tombstone | expiry | kFormat << kFormatShift));
  if (expiry != 0) {
    AppendBigEndian64(record.expiry_unix_ms, &out);
  }
  out.append(record.value.data(), record.value.size());
  out += EncodeBigEndian64(Checksum(kFormat, out)).substr(8 - ChecksumSizeOf(kFormat));
  return out;
}

absl::StatusOr<Record> DecodeRecord(absl::string_view bytes) {
  if (bytes.size() < kRecordMinBytes) {
    return Damaged(absl::StrCat("it has ", bytes.size(), " bytes; the shortest has ", kRecordMinBytes));
  }
  // Formats of the future may place the checksum elsewhere, so this is asked first.
  const int format = FormatOf(bytes);
  if (format > kFormat) {
    return absl::FailedPreconditionError(absl::StrCat("record of format ", format,
                                                      "; this program reads formats up to ", kFormat,
                                                      ": use the version that wrote it, or a later one"));
  }
  if (bytes.size() < kHeaderSizeBytes + ChecksumSizeOf(format)) {
    return Damaged("its checksum is cut off");
  }
  const absl::string_view content = bytes.substr(0, bytes.size() - ChecksumSizeOf(format));
  if (Checksum(format, content) != RecordChecksum(bytes)) {
    return Damaged("its checksum does not match");
  }
  if ((content[kFlagsOffset] & kUnusedFlags) != 0) {
    return absl::FailedPreconditionError(
        "record with flags that this program does not know: use the version that wrote it, or a later one");
  }
  Record record;
  record.version = ReadVersion(content);
  record.tombstone = (content[kFlagsOffset] & kTombstoneFlag) != 0;
  record.value = content.substr(kHeaderSizeBytes);
  if ((content[kFlagsOffset] & kExpiryFlag) != 0) {
    if (record.value.size() < 8) {
      return Damaged("its expiry is cut off");
    }
    record.expiry_unix_ms = ReadBigEndian64(record.value);
    record.value.remove_prefix(8);
    if (record.expiry_unix_ms == 0) {
      return Damaged("its expiry is 0");
    }
  }
  if (record.tombstone && (!record.value.empty() || record.expiry_unix_ms != 0)) {
    return Damaged("a tombstone with content");
  }
  return record;
}

bool Supersedes(absl::string_view candidate, absl::string_view stored) {
  const int versions = candidate.substr(0, kVersionSizeBytes).compare(stored.substr(0, kVersionSizeBytes));
  return versions != 0 ? versions > 0 : RecordChecksum(candidate) > RecordChecksum(stored);
}

size_t RecordChecksumSizeBytes(absl::string_view encoded) { return ChecksumSizeOf(FormatOf(encoded)); }

uint64_t RecordChecksum(absl::string_view encoded) {
  return KeptBy(FormatOf(encoded), ReadBigEndian64(encoded.substr(encoded.size() - 8)));
}

std::string RecordOrder(absl::string_view encoded) {
  return absl::StrCat(encoded.substr(0, kVersionSizeBytes), EncodeBigEndian64(RecordChecksum(encoded)));
}

}  // namespace dunlin
