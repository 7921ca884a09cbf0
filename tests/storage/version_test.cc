// Goal: versions compare alike as values and as bytes, so that LMDB, Redis' scripts and C++ agree on who wins. Method:
// properties over random versions that often share a time or an origin.

#include "storage/version.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"

namespace dunlin {
namespace {

Version RandomVersion() {
  // Few values each, so that ties occur, and some huge ones.
  const auto number = rc::gen::oneOf(rc::gen::inRange<uint64_t>(0, 3), rc::gen::arbitrary<uint64_t>(),
                                     rc::gen::element<uint64_t>(UINT64_MAX, uint64_t{1} << 63));
  return Version{*number, *number};
}

std::string Encoded(const Version& version) {
  std::string out;
  AppendVersion(version, &out);
  return out;
}

TEST(VersionTest, TimeGoesBeforeOrigin) {
  EXPECT_LT((Version{1, 9}), (Version{2, 0}));
  EXPECT_LT((Version{1, 1}), (Version{1, 2}));
  EXPECT_GT((Version{uint64_t{1} << 63, 0}), (Version{1, 0}));
}

TEST(VersionTest, TheBytesAreTimeThenOrigin) {
  EXPECT_EQ(Encoded(Version{0x0102030405060708, 0x1112131415161718}),
            std::string("\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18", kVersionSizeBytes));
}

TEST(VersionTest, TheTextNamesBothParts) {
  EXPECT_EQ(VersionToString(Version{12345, 0xABCDEF}), "12345-0000000000abcdef");
}

TEST(VersionTest, TheMillisecondsAreTheUpper48Bits) {
  EXPECT_EQ(VersionTimeToUnixMillis(uint64_t{1'700'000'000'000} << 16 | 0xFFFF), 1'700'000'000'000u);
}

RC_GTEST_PROP(VersionTest, VersionsComeBack, ()) {
  const Version version = RandomVersion();
  RC_ASSERT(ReadVersion(Encoded(version)) == version);
}

RC_GTEST_PROP(VersionTest, ByteOrderIsVersionOrder, ()) {
  const Version a = RandomVersion();
  const Version b = RandomVersion();
  RC_ASSERT((Encoded(a) < Encoded(b)) == (a < b));
  RC_ASSERT((Encoded(a) == Encoded(b)) == (a == b));
  RC_ASSERT((a != b) == (a < b || a > b));
}

}  // namespace
}  // namespace dunlin
