// Goal: what a power failure has taken back is never taken for known. Method: properties (RapidCheck) of the ranges,
// and of their row.

#include "storage/lost_revisions.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"
#include "storage/limits.h"

namespace dunlin {
namespace {

using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;

// Ranges that follow one another.
Ranges SomeRanges(size_t count) {
  Ranges ranges;
  uint64_t revision = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t first = revision + *rc::gen::inRange<uint64_t>(1, 10);
    revision = first + *rc::gen::inRange<uint64_t>(0, 10);
    ranges.emplace_back(first, revision);
  }
  return ranges;
}

LostRevisions Of(const Ranges& ranges) {
  LostRevisions lost;
  for (const auto& [first, last] : ranges) {
    lost.Add(first, last);
  }
  return lost;
}

bool Contains(const Ranges& ranges, uint64_t revision) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const auto& range) { return range.first <= revision && revision <= range.second; });
}

RC_GTEST_PROP(LostRevisionsTest, KnowsThoseThatWereAddedAndNoOthers, ()) {
  const Ranges ranges = SomeRanges(*rc::gen::inRange<size_t>(0, kLostRangesMax + 1));
  const absl::StatusOr<LostRevisions> lost = LostRevisions::Decode(Of(ranges).Encode());
  RC_ASSERT(lost.ok());
  const uint64_t end = ranges.empty() ? 10 : ranges.back().second + 10;
  for (uint64_t revision = 0; revision < end; ++revision) {
    RC_ASSERT(lost->Contains(revision) == Contains(ranges, revision));
  }
}

RC_GTEST_PROP(LostRevisionsTest, OfTooManyTheOldestBecomeOneThatHoldsAllOfThem, ()) {
  const size_t more = *rc::gen::inRange<size_t>(1, 20);
  const Ranges ranges = SomeRanges(kLostRangesMax + more);
  const LostRevisions lost = Of(ranges);
  const uint64_t end_of_oldest = ranges[more].second;
  for (uint64_t revision = 0; revision < ranges.back().second + 10; ++revision) {
    const bool is_old = ranges.front().first <= revision && revision <= end_of_oldest;
    RC_ASSERT(lost.Contains(revision) == (is_old || Contains(ranges, revision)));
  }
  RC_ASSERT(lost.Encode().size() == 16 * kLostRangesMax + 8);
}

TEST(LostRevisionsTest, ADamagedRowIsTold) {
  std::string bytes = Of({{3, 7}}).Encode();
  EXPECT_TRUE(absl::IsDataLoss(LostRevisions::Decode(bytes.substr(1)).status()));
  EXPECT_TRUE(absl::IsDataLoss(LostRevisions::Decode("").status()));
  bytes[3] = static_cast<char>(bytes[3] ^ 1);
  EXPECT_TRUE(absl::IsDataLoss(LostRevisions::Decode(bytes).status()));
}

}  // namespace
}  // namespace dunlin
