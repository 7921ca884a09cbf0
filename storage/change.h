#ifndef DUNLIN_STORAGE_CHANGE_H_
#define DUNLIN_STORAGE_CHANGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/record.h"

namespace dunlin {

enum class ChangeType { kPut, kDelete, kExpire };

// Change is one committed change of one key. Changes of one atomic batch have consecutive revisions and share
// `batch_first_revision`.
//
// Thread-safety: a plain value; shared between threads only as ChangePtr, that is, constant.
struct Change {
  ChangeType type = ChangeType::kPut;
  uint64_t revision = 0;
  uint64_t batch_first_revision = 0;
  Version version;
  // Milliseconds since the Unix epoch; 0: never.
  uint64_t expiry_unix_ms = 0;
  std::string key;
  // The record as encoded by record.h; value() is the part of it that is the value.
  std::string encoded_record;
  size_t value_offset = 0;
  size_t value_size = 0;
  // Of a change that has just been committed: whether it has gone into the outbox (RecordRow::unsent).
  bool unsent = false;
  // The entry that it replaced or removed, as the change that once put it, without what that had replaced; null if
  // there was none, or if it is not known. It is known where somebody who listens to the feed wants it, and the old
  // record was not damaged.
  std::shared_ptr<const Change> previous;
  bool knows_previous = false;

  absl::string_view value() const { return absl::string_view(encoded_record).substr(value_offset, value_size); }

  // What keeping the change in memory costs, about.
  size_t SizeBytes() const {
    return sizeof(Change) + key.size() + encoded_record.size() + (previous != nullptr ? previous->SizeBytes() : 0);
  }
};

using ChangePtr = std::shared_ptr<const Change>;

// Makes a Change of `record` and its encoded form.
Change MakeChange(ChangeType type, uint64_t revision, uint64_t batch_first_revision, absl::string_view key,
                  absl::string_view encoded, const Record& record);

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_CHANGE_H_
