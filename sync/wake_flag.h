#ifndef DUNLIN_SYNC_WAKE_FLAG_H_
#define DUNLIN_SYNC_WAKE_FLAG_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "storage/mutex.h"

namespace dunlin {

// WakeFlag lets one thread sleep until others have something for it. A Wake() that comes while the thread is awake is
// remembered, so none is lost; several before the thread looks are one.
//
// Thread-safety: safe for concurrent use; one thread waits.
class WakeFlag {
 public:
  WakeFlag() = default;
  WakeFlag(const WakeFlag&) = delete;
  WakeFlag& operator=(const WakeFlag&) = delete;

  // Memory ordering: what happened before Wake() is visible after the WaitFor() that it ends.
  void Wake() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    woken_ = true;
    condition_.Signal();
  }

  // Ends every wait, now and later, at once.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    stopped_ = true;
    condition_.Signal();
  }

  // Sleeps until Wake(), for at most `timeout`, and takes the wake-up.
  void WaitFor(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (!woken_ && !stopped_) {
      condition_.WaitWithTimeout(&mutex_, timeout);
    }
    woken_ = false;
  }

  bool stopped() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return stopped_;
  }

 private:
  mutable Mutex mutex_;
  CondVar condition_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_WAKE_FLAG_H_
