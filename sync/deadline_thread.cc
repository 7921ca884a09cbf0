#include "sync/deadline_thread.h"

#include <algorithm>
#include <utility>

#include "storage/this_thread.h"

namespace dunlin {

void DeadlineThread::Start() {
  thread_ = std::thread([this] { Run(); });
}

void DeadlineThread::Stop() {
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.Signal();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

void DeadlineThread::Expect(absl::Time deadline) {
  MutexLock lock(&mutex_);
  if (deadline < next_) {
    next_ = deadline;
    changed_.Signal();
  }
}

void DeadlineThread::Run() {
  NameThisThread("deadlines");
  while (WaitForNext()) {
    const absl::Time next = expire_(steady_.Now());
    MutexLock lock(&mutex_);
    next_ = std::min(next_, next);
  }
}

bool DeadlineThread::WaitForNext() {
  MutexLock lock(&mutex_);
  while (!stopped_) {
    const absl::Duration left = next_ - steady_.Now();
    if (left <= absl::ZeroDuration()) {
      // Before anybody is asked: whoever comes from here on sets it anew.
      next_ = absl::InfiniteFuture();
      return true;
    }
    changed_.WaitWithTimeout(&mutex_, left);
  }
  return false;
}

}  // namespace dunlin
