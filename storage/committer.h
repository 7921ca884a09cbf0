#ifndef DUNLIN_STORAGE_COMMITTER_H_
#define DUNLIN_STORAGE_COMMITTER_H_

#include <cstdint>
#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "storage/change_feed.h"
#include "storage/checkpoint_thread.h"
#include "storage/group_committer.h"
#include "storage/hybrid_clock.h"
#include "storage/limits.h"
#include "storage/logger.h"
#include "storage/mutex.h"
#include "storage/operation.h"
#include "storage/store.h"
#include "storage/write.h"

namespace dunlin {

// Committer is the only writer of a store. It gathers what is waiting, local and remote, into one transaction and one
// sync (group commit), hands the changes to the ChangeFeed, and then answers. Between groups it sweeps what has
// expired.
//
// What is durable goes on to the database by a thread of its own; Stop() leaves nothing for the next start.
//
// Order: operations take effect in the order of the calls. Callbacks run on the committer's thread, after the changes
// are durable and published: they must be quick and must not wait for another write. What is refused at once, for a
// full queue or after Stop(), is answered within the call, on the caller's thread; and so is Apply() of little that
// needs no sync, while nothing else is under way: a change of threads there and back would take longer than the batch
// (docs/decisions/0029-who-brings-an-event-applies-it.md).
//
// Errors: a group shares its transaction, so that an error of the database answers everything in it, and nothing of it
// is stored. An operation that is turned down (kInvalidArgument, kFailedPrecondition, the quota) concerns no other.
//
// Overload: when the queue is full, a write is refused with kResourceExhausted at once, and nothing of it is stored.
//
// Thread-safety: safe for concurrent use. The object owns its thread.
class Committer {
 public:
  struct Options : GroupCommitter::Options {
    // By a thread of the committer.
    Options() { checkpoints_elsewhere = true; }

    // Told of each commit that takes at least `slow_commit`: nothing else tells a slow disk from a slow Dunlin.
    // Null: nobody is.
    Logger* logger = nullptr;
    absl::Duration slow_commit = kSlowCommit;
  };

  // All must outlive this object, the logger as well.
  Committer(const Options& options, Store* store, HybridClock* clock, ChangeFeed* feed);
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Stops, if that has not been done.
  ~Committer();

  // Stores `write`, whole or not at all, and answers once it is durable.
  // Errors: kInvalidArgument for a key that cannot be stored; kFailedPrecondition; kResourceExhausted when the queue,
  // the quota or the disk is full; kUnavailable after Stop(); kDataLoss and kInternal as the database's.
  void Write(LocalWrite write, WriteCallback done) ABSL_LOCKS_EXCLUDED(mutex_);

  // What Write() would answer to a put because of the quota: for whoever has to know before something else happens.
  // Errors: kResourceExhausted; those of the store's reads.
  absl::Status CheckQuota() const;

  // Merges `batch` by version in one transaction, on the caller's thread if it is small and nothing is in the way.
  // Never refused for a full queue: whoever applies waits for the answer before the next. Damaged records are left out
  // and counted. Errors: kFailedPrecondition when a record is of a newer format; else as of Write(), without the queue
  // and the quota.
  void Apply(RemoteBatch batch, ApplyCallback done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Enters a new life of the data in Redis: the applied sequence starts from 0 again, unless the store holds exactly
  // what Redis does. Durable when answered.
  void EnterEpoch(const EpochChange& change, EpochCallback done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Gives what a wrong clock has stamped versions of the present. Durable when answered.
  void Restamp(Restamping restamping, RestampCallback done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Moves the mirror's cursor: with the next group, or within kSweepPeriod. It is written with one of the next, or
  // within kPositionFlushPeriod: losing its last steps only sends again what Redis already has.
  void AdvanceMirrored(MirrorProgress progress) ABSL_LOCKS_EXCLUDED(mutex_);

  // Finishes what was given before, writes the positions down, and ends the thread. Later calls answer kUnavailable.
  // REQUIRES: not called from a callback.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_, stop_mutex_);

 private:
  bool Enqueue(Operation* operation, bool bounded) ABSL_LOCKS_EXCLUDED(mutex_);
  // Puts `operation` into the queue, and wakes the thread if it cannot wait.
  void Push(Operation* operation, size_t size_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Moves what comes next from the queue to `group`.
  void TakeGroup(OperationGroup* group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits, unless `more_is_due`, for the next group, which is empty when the period has passed without work, and begins
  // this thread's turn. Returns false when stopped and nothing is left.
  bool BeginTurn(bool more_is_due, OperationGroup* group) ABSL_LOCKS_EXCLUDED(mutex_);
  void EndTurn() ABSL_LOCKS_EXCLUDED(mutex_);
  // Carries `operation` out on this thread, if it is nobody's turn and nothing waits that needs a sync.
  bool CommitHere(Operation* operation, size_t size_bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  void Commit(OperationGroup* group);
  void Run();

  const Options options_;
  const Store* const store_;

  // Used by the thread whose turn it is, see is_taken_.
  GroupCommitter engine_;
  // Only if its options have checkpoints elsewhere.
  absl::optional<CheckpointThread> checkpoints_;

  Mutex mutex_;
  CondVar work_;
  std::deque<Operation> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queue_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // The thread has to be woken: something in the queue cannot wait until it wakes by itself, or it waits for its turn.
  bool is_hurried_ ABSL_GUARDED_BY(mutex_) = false;
  // It is somebody's turn to use the engine. Who sets it has seen, under the mutex, all that the one before has done.
  bool is_taken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  Mutex stop_mutex_;
  // Last, so that it starts when all else is ready.
  std::thread thread_ ABSL_GUARDED_BY(stop_mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_COMMITTER_H_
