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
constexpr int kUnusedFlags = 0b1100;
constexpr size_t kFlagsOffset = kVersionSizeBytes;
constexpr size_t kHeaderSizeBytes = kVersionSizeBytes + 1;

uint64_t Checksum(absl::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

absl::string_view ChecksumPart(absl::string_view encoded) {
  return encoded.substr(encoded.size() - kRecordChecksumSizeBytes);
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
  out.push_back(static_cast<char>(tombstone | expiry));
  if (expiry != 0) {
    AppendBigEndian64(record.expiry_unix_ms, &out);
  }
  out.append(record.value.data(), record.value.size());
  AppendBigEndian64(Checksum(out), &out);
  return out;
}

absl::StatusOr<Record> DecodeRecord(absl::string_view bytes) {
  if (bytes.size() < kHeaderSizeBytes + kRecordChecksumSizeBytes) {
    return Damaged(absl::StrCat("it has ", bytes.size(), " bytes; the shortest has ",
                                kHeaderSizeBytes + kRecordChecksumSizeBytes));
  }
  // Formats of the future may place the checksum elsewhere, so this is asked first.
  const int format = static_cast<unsigned char>(bytes[kFlagsOffset]) >> kFormatShift;
  if (format != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "record of format ", format, "; this program reads format 0: use the version that wrote it, or a later one"));
  }
  const absl::string_view content = bytes.substr(0, bytes.size() - kRecordChecksumSizeBytes);
  if (Checksum(content) != ReadBigEndian64(bytes.substr(content.size()))) {
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
  return versions != 0 ? versions > 0 : ChecksumPart(candidate) > ChecksumPart(stored);
}

std::string RecordOrder(absl::string_view encoded) {
  return absl::StrCat(encoded.substr(0, kVersionSizeBytes), ChecksumPart(encoded));
}

}  // namespace dunlin
