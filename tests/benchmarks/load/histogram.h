#ifndef DUNLIN_TESTS_BENCHMARKS_LOAD_HISTOGRAM_H_
#define DUNLIN_TESTS_BENCHMARKS_LOAD_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace dunlin::bench {

// Histogram counts durations in buckets that are never wider than 1/64 of what they count, from a nanosecond to hours,
// so that percentiles are right to 1.6% at a fixed cost. The idea is that of HdrHistogram (http://hdrhistogram.org).
//
// Thread-safety: one thread at a time.
class Histogram {
 public:
  // Negative ones count as nothing.
  void Add(absl::Duration duration);
  void Merge(const Histogram& other);

  uint64_t count() const { return count_; }

  // The duration that `percent` of all do not exceed; zero when there are none.
  absl::Duration Percentile(double percent) const;

 private:
  static constexpr size_t kSubBucketBits = 6;
  // Each power of two has as many buckets; below the first 64 nanoseconds each nanosecond has its own.
  static constexpr size_t kBuckets = (64 - kSubBucketBits + 1) << kSubBucketBits;

  static size_t BucketOf(uint64_t nanoseconds);
  // The largest value that counts there.
  static uint64_t LastOf(size_t bucket);

  std::array<uint64_t, kBuckets> counts_ = {};
  uint64_t count_ = 0;
};

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_LOAD_HISTOGRAM_H_
