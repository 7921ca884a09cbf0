// Goal: text that is called valid UTF-8 is exactly what RFC 3629 allows, and repairs and cuts never produce anything
// else. Method: a table of the boundaries of every form, and an encoder's output for all code points.

#include "storage/utf8.h"

#include <cstdint>
#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

std::string Encode(uint32_t code_point) {
  const auto continuation = [&](int shift) { return static_cast<char>(0x80 | ((code_point >> shift) & 0x3F)); };
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  if (code_point < 0x800) return {static_cast<char>(0xC0 | (code_point >> 6)), continuation(0)};
  if (code_point < 0x10000) return {static_cast<char>(0xE0 | (code_point >> 12)), continuation(6), continuation(0)};
  return {static_cast<char>(0xF0 | (code_point >> 18)), continuation(12), continuation(6), continuation(0)};
}

TEST(Utf8Test, EveryCodePointIsValidExceptSurrogatesAndThoseBeyondUnicode) {
  for (uint32_t code_point = 0; code_point < 0x120000; ++code_point) {
    const bool expected = code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
    ASSERT_EQ(IsValidUtf8(Encode(code_point)), expected) << std::hex << code_point;
  }
}

TEST(Utf8Test, TheSizeIsThatOfTheFirstCharacter) {
  EXPECT_EQ(Utf8CharacterSize(""), 0u);
  EXPECT_EQ(Utf8CharacterSize("a\xC3\xA9"), 1u);
  EXPECT_EQ(Utf8CharacterSize("\xC3\xA9tude"), 2u);
  EXPECT_EQ(Utf8CharacterSize("\x80"), 0u);
}

TEST(Utf8Test, TheValidPrefixEndsBeforeTheFirstWrongByte) {
  const struct {
    std::string text;
    size_t valid;
  } kCases[] = {
      {"", 0},
      {std::string("a\0b", 3), 3},
      {"ab\x80", 2},                // continuation without a lead
      {"ab\xC0\xAF", 2},            // overlong slash
      {"ab\xC1\xBF", 2},            // overlong
      {"a\xE0\x9F\xBF", 1},         // overlong in three bytes
      {"a\xF0\x8F\xBF\xBF", 1},     // overlong in four bytes
      {"a\xED\xA0\x80", 1},         // surrogate
      {"a\xF4\x90\x80\x80", 1},     // beyond U+10FFFF
      {"a\xF5\x80\x80\x80", 1},     // a lead that does not exist
      {"a\xFF", 1},                 // a byte that does not exist
      {"a\xC3", 1},                 // cut off after one of two
      {"a\xE2\x82", 1},             // cut off after two of three
      {"a\xF0\x9F\x90", 1},         // cut off after three of four
      {"a\xE2\x82z", 1},            // interrupted
      {"\xE2\x82\xAC\xE2\x28", 3},  // a good one, then a bad one
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(ValidUtf8PrefixSize(test.text), test.valid) << absl::CHexEscape(test.text);
  }
}

TEST(Utf8Test, ReplacingLeavesValidTextAloneAndMakesTheRestValid) {
  EXPECT_EQ(ReplaceInvalidUtf8("gr\xC3\xBC\xC3\x9F"), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(ReplaceInvalidUtf8("a\xFF"
                               "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(ReplaceInvalidUtf8("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD");
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_TRUE(IsValidUtf8(ReplaceInvalidUtf8(std::string(3, static_cast<char>(byte)) + "\xE2\x82\xAC")));
  }
}

TEST(Utf8Test, TruncatingNeverEndsInsideACharacter) {
  const std::string text = "a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x90\xA6";  // 1 + 2 + 3 + 4 bytes
  const size_t kSizes[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (size_t size_max = 0; size_max < 12; ++size_max) {
    EXPECT_EQ(TruncateUtf8(text, size_max), text.substr(0, kSizes[size_max])) << size_max;
  }
}

}  // namespace
}  // namespace dunlin
