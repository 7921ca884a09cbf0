#ifndef DUNLIN_STORAGE_LOST_REVISIONS_H_
#define DUNLIN_STORAGE_LOST_REVISIONS_H_

#include <cstdint>
#include <deque>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dunlin {

// LostRevisions remembers which revisions of a store mean nothing any more: readers may have been told of them, but a
// power failure has taken them back, and they are never given out again. Whoever comes with one has to begin anew.
//
// Thread-safety: one thread at a time; const methods are safe for concurrent use.
class LostRevisions {
 public:
  // Adds those from `first` to `last`. REQUIRES: they are later than all that were added before.
  //
  // No more than kLostRangesMax ranges are remembered. Of more, the two oldest become one, with what lies between: what
  // is known is taken for lost then, and never what is lost for known.
  void Add(uint64_t first, uint64_t last);

  bool Contains(uint64_t revision) const;

  // As pairs of big-endian numbers, first and last, oldest first, and an XXH3-64 of all that.
  std::string Encode() const;

  // Errors: kDataLoss when the checksum does not match.
  static absl::StatusOr<LostRevisions> Decode(absl::string_view bytes);

 private:
  struct Range {
    uint64_t first = 0;
    uint64_t last = 0;
  };
  std::deque<Range> ranges_;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_LOST_REVISIONS_H_
