#ifndef DUNLIN_TESTS_SYNC_TEST_RECORDS_H_
#define DUNLIN_TESTS_SYNC_TEST_RECORDS_H_

#include <xxhash.h>

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/big_endian.h"
#include "storage/record.h"
#include "storage/version.h"

// Records for tests, in few words.
namespace dunlin {

inline Version MakeVersion(absl::Time time, uint64_t counter = 0, uint64_t origin = 1) {
  return Version{static_cast<uint64_t>(absl::ToUnixMillis(time)) << kVersionCounterBits | counter, origin};
}

inline std::string MakeRecord(const Version& version, absl::string_view value) {
  Record record;
  record.version = version;
  record.value = value;
  return EncodeRecord(record);
}

inline std::string MakeExpiringRecord(const Version& version, absl::string_view value, absl::Time expiry) {
  Record record;
  record.version = version;
  record.expiry_unix_ms = static_cast<uint64_t>(absl::ToUnixMillis(expiry));
  record.value = value;
  return EncodeRecord(record);
}

inline std::string MakeTombstone(const Version& version) {
  Record record;
  record.version = version;
  record.tombstone = true;
  return EncodeRecord(record);
}

// The same value as replicas of earlier releases have left it: in format 0, with a checksum of 8 bytes.
inline std::string MakeRecordOfFormat0(const Version& version, absl::string_view value) {
  std::string bytes;
  AppendVersion(version, &bytes);
  bytes.push_back('\0');
  bytes.append(value.data(), value.size());
  AppendBigEndian64(XXH3_64bits(bytes.data(), bytes.size()), &bytes);
  return bytes;
}

inline std::string VersionBytes(const Version& version) {
  std::string bytes;
  AppendVersion(version, &bytes);
  return bytes;
}

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SYNC_TEST_RECORDS_H_
