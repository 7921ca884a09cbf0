// Goal: numbers on disk sort as numbers and cannot change their form. Method: properties over random numbers, and
// golden bytes.

#include "storage/big_endian.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"

namespace dunlin {
namespace {

TEST(BigEndianTest, TheBytesAreTheMostSignificantFirst) {
  EXPECT_EQ(EncodeBigEndian64(0x0102030405060708), std::string("\1\2\3\4\5\6\7\10", 8));
  EXPECT_EQ(EncodeBigEndian64(0), std::string(8, '\0'));
  EXPECT_EQ(EncodeBigEndian64(UINT64_MAX), std::string(8, '\xFF'));
}

TEST(BigEndianTest, AppendingKeepsWhatIsThereAndReadingIgnoresWhatFollows) {
  std::string out = "x";
  AppendBigEndian64(7, &out);
  out += "y";
  EXPECT_EQ(out.size(), 10u);
  EXPECT_EQ(ReadBigEndian64(absl::string_view(out).substr(1)), 7u);
}

RC_GTEST_PROP(BigEndianTest, NumbersComeBack, (uint64_t number)) {
  RC_ASSERT(ReadBigEndian64(EncodeBigEndian64(number)) == number);
}

RC_GTEST_PROP(BigEndianTest, ByteOrderIsNumericOrder, ()) {
  // Shifts make numbers of all sizes likely.
  const uint64_t a = *rc::gen::arbitrary<uint64_t>() >> *rc::gen::inRange(0, 64);
  const uint64_t b = *rc::gen::arbitrary<uint64_t>() >> *rc::gen::inRange(0, 64);
  RC_ASSERT((EncodeBigEndian64(a) < EncodeBigEndian64(b)) == (a < b));
}

}  // namespace
}  // namespace dunlin
