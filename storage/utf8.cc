#include "storage/utf8.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace dunlin {
namespace {

constexpr absl::string_view kReplacementCharacter = "\xEF\xBF\xBD";

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

// What may follow a lead byte: how many bytes the character has, and the range of the second one. The range is where
// overlong forms (E0, F0), surrogates (ED) and code points beyond the last plane (F4) are told from valid ones.
struct Shape {
  size_t size = 0;
  uint8_t second_min = 0x80;
  uint8_t second_max = 0xBF;
};

Shape ShapeOf(uint8_t lead) {
  if (lead < 0x80) return {1};
  if (lead < 0xC2) return {};
  if (lead < 0xE0) return {2};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead < 0xF0) return {3};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead < 0xF4) return {4};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {};
}

}  // namespace

size_t Utf8CharacterSize(absl::string_view text) {
  if (text.empty()) return 0;
  const Shape shape = ShapeOf(static_cast<uint8_t>(text[0]));
  if (shape.size <= 1) return shape.size;
  if (text.size() < shape.size) return 0;
  const uint8_t second = static_cast<uint8_t>(text[1]);
  if (second < shape.second_min || second > shape.second_max) return 0;
  const absl::string_view rest = text.substr(2, shape.size - 2);
  return std::all_of(rest.begin(), rest.end(), IsContinuation) ? shape.size : 0;
}

size_t ValidUtf8PrefixSize(absl::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    const size_t size = Utf8CharacterSize(text.substr(offset));
    if (size == 0) break;
    offset += size;
  }
  return offset;
}

std::string ReplaceInvalidUtf8(absl::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (true) {
    const size_t valid = ValidUtf8PrefixSize(text);
    absl::StrAppend(&result, text.substr(0, valid));
    if (valid == text.size()) return result;
    absl::StrAppend(&result, kReplacementCharacter);
    text.remove_prefix(valid + 1);
  }
}

absl::string_view TruncateUtf8(absl::string_view text, size_t size_max_bytes) {
  if (text.size() <= size_max_bytes) return text;
  size_t size = size_max_bytes;
  while (size > 0 && IsContinuation(text[size])) --size;
  return text.substr(0, size);
}

}  // namespace dunlin
