#ifndef DUNLIN_SYNC_SNAPSHOT_BARRIER_H_
#define DUNLIN_SYNC_SNAPSHOT_BARRIER_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"

namespace dunlin {

// SnapshotBarrier tells whether events are applied as they come, that is, whether the snapshot they build on is
// complete.
//
// It starts closed. The follower opens it once every change up to a sequence that it read *after* Redis acknowledged
// the subscription is in the store, and closes it whenever that knowledge is lost: a reconnect, a gap, an overflow of
// the ring, a new epoch. Each opening gets the next generation, so that whoever saw the barrier open can tell whether
// it has been open ever since.
//
// What it does not promise: that the replica is up to date. It says that nothing is missing from the middle; how far
// behind the end the replica is, is told by its lag.
//
// Invariants:
//  (1) generation() is 0 until the first Open() and never decreases.
//  (2) The barrier is open exactly while the latest call was Open().
//
// Thread-safety: safe for concurrent use. The follower alone calls Open() and Close(), one call at a time.
class SnapshotBarrier {
 public:
  SnapshotBarrier() = default;
  SnapshotBarrier(const SnapshotBarrier&) = delete;
  SnapshotBarrier& operator=(const SnapshotBarrier&) = delete;

  // Opens the barrier and starts a new generation.
  // REQUIRES: it is closed.
  //
  // Memory ordering: what happened before Open() is visible to a thread that sees it open.
  void Open() ABSL_LOCKS_EXCLUDED(mutex_);

  // Closes the barrier. Closing a closed one changes nothing.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

  bool open() const ABSL_LOCKS_EXCLUDED(mutex_);

  // The number of openings so far.
  uint64_t generation() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_SNAPSHOT_BARRIER_H_
