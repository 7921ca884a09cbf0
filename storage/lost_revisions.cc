#include "storage/lost_revisions.h"

#include <xxhash.h>

#include <algorithm>

#include "absl/status/status.h"
#include "storage/big_endian.h"
#include "storage/limits.h"

namespace dunlin {
namespace {

constexpr size_t kRangeSizeBytes = 16;
constexpr size_t kChecksumSizeBytes = 8;

}  // namespace

void LostRevisions::Add(uint64_t first, uint64_t last) {
  ranges_.push_back({first, last});
  if (ranges_.size() > kLostRangesMax) {
    ranges_[1].first = ranges_[0].first;
    ranges_.pop_front();
  }
}

bool LostRevisions::Contains(uint64_t revision) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const Range& range) { return range.first <= revision && revision <= range.last; });
}

std::string LostRevisions::Encode() const {
  std::string bytes;
  for (const Range& range : ranges_) {
    AppendBigEndian64(range.first, &bytes);
    AppendBigEndian64(range.last, &bytes);
  }
  AppendBigEndian64(XXH3_64bits(bytes.data(), bytes.size()), &bytes);
  return bytes;
}

absl::StatusOr<LostRevisions> LostRevisions::Decode(absl::string_view bytes) {
  if (bytes.size() % kRangeSizeBytes != kChecksumSizeBytes) {
    return absl::DataLossError("damaged list of lost revisions: its size is wrong");
  }
  const absl::string_view content = bytes.substr(0, bytes.size() - kChecksumSizeBytes);
  if (XXH3_64bits(content.data(), content.size()) != ReadBigEndian64(bytes.substr(content.size()))) {
    return absl::DataLossError("damaged list of lost revisions: its checksum does not match");
  }
  LostRevisions lost;
  for (size_t at = 0; at < content.size(); at += kRangeSizeBytes) {
    lost.ranges_.push_back({ReadBigEndian64(content.substr(at)), ReadBigEndian64(content.substr(at + 8))});
  }
  return lost;
}

}  // namespace dunlin
