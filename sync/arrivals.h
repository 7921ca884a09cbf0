#ifndef DUNLIN_SYNC_ARRIVALS_H_
#define DUNLIN_SYNC_ARRIVALS_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/mutex.h"
#include "storage/write.h"
#include "sync/relay_types.h"

namespace dunlin {

// Arrivals holds the callers who wait here for what another store's position tells of (a token of another replica).
//
// A position has arrived in two steps. First Redis has to have what the other store had written itself; it is asked
// until it does, and tells where it stands then. Then this store has to come as far. What the other store had from
// Redis is there by then, too: Redis had it before it told.
//
// Who waits is answered by Answer(), on the thread that calls it and outside the lock, so that the thread which brings
// what others write does not do readers' work.
//
// Thread-safety: safe for concurrent use; TakeAwaited(), OnDelivered() and OnProgress() from one thread.
class Arrivals {
 public:
  Arrivals() = default;
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;

  // Calls `done` once this store has everything that the store of `position` had there, or what has replaced it.
  // Errors: kUnavailable once `deadline` has passed, and after Shutdown(); kResourceExhausted when too many wait.
  void Wait(const Position& position, absl::Time deadline, StatusCallback done) ABSL_LOCKS_EXCLUDED(mutex_);

  // The stores of which Redis is to be asked what it has, some of them if they are many.
  std::vector<uint64_t> TakeAwaited() ABSL_LOCKS_EXCLUDED(mutex_);

  // What Redis, in the life of the data that this store is in, has told of the stores that were awaited last; it was
  // asked after that. Returns whether somebody is to be answered.
  bool OnDelivered(const DeliveredReply& reply) ABSL_LOCKS_EXCLUDED(mutex_);

  // This store has every write of `epoch` up to `sequence`, as Follower::Status::whole_sequence. Returns whether
  // somebody is to be answered.
  bool OnProgress(uint64_t epoch, uint64_t sequence) ABSL_LOCKS_EXCLUDED(mutex_);

  // Answers those for whom all has arrived, and those whose deadline has passed; returns the next deadline.
  absl::Time Answer(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  // Answers everybody, now and later.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Waiter {
    Position position;
    absl::Time deadline;
    StatusCallback done;
    // Whether Redis is asked on behalf of it: an answer to an earlier question may be older than its position.
    bool asked = false;
  };
  using Answers = std::vector<std::pair<StatusCallback, absl::Status>>;

  bool TakeArrived() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Tell(Answers answers);

  // Used by the one thread alone.
  std::vector<uint64_t> awaited_;

  Mutex mutex_;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  // Where this store stands.
  uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  // Not known to be in Redis, in no order; and by the sequence of epoch_ at which it will be here.
  std::vector<Waiter> undelivered_ ABSL_GUARDED_BY(mutex_);
  std::multimap<uint64_t, Waiter> delivered_ ABSL_GUARDED_BY(mutex_);
  // To be told that all has arrived.
  Answers arrived_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_ARRIVALS_H_
