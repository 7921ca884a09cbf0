#ifndef DUNLIN_SYNC_REPLICATOR_H_
#define DUNLIN_SYNC_REPLICATOR_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "storage/change_feed.h"
#include "storage/committer.h"
#include "storage/hybrid_clock.h"
#include "storage/limits.h"
#include "storage/logger.h"
#include "storage/store.h"
#include "storage/write.h"
#include "sync/arrivals.h"
#include "sync/checkpoints.h"
#include "sync/conditional_callers.h"
#include "sync/deadline_thread.h"
#include "sync/event_ring.h"
#include "sync/follower_thread.h"
#include "sync/mirror_acks.h"
#include "sync/mirror_thread.h"
#include "sync/primary_finder.h"
#include "sync/primary_watch.h"
#include "sync/redis_relay.h"
#include "sync/redis_url.h"
#include "sync/snapshot_barrier.h"
#include "sync/subscriber.h"

namespace dunlin {

// Replicator keeps a store in step with the fleet through Redis: the door of this folder.
//
// It owns three threads, each with a Redis connection of its own: the subscriber fills the ring, the follower brings
// what others write into the store, the mirror brings the store's own writes to Redis. Where sentinels say which Redis
// takes writes, another listens to them. None of them ever holds up a client's read or write. One more answers in time
// those who wait for Redis.
//
// Thread-safety: one thread, the owner's, calls Start() and Stop(); all else is safe for concurrent use.
class Replicator {
 public:
  struct Options {
    RedisEndpoint endpoint;
    std::string replication_namespace;
    // Shown by Redis' CLIENT LIST.
    std::string replica_id;
    size_t ring_slots = kRingSlotsDefault;
    absl::Duration tombstone_horizon = kTombstoneHorizonDefault;
  };

  // All must outlive the result.
  struct Parts {
    Store* store = nullptr;
    Committer* committer = nullptr;
    ChangeFeed* feed = nullptr;
    HybridClock* clock = nullptr;
    Logger* logger = nullptr;
  };

  struct Status {
    Follower::Status follower;
    absl::Duration staleness;
    // Why the store's own writes do not get to Redis; OK when nothing is in the way.
    absl::Status mirror_error;
    EventRing<std::string>::Usage ring_used;
    uint64_t ring_capacity = 0;
    uint64_t ring_overflows = 0;
  };

  // Errors: kInvalidArgument for a namespace or a number of slots that cannot be used.
  static absl::StatusOr<std::unique_ptr<Replicator>> Create(const Options& options, const Parts& parts);
  // Stops.
  ~Replicator();
  Replicator(const Replicator&) = delete;
  Replicator& operator=(const Replicator&) = delete;

  // REQUIRES: neither Start() nor Stop() has been called.
  void Start();

  // Ends the threads and answers every waiting caller. Stopping again does nothing.
  void Stop();

  // Lets Redis judge `mutation` and stores it here if the precondition holds. `done` is called within `timeout`, on a
  // thread of the replicator or the committer, or within the call.
  // Errors: kFailedPrecondition; kUnavailable, when nothing was changed; kResourceExhausted, the same, when the quota
  // is reached or too many such writes wait; kAborted, when it is not known, or known to Redis alone, that it took
  // place.
  void WriteIf(Mutation mutation, const Precondition& precondition, absl::Duration timeout, WriteCallback done);

  // Calls `done` once Redis has each of `writes`, or a later one of its key, and within `timeout`: MirrorAcks::Wait().
  void WaitMirrored(std::vector<OutboxItem> writes, absl::Duration timeout, StatusCallback done);

  // Calls `done` once nothing up to `revision` is in the outbox, and within `timeout`: MirrorAcks::WaitForCursor().
  void WaitForOutbox(uint64_t revision, absl::Duration timeout, StatusCallback done);

  // Calls `done` once this store has everything that the store of `position`, another one, had there, and within
  // `timeout`: Arrivals::Wait().
  void WaitForArrival(const Position& position, absl::Duration timeout, StatusCallback done);

  // The revision after which to go on for a reader who comes from `position` of another store; nothing if none is
  // known.
  absl::optional<uint64_t> FindCheckpoint(const Position& position) const { return checkpoints_.Find(position); }

  // The replica is shutting down: answers whoever still waits in WriteIf(), after at most `patience`, and then whoever
  // waits in WaitMirrored() or WaitForArrival(), now and later. The outbox goes on to be sent, and WaitForOutbox() to
  // wait.
  void TurnAway(absl::Duration patience);

  // Compares the whole store with Redis, and reads again what is missing or damaged here.
  void Repair() { follower_.Repair(); }

  Status status() const;
  const SnapshotBarrier& barrier() const { return barrier_; }

 private:
  Replicator(const Options& options, const RedisNames& names, std::unique_ptr<EventRing<std::string>> ring,
             const Parts& parts);

  const SteadyClock steady_;
  const std::unique_ptr<EventRing<std::string>> ring_;
  SnapshotBarrier barrier_;
  MirrorAcks acks_;
  ConditionalCallers callers_;
  Arrivals arrivals_;
  Checkpoints checkpoints_;
  DeadlineThread deadlines_;
  const std::shared_ptr<PrimaryFinder> finder_;
  RedisRelay follower_relay_;
  RedisRelay mirror_relay_;
  Subscriber subscriber_;
  FollowerThread follower_;
  MirrorThread mirror_;
  // Null unless the endpoint names sentinels.
  const std::unique_ptr<PrimaryWatch> primary_watch_;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_REPLICATOR_H_
