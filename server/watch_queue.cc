#include "server/watch_queue.h"

#include <utility>

#include "storage/limits.h"

namespace dunlin {

void WatchQueue::OnChanges(absl::Span<const ChangePtr> changes) {
  bool news = false;
  {
    MutexLock lock(&mutex_);
    for (const ChangePtr& change : changes) {
      if (!filter_.Passes(change->type)) {
        continue;
      }
      news = true;
      full_ = full_ || changes_.size() >= kStreamQueueEventsMax || size_bytes_ >= kStreamQueueMaxBytes;
      if (full_) {
        break;
      }
      size_bytes_ += change->SizeBytes();
      changes_.push_back(change);
    }
  }
  if (news) {
    wake_();
  }
}

std::vector<ChangePtr> WatchQueue::Take(uint64_t after_revision, EventForm form) {
  std::vector<ChangePtr> taken;
  size_t size = 0;
  MutexLock lock(&mutex_);
  while (!changes_.empty() && taken.size() < kWatchMessageEventsMax) {
    ChangePtr& change = changes_.front();
    const bool wanted = change->revision > after_revision;
    size += wanted ? EventSizeMax(*change, form) : 0;
    if (size > kWatchMessageMaxBytes && !taken.empty()) {
      break;
    }
    size_bytes_ -= change->SizeBytes();
    if (wanted) {
      taken.push_back(std::move(change));
    }
    changes_.pop_front();
  }
  return taken;
}

bool WatchQueue::empty() const {
  MutexLock lock(&mutex_);
  return changes_.empty() && !full_;
}

bool WatchQueue::full() const {
  MutexLock lock(&mutex_);
  return full_;
}

WatchQueue::Usage WatchQueue::usage() const {
  MutexLock lock(&mutex_);
  return {changes_.size(), size_bytes_};
}

void WatchQueue::Clear() {
  MutexLock lock(&mutex_);
  full_ = false;
  changes_.clear();
  size_bytes_ = 0;
}

}  // namespace dunlin
