#ifndef DUNLIN_SYNC_DEADLINE_THREAD_H_
#define DUNLIN_SYNC_DEADLINE_THREAD_H_

#include <functional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "storage/clock.h"
#include "storage/mutex.h"

namespace dunlin {

// DeadlineThread answers callers whose time is up. It waits for nothing else, so that they hear in time of a Redis that
// hangs and of whoever hangs with it.
//
// Thread-safety: one thread, the owner's, calls Start() and Stop(); Expect() is safe for concurrent use.
class DeadlineThread {
 public:
  // Answers everybody whose deadline has passed at `now`, and returns the next deadline; times are SteadyClock's.
  using ExpireFunction = std::function<absl::Time(absl::Time now)>;

  // `expire` is called on the thread alone. It must not call this object.
  explicit DeadlineThread(ExpireFunction expire) : expire_(std::move(expire)) {}
  // Stops.
  ~DeadlineThread() { Stop(); }
  DeadlineThread(const DeadlineThread&) = delete;
  DeadlineThread& operator=(const DeadlineThread&) = delete;

  // REQUIRES: neither Start() nor Stop() has been called.
  void Start();

  // Ends the thread. Stopping again does nothing.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  // Somebody waits until `deadline`, and `expire` knows of it; in the past: somebody is to be answered at once.
  void Expect(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for the next deadline. Returns false when stopped.
  bool WaitForNext() ABSL_LOCKS_EXCLUDED(mutex_);

  const ExpireFunction expire_;
  const SteadyClock steady_;

  Mutex mutex_;
  CondVar changed_;
  absl::Time next_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_DEADLINE_THREAD_H_
