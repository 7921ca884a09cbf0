#include "sync/checkpoints.h"

#include <algorithm>

namespace dunlin {

DeliveredMark MarkOf(uint64_t revision, uint64_t epoch, const DeliveredMark& mark) {
  return revision == 0 ? DeliveredMark{epoch, 0, mark.connection} : mark;
}

void Checkpoints::Note(const DeliveredMark& delivered, uint64_t expired_unix_ms, uint64_t epoch, uint64_t sequence) {
  if (!delivered.revision.has_value() || delivered.epoch != epoch) {
    return;
  }
  MutexLock lock(&mutex_);
  if (epoch != epoch_) {
    checkpoints_.clear();
    epoch_ = epoch;
  }
  Add({sequence, *delivered.revision, expired_unix_ms});
}

void Checkpoints::Clear() {
  MutexLock lock(&mutex_);
  checkpoints_.clear();
}

void Checkpoints::Add(Checkpoint checkpoint) {
  if (!checkpoints_.empty()) {
    const Checkpoint& last = checkpoints_.back();
    if (checkpoint.revision <= last.revision) {
      // The last is as good, and asks for less.
      return;
    }
    checkpoint.sequence = std::max(checkpoint.sequence, last.sequence);
    checkpoint.expired_unix_ms = std::max(checkpoint.expired_unix_ms, last.expired_unix_ms);
  }
  checkpoints_.push_back(checkpoint);
  if (checkpoints_.size() > capacity_) {
    Thin();
  }
}

// Every second one of the older half goes, so that each time the distances there double.
void Checkpoints::Thin() {
  const size_t half = checkpoints_.size() / 2;
  size_t kept = 0;
  for (size_t i = 0; i < half; i += 2) {
    checkpoints_[kept++] = checkpoints_[i];
  }
  checkpoints_.erase(checkpoints_.begin() + static_cast<ptrdiff_t>(kept),
                     checkpoints_.begin() + static_cast<ptrdiff_t>(half));
}

absl::optional<uint64_t> Checkpoints::Find(const Position& position) const {
  MutexLock lock(&mutex_);
  if (position.epoch != epoch_) {
    return absl::nullopt;
  }
  const auto asks_for_more =
      std::partition_point(checkpoints_.begin(), checkpoints_.end(), [&](const Checkpoint& checkpoint) {
        return checkpoint.sequence <= position.sequence && checkpoint.expired_unix_ms <= position.expired_unix_ms;
      });
  if (asks_for_more == checkpoints_.begin()) {
    return absl::nullopt;
  }
  return (asks_for_more - 1)->revision;
}

}  // namespace dunlin
