#include "sync/snapshot_barrier.h"

#include <cassert>
#include <chrono>

#include "absl/strings/str_cat.h"

namespace dunlin {

void SnapshotBarrier::Open() {
  MutexLock lock(&mutex_);
  assert(!open_);
  open_ = true;
  ++generation_;
  changed_.SignalAll();
}

void SnapshotBarrier::Close() {
  MutexLock lock(&mutex_);
  open_ = false;
}

absl::Status SnapshotBarrier::WaitOpen(absl::Duration timeout) {
  const auto start = std::chrono::steady_clock::now();
  MutexLock lock(&mutex_);
  while (!open_ && !shut_down_) {
    const absl::Duration left = timeout - absl::FromChrono(std::chrono::steady_clock::now() - start);
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(
          absl::StrCat("the snapshot is not complete after ", absl::FormatDuration(timeout)));
    }
    changed_.WaitWithTimeout(&mutex_, left);
  }
  return shut_down_ ? absl::CancelledError("the replica is shutting down") : absl::OkStatus();
}

void SnapshotBarrier::Shutdown() {
  MutexLock lock(&mutex_);
  shut_down_ = true;
  changed_.SignalAll();
}

bool SnapshotBarrier::open() const {
  MutexLock lock(&mutex_);
  return open_;
}

uint64_t SnapshotBarrier::generation() const {
  MutexLock lock(&mutex_);
  return generation_;
}

}  // namespace dunlin
