#ifndef DUNLIN_SERVER_WATCH_QUEUE_H_
#define DUNLIN_SERVER_WATCH_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/types/span.h"
#include "server/proto_conversion.h"
#include "server/watch_filter.h"
#include "storage/change_feed.h"
#include "storage/mutex.h"

namespace dunlin {

// WatchQueue holds what the feed has delivered to one stream and the stream has not said yet, up to
// kStreamQueueEventsMax events or kStreamQueueMaxBytes. Once more than that has come it is full for good: what came
// after is not in it, and the stream has to read that from the store.
//
// Thread-safety: safe for concurrent use; OnChanges() comes from the committer, on one thread at a time.
class WatchQueue final : public ChangeFeed::Listener {
 public:
  struct Usage {
    size_t events = 0;
    size_t size_bytes = 0;
  };

  // `wake` is called, on the thread that commits and outside the lock, when something has come; it must not call back.
  WatchQueue(const WatchFilter& filter, std::function<void()> wake) : filter_(filter), wake_(std::move(wake)) {}
  WatchQueue(const WatchQueue&) = delete;
  WatchQueue& operator=(const WatchQueue&) = delete;

  void OnChanges(absl::Span<const ChangePtr> changes) override ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes out, in order, what fits into one message with values in `form`; what is not later than `after_revision` is
  // thrown away.
  std::vector<ChangePtr> Take(uint64_t after_revision, EventForm form) ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether nothing is in it and it is not full.
  bool empty() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool full() const ABSL_LOCKS_EXCLUDED(mutex_);
  Usage usage() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Throws away what is in it, and is not full any more.
  // REQUIRES: it does not listen to a feed.
  void Clear() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const WatchFilter filter_;
  const std::function<void()> wake_;

  mutable Mutex mutex_;
  std::deque<ChangePtr> changes_ ABSL_GUARDED_BY(mutex_);
  size_t size_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_WATCH_QUEUE_H_
