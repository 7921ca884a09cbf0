#ifndef DUNLIN_TESTS_SIMULATION_MODEL_RECORD_H_
#define DUNLIN_TESTS_SIMULATION_MODEL_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <tuple>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "storage/big_endian.h"
#include "storage/record.h"
#include "storage/version.h"

namespace dunlin {

// ModelRecord is what the scripts see of a record (sync/scripts/record.lua): its first bytes and its last, unchecked,
// of the present format.
//
// Thread-safety: a plain value.
struct ModelRecord {
  static constexpr size_t kFlagsOffset = kVersionSizeBytes;

  Version version;
  uint64_t checksum = 0;
  uint64_t time_ms = 0;
  bool tombstone = false;
  uint64_t expiry_ms = 0;
  size_t value_bytes = 0;

  static absl::optional<ModelRecord> From(absl::string_view record) {
    if (record.size() < kRecordMinBytes) {
      return absl::nullopt;
    }
    const auto flags = static_cast<unsigned char>(record[kFlagsOffset]);
    ModelRecord parsed;
    parsed.version = ReadVersion(record);
    parsed.checksum = RecordChecksum(record);
    parsed.time_ms = VersionTimeToUnixMillis(parsed.version.time);
    parsed.tombstone = (flags & 1) != 0;
    parsed.value_bytes = record.size() - kRecordMinBytes;
    if ((flags & 2) != 0) {
      if (parsed.value_bytes < 8) {
        return absl::nullopt;
      }
      parsed.expiry_ms = ReadBigEndian64(record.substr(kFlagsOffset + 1));
      parsed.value_bytes -= 8;
    }
    return parsed;
  }

  // Above 0 when this is the newer one, 0 when both are the same write.
  int Compare(const ModelRecord& other) const {
    const auto mine = std::tie(version.time, version.origin, checksum);
    const auto theirs = std::tie(other.version.time, other.version.origin, other.checksum);
    return mine < theirs ? -1 : (theirs < mine ? 1 : 0);
  }
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_MODEL_RECORD_H_
