// Goal: exactly the UTF-8 of RFC 3629 is accepted.
// Method: tables of its corner cases, and every code point encoded by an independent formula.

#include "client/utf8.h"

#include <cstdint>
#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace dunlin::client {
namespace {

std::string Encode(uint32_t point) {
  const auto tail = [point](int shift) { return static_cast<char>(0x80 | ((point >> shift) & 0x3F)); };
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xC0 | (point >> 6)), tail(0)};
  if (point < 0x10000) return {static_cast<char>(0xE0 | (point >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (point >> 18)), tail(12), tail(6), tail(0)};
}

TEST(Utf8Test, EveryCodePointIsValidExceptSurrogatesAndThoseBeyondUnicode) {
  for (uint32_t point = 0; point < 0x120000; ++point) {
    const bool expected = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
    ASSERT_EQ(IsValidUtf8(Encode(point)), expected) << "U+" << std::hex << point;
  }
}

TEST(Utf8Test, MalformedBytesAreRefused) {
  const std::string kMalformed[] = {
      "\x80",              // A continuation without a beginning.
      "\xC3",              // A beginning without a continuation.
      "\xE2\x82",          // One byte short.
      "\xF0\x9F\x98",      // One byte short.
      "\xC0\xAF",          // An overlong slash.
      "\xE0\x80\xAF",      // The same, longer.
      "\xF0\x80\x80\xAF",  // The same, longer still.
      "\xFE",
      "\xFF",      // Never used.
      "\xC3\x41",  // An ASCII byte in the place of a continuation.
      "ok\xFF",    // Bad at the end.
  };
  for (const std::string& bytes : kMalformed) {
    EXPECT_FALSE(IsValidUtf8(bytes)) << absl::CHexEscape(bytes);
  }
}

TEST(Utf8Test, EmptyAndNulAreValid) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8(absl::string_view("\0", 1)));
  EXPECT_EQ(Utf8SequenceLength(""), 0u);
}

TEST(Utf8Test, SequenceLengthCountsTheFirstOnly) { EXPECT_EQ(Utf8SequenceLength("\xC3\xA9tude"), 2u); }

}  // namespace
}  // namespace dunlin::client
