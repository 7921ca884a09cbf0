#ifndef DUNLIN_STORAGE_DISK_FAILURE_H_
#define DUNLIN_STORAGE_DISK_FAILURE_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "storage/mutex.h"

namespace dunlin {

// Whether the `error` of a write or a sync, an errno, says that the disk cannot be trusted with another one. A disk
// that is full can.
bool IsDiskFailure(int error);

// DiskFailure remembers the first failure of a disk. There is no way back: after a failed sync the kernel may have
// dropped what was to be written, and the next sync may claim success (https://wiki.postgresql.org/wiki/Fsync_Errors).
//
// Thread-safety: safe for concurrent use.
class DiskFailure {
 public:
  // The disk has failed for `reason`. Returns status().
  absl::Status Note(const absl::Status& reason) ABSL_LOCKS_EXCLUDED(mutex_);

  // OK; or kUnavailable, with what failed first, what that means and the remedy.
  absl::Status status() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_DISK_FAILURE_H_
