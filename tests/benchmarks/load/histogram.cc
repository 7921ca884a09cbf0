#include "tests/benchmarks/load/histogram.h"

#include <algorithm>
#include <cmath>

namespace dunlin::bench {

size_t Histogram::BucketOf(uint64_t nanoseconds) {
  size_t shift = 0;
  while ((nanoseconds >> shift) >= (uint64_t{2} << kSubBucketBits)) {
    ++shift;
  }
  // Up to twice the number of sub-buckets, values stand for themselves; above, their leading bits do.
  return (shift << kSubBucketBits) + static_cast<size_t>(nanoseconds >> shift);
}

uint64_t Histogram::LastOf(size_t bucket) {
  const size_t sub_buckets = size_t{1} << kSubBucketBits;
  if (bucket < 2 * sub_buckets) {
    return bucket;
  }
  const size_t shift = (bucket >> kSubBucketBits) - 1;
  const uint64_t leading = bucket - (shift << kSubBucketBits);
  return ((leading + 1) << shift) - 1;
}

void Histogram::Add(absl::Duration duration) {
  const int64_t nanoseconds = std::max<int64_t>(0, absl::ToInt64Nanoseconds(duration));
  ++counts_[BucketOf(static_cast<uint64_t>(nanoseconds))];
  ++count_;
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) {
    counts_[i] += other.counts_[i];
  }
  count_ += other.count_;
}

absl::Duration Histogram::Percentile(double percent) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(percent / 100 * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen > 0 && seen >= wanted) {
      return absl::Nanoseconds(static_cast<int64_t>(LastOf(i)));
    }
  }
  return absl::ZeroDuration();
}

}  // namespace dunlin::bench
