// Goal: equal contents give equal digests whatever happened before, and different contents different ones. Method:
// random sets of entries added and removed in random orders, and golden bytes.

#include "storage/digest.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"

namespace dunlin {
namespace {

using Entries = std::map<std::string, std::string>;

Digest DigestOf(const std::vector<std::pair<std::string, std::string>>& entries) {
  Digest digest;
  for (const auto& [key, record] : entries) {
    digest.Add(key, record);
  }
  return digest;
}

RC_GTEST_PROP(DigestTest, TheOrderOfChangesDoesNotMatter, (const Entries& entries, uint32_t seed)) {
  std::vector<std::pair<std::string, std::string>> list(entries.begin(), entries.end());
  const Digest digest = DigestOf(list);
  std::shuffle(list.begin(), list.end(), std::mt19937(seed));
  RC_ASSERT(DigestOf(list) == digest);
}

RC_GTEST_PROP(DigestTest, RemovingUndoesAdding,
              (const Entries& kept, const std::string& key, const std::string& record)) {
  Digest digest = DigestOf({kept.begin(), kept.end()});
  const Digest before = digest;
  digest.Add(key, record);
  RC_ASSERT(digest != before);
  digest.Remove(key, record);
  RC_ASSERT(digest == before);
  // Sums wrap, so that the order of the two does not matter either.
  digest.Remove(key, record);
  digest.Add(key, record);
  RC_ASSERT(digest == before);
}

RC_GTEST_PROP(DigestTest, DigestsComeBack, (const Entries& entries)) {
  const Digest digest = DigestOf({entries.begin(), entries.end()});
  RC_ASSERT(digest.Encode().size() == size_t{16});
  RC_ASSERT(Digest::Decode(digest.Encode()) == digest);
}

TEST(DigestTest, MovingBytesBetweenKeyAndRecordChangesIt) {
  EXPECT_NE(DigestOf({{"ab", "c"}}), DigestOf({{"a", "bc"}}));
  EXPECT_NE(DigestOf({{"abc", ""}}), DigestOf({{"", "abc"}}));
  EXPECT_NE(DigestOf({{std::string("a\0", 2), "b"}}), DigestOf({{"a", std::string("\0b", 2)}}));
}

TEST(DigestTest, SwappingTheRecordsOfTwoKeysChangesIt) {
  EXPECT_NE(DigestOf({{"a", "1"}, {"b", "2"}}), DigestOf({{"a", "2"}, {"b", "1"}}));
}

TEST(DigestTest, TheEmptyStoreHasTheZeroDigest) { EXPECT_EQ(Digest().Encode(), std::string(16, '\0')); }

TEST(DigestTest, TheBytesDoNotChange) {
  // Replicas of different builds compare them.
  EXPECT_EQ(absl::BytesToHexString(DigestOf({{"key", "record"}}).Encode()), "36eed5e3b1a93bddd8cd86e50be5d708");
}

}  // namespace
}  // namespace dunlin
