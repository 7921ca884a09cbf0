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
// full queue or after Stop(), is answered within the call, on the caller's thread.
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

  // Merges `batch` by version in one transaction. Never refused for a full queue: whoever applies waits for the answer
  // before the next. Damaged records are left out and counted. Errors: kFailedPrecondition when a record is of a newer
  // format; else as of Write(), without the queue and the quota.
  void Apply(RemoteBatch batch, ApplyCallback done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Enters a new life of the data in Redis: the applied sequence starts from 0 again, unless the store holds exactly
  // what Redis does. Durable when answered.
  void EnterEpoch(const EpochChange& change, EpochCallback done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Gives what a wrong clock has stamped versions of the present. Durable when answered.
  void Restamp(Restamping restamping, RestampCallback done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Moves the mirror's cursor. It is written with the next group, or within kPositionFlushPeriod: losing its last steps
  // only sends again what Redis already has.
  void AdvanceMirrored(MirrorProgress progress) ABSL_LOCKS_EXCLUDED(mutex_);

  // Finishes what was given before, writes the positions down, and ends the thread. Later calls answer kUnavailable.
  // REQUIRES: not called from a callback.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_, stop_mutex_);

 private:
  bool Enqueue(Operation* operation, bool bounded) ABSL_LOCKS_EXCLUDED(mutex_);
  // The next group; empty when the period passed without work. Returns false when stopped and nothing is left.
  bool TakeGroup(OperationGroup* group) ABSL_LOCKS_EXCLUDED(mutex_);
  void Run();
  void Commit(OperationGroup* group);

  const Options options_;
  const Store* const store_;

  // Used by the committer's thread alone.
  GroupCommitter engine_;
  // Only if its options have checkpoints elsewhere.
  absl::optional<CheckpointThread> checkpoints_;

  Mutex mutex_;
  CondVar work_;
  std::deque<Operation> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queue_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  Mutex stop_mutex_;
  // Last, so that it starts when all else is ready.
  std::thread thread_ ABSL_GUARDED_BY(stop_mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_COMMITTER_H_
