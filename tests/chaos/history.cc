#include "tests/chaos/history.h"

#include <xxhash.h>

#include "absl/time/clock.h"

namespace dunlin::chaos {

absl::string_view NameOf(WriteKind kind) {
  switch (kind) {
    case WriteKind::kPut:
      return "put";
    case WriteKind::kExpiringPut:
      return "expiring_put";
    case WriteKind::kDelete:
      return "delete";
    case WriteKind::kBatch:
      return "batch";
    case WriteKind::kConditional:
      return "conditional";
  }
  return "unknown";
}

Content ContentOf(absl::string_view value) { return Content{false, XXH3_64bits(value.data(), value.size())}; }

uint32_t History::NumberOf(absl::string_view key) {
  const auto [found, added] = numbers_.try_emplace(std::string(key), static_cast<uint32_t>(keys_.size()));
  if (added) {
    keys_.emplace_back();
  }
  return found->second;
}

void History::Acknowledge(absl::string_view key, WriteKind kind, size_t replica, const Content& content,
                          const client::Version& version) {
  const absl::Time now = absl::Now();
  MutexLock lock(&mutex_);
  const uint32_t number = NumberOf(key);
  const Acknowledgement write = {number, kind, static_cast<uint8_t>(replica), content, version, now};
  acknowledged_.push_back(write);
  ++counts_[static_cast<size_t>(kind)];
  std::optional<Acknowledgement>& last = keys_[number].last;
  if (!last.has_value() || last->version < version) {
    last = write;
  }
}

void History::LeaveUncertain(absl::string_view key, const Content& content) {
  MutexLock lock(&mutex_);
  keys_[NumberOf(key)].uncertain.push_back(content);
  ++uncertain_count_;
}

void History::Refuse(absl::string_view key, const Content& content) {
  MutexLock lock(&mutex_);
  keys_[NumberOf(key)].refused.push_back(content);
  ++refused_count_;
}

std::map<std::string, History::KeyHistory> History::ByKey() const {
  std::map<std::string, KeyHistory> keys;
  MutexLock lock(&mutex_);
  for (const auto& [name, number] : numbers_) {
    keys[name] = keys_[number];
  }
  return keys;
}

std::vector<Acknowledgement> History::Of(absl::string_view key) const {
  std::vector<Acknowledgement> writes;
  MutexLock lock(&mutex_);
  const auto found = numbers_.find(std::string(key));
  for (const Acknowledgement& write : acknowledged_) {
    if (found != numbers_.end() && write.key == found->second) {
      writes.push_back(write);
    }
  }
  return writes;
}

uint64_t History::acknowledged(WriteKind kind) const {
  MutexLock lock(&mutex_);
  return counts_[static_cast<size_t>(kind)];
}

uint64_t History::acknowledged() const {
  MutexLock lock(&mutex_);
  return acknowledged_.size();
}

uint64_t History::uncertain() const {
  MutexLock lock(&mutex_);
  return uncertain_count_;
}

uint64_t History::refused() const {
  MutexLock lock(&mutex_);
  return refused_count_;
}

}  // namespace dunlin::chaos
