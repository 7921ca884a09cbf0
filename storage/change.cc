#include "storage/change.h"

namespace dunlin {

Change MakeChange(ChangeType type, uint64_t revision, uint64_t batch_first_revision, absl::string_view key,
                  absl::string_view encoded, const Record& record) {
  Change change;
  change.type = type;
  change.revision = revision;
  change.batch_first_revision = batch_first_revision;
  change.version = record.version;
  change.expiry_unix_ms = record.expiry_unix_ms;
  change.key = std::string(key);
  change.encoded_record = std::string(encoded);
  // The value ends where the checksum begins.
  change.value_offset = encoded.size() - RecordChecksumSizeBytes(encoded) - record.value.size();
  change.value_size = record.value.size();
  return change;
}

}  // namespace dunlin
