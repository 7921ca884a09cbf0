#include "client/utf8.h"

namespace dunlin::client {
namespace {

// What RFC 3629, section 4, allows after a first byte: how many bytes in all, and the range of the second. Only the
// second byte's range ever differs from 80..BF; that is how overlong forms and surrogates are kept out.
struct SequenceShape {
  size_t length;
  unsigned char second_min;
  unsigned char second_max;
};

SequenceShape ShapeOf(unsigned char first) {
  if (first < 0x80) return {1, 0, 0};
  if (first < 0xC2) return {0, 0, 0};
  if (first < 0xE0) return {2, 0x80, 0xBF};
  if (first == 0xE0) return {3, 0xA0, 0xBF};
  if (first == 0xED) return {3, 0x80, 0x9F};
  if (first < 0xF0) return {3, 0x80, 0xBF};
  if (first == 0xF0) return {4, 0x90, 0xBF};
  if (first < 0xF4) return {4, 0x80, 0xBF};
  if (first == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

size_t Utf8SequenceLength(absl::string_view bytes) {
  if (bytes.empty()) {
    return 0;
  }
  const SequenceShape shape = ShapeOf(static_cast<unsigned char>(bytes[0]));
  if (shape.length > bytes.size()) {
    return 0;
  }
  for (size_t i = 1; i < shape.length; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    const unsigned char min = i == 1 ? shape.second_min : 0x80;
    const unsigned char max = i == 1 ? shape.second_max : 0xBF;
    if (byte < min || byte > max) {
      return 0;
    }
  }
  return shape.length;
}

bool IsValidUtf8(absl::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = Utf8SequenceLength(bytes);
    if (length == 0) {
      return false;
    }
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace dunlin::client
