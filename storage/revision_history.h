#ifndef DUNLIN_STORAGE_REVISION_HISTORY_H_
#define DUNLIN_STORAGE_REVISION_HISTORY_H_

#include <cstdint>
#include <deque>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dunlin {

// RevisionHistory remembers, coarsely, which revision a store had at which time: so that what changed longer ago than
// tombstones live can be told by its revision, whatever the clocks said that stamped it.
//
// A clock that steps back adds nothing until it has passed the last sample again: an age is never overstated by it.
//
// Thread-safety: one thread at a time.
class RevisionHistory {
 public:
  // Remembers that the latest revision was `revision` at `now_unix_ms`, unless the last sample is younger than
  // `period_ms`. Returns whether it did.
  bool Note(uint64_t now_unix_ms, uint64_t revision, uint64_t period_ms);

  // The latest revision that was there at `then_unix_ms` for certain; 0 if none is known. Forgets what is older.
  uint64_t RevisionAt(uint64_t then_unix_ms);

  // As pairs of big-endian numbers, time and revision, oldest first, and an XXH3-64 of all that.
  std::string Encode() const;

  // Errors: kDataLoss when the checksum does not match.
  static absl::StatusOr<RevisionHistory> Decode(absl::string_view bytes);

  size_t size() const { return samples_.size(); }

 private:
  struct Sample {
    uint64_t unix_ms = 0;
    uint64_t revision = 0;
  };
  std::deque<Sample> samples_;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_REVISION_HISTORY_H_
