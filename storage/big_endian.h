#ifndef DUNLIN_STORAGE_BIG_ENDIAN_H_
#define DUNLIN_STORAGE_BIG_ENDIAN_H_

#include <endian.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

// Numbers on disk and on the wire are big-endian, so that the byte order of keys is the order of the numbers.
namespace dunlin {

inline void AppendBigEndian64(uint64_t number, std::string* out) {
  const uint64_t bytes = htobe64(number);
  out->append(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
}

// REQUIRES: `bytes` holds at least 8 bytes; further ones are ignored.
inline uint64_t ReadBigEndian64(absl::string_view bytes) {
  uint64_t number;
  std::memcpy(&number, bytes.data(), sizeof(number));
  return be64toh(number);
}

inline std::string EncodeBigEndian64(uint64_t number) {
  std::string out;
  AppendBigEndian64(number, &out);
  return out;
}

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_BIG_ENDIAN_H_
