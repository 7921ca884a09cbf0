#ifndef DUNLIN_SYNC_MIRROR_ACKS_H_
#define DUNLIN_SYNC_MIRROR_ACKS_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/mutex.h"
#include "storage/write.h"

namespace dunlin {

// MirrorAcks holds the callers who wait until Redis has their write (ACK_MIRRORED).
//
// Callbacks run on the thread whose call answers them, outside the lock: they must be quick.
//
// Thread-safety: safe for concurrent use.
class MirrorAcks {
 public:
  MirrorAcks() = default;
  MirrorAcks(const MirrorAcks&) = delete;
  MirrorAcks& operator=(const MirrorAcks&) = delete;

  // Calls `done` once everything in the outbox up to `revision` is in Redis.
  // Errors: kDeadlineExceeded once `deadline` has passed: the write is stored here and will reach Redis later;
  // kUnavailable, meaning the same, after Shutdown().
  void Wait(uint64_t revision, absl::Time deadline, StatusCallback done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Redis has everything up to `mirrored_revision`. It may go back, when Redis has lost data.
  void OnMirrored(uint64_t mirrored_revision) ABSL_LOCKS_EXCLUDED(mutex_);

  // Answers those whose deadline has passed; returns the next deadline.
  absl::Time Expire(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  // Answers everybody, now and later.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Waiter {
    absl::Time deadline;
    StatusCallback done;
  };

  Mutex mutex_;
  uint64_t mirrored_revision_ ABSL_GUARDED_BY(mutex_) = 0;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  // By revision.
  std::multimap<uint64_t, Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_MIRROR_ACKS_H_
