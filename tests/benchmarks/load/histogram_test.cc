// Goal: percentiles are right to 1/64, whatever is counted. Method: against the sorted values themselves, for random
// values of every size.

#include "tests/benchmarks/load/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace dunlin::bench {
namespace {

TEST(HistogramTest, PercentilesAreThoseOfTheValuesToASixtyFourth) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<int64_t> values;
    Histogram histogram;
    for (int i = 0; i < 5000; ++i) {
      // Of every size, from nothing to hours.
      values.push_back(static_cast<int64_t>(random() >> (20 + random() % 44)));
      histogram.Add(absl::Nanoseconds(values.back()));
    }
    std::sort(values.begin(), values.end());
    for (const double percent : {0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      const auto rank = static_cast<size_t>(std::ceil(percent / 100 * static_cast<double>(values.size())));
      const auto exact = static_cast<double>(values[rank == 0 ? 0 : rank - 1]);
      const auto told = static_cast<double>(absl::ToInt64Nanoseconds(histogram.Percentile(percent)));
      EXPECT_GE(told, exact) << "seed " << seed << ", " << percent << "%";
      EXPECT_LE(told, exact + exact / 64 + 1) << "seed " << seed << ", " << percent << "%";
    }
  }
}

TEST(HistogramTest, MergingIsAddingAll) {
  Histogram all;
  Histogram parts[2];
  for (int i = 0; i < 1000; ++i) {
    all.Add(absl::Microseconds(i));
    parts[i % 2].Add(absl::Microseconds(i));
  }
  parts[0].Merge(parts[1]);
  EXPECT_EQ(parts[0].count(), 1000u);
  for (const double percent : {1.0, 50.0, 99.0}) {
    EXPECT_EQ(parts[0].Percentile(percent), all.Percentile(percent));
  }
}

TEST(HistogramTest, NothingHasNoPercentileAndNegativesAreNothing) {
  Histogram histogram;
  EXPECT_EQ(histogram.Percentile(50), absl::ZeroDuration());
  histogram.Add(-absl::Seconds(1));
  EXPECT_EQ(histogram.count(), 1u);
  EXPECT_EQ(histogram.Percentile(100), absl::ZeroDuration());
}

}  // namespace
}  // namespace dunlin::bench
