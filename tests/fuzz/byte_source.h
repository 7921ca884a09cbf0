#ifndef DUNLIN_TESTS_FUZZ_BYTE_SOURCE_H_
#define DUNLIN_TESTS_FUZZ_BYTE_SOURCE_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace dunlin {

// ByteSource takes an input apart into values. After its end it gives zeros and empty texts, so that every input makes
// some value and a fuzzer's mutation never makes none.
//
// Does not own the input. Thread-safety: one thread at a time.
class ByteSource {
 public:
  explicit ByteSource(absl::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }

  uint8_t Byte() {
    const absl::string_view byte = Bytes(1);
    return byte.empty() ? 0 : static_cast<uint8_t>(byte[0]);
  }

  // Eight bytes, big-endian; what is missing counts as zeros.
  uint64_t Number() {
    uint64_t number = 0;
    for (int i = 0; i < 8; ++i) {
      number = number << 8 | Byte();
    }
    return number;
  }

  // Up to `size_max_bytes`: fewer when no more are left.
  absl::string_view Bytes(size_t size_max_bytes) {
    const absl::string_view taken = bytes_.substr(0, size_max_bytes);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

  // A byte that tells the size, then as many.
  absl::string_view Text() { return Bytes(Byte()); }

  absl::string_view Rest() { return Bytes(bytes_.size()); }

 private:
  absl::string_view bytes_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_FUZZ_BYTE_SOURCE_H_
