#ifndef DUNLIN_STORAGE_VERSION_RESERVE_H_
#define DUNLIN_STORAGE_VERSION_RESERVE_H_

#include <cstdint>

#include "absl/time/time.h"
#include "storage/limits.h"
#include "storage/version.h"

namespace dunlin {

// VersionReserve is the time up to which versions may have been given out that the disk does not know: the store that
// is opened after a power failure goes on behind it, so that a version that Redis has been told never comes to name
// another write, whatever the machine's clock says by then. It is durable before it is used, and moved on ahead of
// time.
//
// Thread-safety: a plain value.
class VersionReserve {
 public:
  // `upto`: what is durable; 0 for nothing.
  explicit VersionReserve(uint64_t upto) : upto_(upto) {}

  // In Version::time.
  uint64_t upto() const { return upto_; }

  // Whether a version of `time` may be told to others before it is durable.
  bool Covers(uint64_t time) const { return time <= upto_; }

  // The reserve to make durable now that `latest` has been given out: this one while it lasts, and while it is not
  // ahead by more than it should be, which it is after a clock was wrong.
  VersionReserve After(uint64_t latest) const {
    const auto length = static_cast<uint64_t>(absl::ToInt64Milliseconds(kVersionsReserved)) << kVersionCounterBits;
    const bool lasts = upto_ >= latest + length / 2 && upto_ <= latest + length;
    return lasts ? *this : VersionReserve(latest + length);
  }

 private:
  uint64_t upto_;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_VERSION_RESERVE_H_
