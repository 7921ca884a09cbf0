#ifndef DUNLIN_STORAGE_VERSION_H_
#define DUNLIN_STORAGE_VERSION_H_

#include <cstdint>
#include <string>
#include <tuple>

#include "absl/strings/string_view.h"
#include "storage/big_endian.h"

namespace dunlin {

// Version identifies one write, anywhere in the fleet. For each key the highest version wins on every replica.
//
// `time` is a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): the upper 48 bits are
// milliseconds since the Unix epoch, the lower 16 bits count within the millisecond. `origin` is the random id of the
// store that issued the version; it only breaks ties.
//
// Thread-safety: a plain value.
struct Version {
  uint64_t time = 0;
  uint64_t origin = 0;

  friend bool operator==(const Version& a, const Version& b) { return a.time == b.time && a.origin == b.origin; }
  friend bool operator!=(const Version& a, const Version& b) { return !(a == b); }
  friend bool operator<(const Version& a, const Version& b) {
    return std::tie(a.time, a.origin) < std::tie(b.time, b.origin);
  }
  friend bool operator>(const Version& a, const Version& b) { return b < a; }
};

// Bits of Version::time below the milliseconds.
inline constexpr int kVersionCounterBits = 16;

// A version is stored as 16 big-endian bytes, time first: their byte order is the order of versions.
inline constexpr size_t kVersionSizeBytes = 16;

inline uint64_t VersionTimeToUnixMillis(uint64_t time) { return time >> kVersionCounterBits; }

inline void AppendVersion(const Version& version, std::string* out) {
  AppendBigEndian64(version.time, out);
  AppendBigEndian64(version.origin, out);
}

// REQUIRES: `bytes` holds at least kVersionSizeBytes.
inline Version ReadVersion(absl::string_view bytes) {
  return Version{ReadBigEndian64(bytes), ReadBigEndian64(bytes.substr(8))};
}

// "TIME-ORIGIN" in decimal and hexadecimal, for messages and logs.
std::string VersionToString(const Version& version);

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_VERSION_H_
