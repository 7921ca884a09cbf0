#ifndef DUNLIN_STORAGE_CONTENT_SUM_H_
#define DUNLIN_STORAGE_CONTENT_SUM_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "storage/record.h"

namespace dunlin {

// ContentSum is the sum of the checksums of all records, dead or alive, in two lanes of 32 bits, each modulo 2^32. Like
// Digest it does not depend on the order of changes. It is made for Redis' scripts (sync/scripts/write.lua), which keep
// the same sum: their numbers are doubles, and they have no hash function but what the records bring along. Since a
// record holds its version, which no two writes share, its checksum stands for the key too; only the entries of one
// batch that have the same value have the same checksum.
//
// Together with the number of records it tells whether two sets of records are the same, up to a chance of 2^-56. Of a
// batch whose values are the same, it does not tell which keys are there, if some of them have been lost.
//
// Thread-safety: a plain value.
class ContentSum {
 public:
  ContentSum() = default;
  explicit ContentSum(uint64_t value) : value_(value) {}

  // REQUIRES: `record` is encoded as in record.h.
  void Add(absl::string_view record) {
    const uint64_t checksum = RecordChecksum(record);
    value_ = Lanes(High(value_) + High(checksum), value_ + checksum);
  }

  // Undoes an Add() of the same record.
  void Remove(absl::string_view record) {
    const uint64_t checksum = RecordChecksum(record);
    value_ = Lanes(High(value_) - High(checksum), value_ - checksum);
  }

  uint64_t value() const { return value_; }

  friend bool operator==(const ContentSum& a, const ContentSum& b) { return a.value_ == b.value_; }
  friend bool operator!=(const ContentSum& a, const ContentSum& b) { return !(a == b); }

 private:
  static uint64_t High(uint64_t number) { return number >> 32; }
  static uint64_t Lanes(uint64_t high, uint64_t low) { return high << 32 | (low & 0xffffffffu); }

  uint64_t value_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_CONTENT_SUM_H_
