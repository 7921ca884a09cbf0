#include "storage/revision_history.h"

#include <xxhash.h>

#include "absl/status/status.h"
#include "storage/big_endian.h"

namespace dunlin {
namespace {

constexpr size_t kSampleSizeBytes = 16;
constexpr size_t kChecksumSizeBytes = 8;

}  // namespace

bool RevisionHistory::Note(uint64_t now_unix_ms, uint64_t revision, uint64_t period_ms) {
  if (!samples_.empty() && now_unix_ms < samples_.back().unix_ms + period_ms) {
    return false;
  }
  samples_.push_back(Sample{now_unix_ms, revision});
  return true;
}

uint64_t RevisionHistory::RevisionAt(uint64_t then_unix_ms) {
  while (samples_.size() > 1 && samples_[1].unix_ms <= then_unix_ms) {
    samples_.pop_front();
  }
  return !samples_.empty() && samples_.front().unix_ms <= then_unix_ms ? samples_.front().revision : 0;
}

std::string RevisionHistory::Encode() const {
  std::string bytes;
  for (const Sample& sample : samples_) {
    AppendBigEndian64(sample.unix_ms, &bytes);
    AppendBigEndian64(sample.revision, &bytes);
  }
  AppendBigEndian64(XXH3_64bits(bytes.data(), bytes.size()), &bytes);
  return bytes;
}

absl::StatusOr<RevisionHistory> RevisionHistory::Decode(absl::string_view bytes) {
  if (bytes.size() % kSampleSizeBytes != kChecksumSizeBytes) {
    return absl::DataLossError("damaged history of revisions: its size is wrong");
  }
  const absl::string_view content = bytes.substr(0, bytes.size() - kChecksumSizeBytes);
  if (XXH3_64bits(content.data(), content.size()) != ReadBigEndian64(bytes.substr(content.size()))) {
    return absl::DataLossError("damaged history of revisions: its checksum does not match");
  }
  RevisionHistory history;
  for (size_t at = 0; at < content.size(); at += kSampleSizeBytes) {
    history.samples_.push_back(Sample{ReadBigEndian64(content.substr(at)), ReadBigEndian64(content.substr(at + 8))});
  }
  return history;
}

}  // namespace dunlin
