#ifndef DUNLIN_STORAGE_BIG_ENDIAN_H_
#define DUNLIN_STORAGE_BIG_ENDIAN_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

// Numbers on disk and on the wire are big-endian, so that the byte order of keys is the order of the numbers.
namespace dunlin {

inline void AppendBigEndian64(uint64_t number, std::string* out) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) {
    bytes[i] = static_cast<char>(number >> (56 - 8 * i));
  }
  out->append(bytes, sizeof(bytes));
}

// REQUIRES: `bytes` holds at least 8 bytes; further ones are ignored.
inline uint64_t ReadBigEndian64(absl::string_view bytes) {
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return number;
}

inline std::string EncodeBigEndian64(uint64_t number) {
  std::string out;
  AppendBigEndian64(number, &out);
  return out;
}

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_BIG_ENDIAN_H_
