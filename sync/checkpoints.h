#ifndef DUNLIN_SYNC_CHECKPOINTS_H_
#define DUNLIN_SYNC_CHECKPOINTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/types/optional.h"
#include "storage/limits.h"
#include "storage/mutex.h"
#include "storage/write.h"

namespace dunlin {

// Under `epoch`, Redis has every write that the store had made itself by `revision` (Mirror::delivered_revision());
// nothing if that is not known.
struct DeliveredMark {
  uint64_t epoch = 0;
  absl::optional<uint64_t> revision;
  // The mirror's connection at that moment (Mirror::connection()).
  uint64_t connection = 0;
};

// What may be noted of a store that stood at `revision` after its mirror had told `mark`: of one that holds nothing
// Redis lacks nothing in `epoch`, before its mirror has said a word. So others may go on at a newcomer from the start.
DeliveredMark MarkOf(uint64_t revision, uint64_t epoch, const DeliveredMark& mark);

// A place in this store's history as others see it: all that it had up to `revision`, whoever wrote it, Redis had by
// `sequence`, and what it had swept had expired by `expired_unix_ms`.
//
// So whoever knows the fleet up to that sequence, and the expiries up to that time, misses nothing if this store goes
// on telling its changes after that revision.
struct Checkpoint {
  uint64_t sequence = 0;
  uint64_t revision = 0;
  uint64_t expired_unix_ms = 0;
};

// Checkpoints are those that a replica remembers of one epoch: where it may go on for the reader of another replica.
// The latest lie close together and the older ones further and further apart; the later one is, the less is told twice.
//
// Thread-safety: safe for concurrent use.
class Checkpoints {
 public:
  // REQUIRES: capacity >= 4.
  explicit Checkpoints(size_t capacity = kCheckpointsMax) : capacity_(capacity) {}
  Checkpoints(const Checkpoints&) = delete;
  Checkpoints& operator=(const Checkpoints&) = delete;

  // Redis has told that it stands at `sequence` of `epoch`, after `delivered` and then StoreState's
  // expired_latest_unix_ms had been read here. That makes a checkpoint if both are of one epoch; those of another one
  // mean nothing any more, and go.
  void Note(const DeliveredMark& delivered, uint64_t expired_unix_ms, uint64_t epoch, uint64_t sequence)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The store has been away for too long: what the fleet has deleted meanwhile it may never hear of, so that nobody who
  // has not heard of it may go on here. Forgets all.
  void Clear() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns the revision after which to go on for who has come to `position`; nothing if none is known.
  absl::optional<uint64_t> Find(const Position& position) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Add(Checkpoint checkpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Thin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t capacity_;

  mutable Mutex mutex_;
  uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  // None of their numbers ever falls, and the revisions grow.
  std::vector<Checkpoint> checkpoints_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_CHECKPOINTS_H_
