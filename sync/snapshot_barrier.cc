#include "sync/snapshot_barrier.h"

#include <cassert>

namespace dunlin {

void SnapshotBarrier::Open() {
  MutexLock lock(&mutex_);
  assert(!open_);
  open_ = true;
  ++generation_;
}

void SnapshotBarrier::Close() {
  MutexLock lock(&mutex_);
  open_ = false;
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
