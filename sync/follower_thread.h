#ifndef DUNLIN_SYNC_FOLLOWER_THREAD_H_
#define DUNLIN_SYNC_FOLLOWER_THREAD_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/types/optional.h"
#include "storage/change_feed.h"
#include "storage/clock.h"
#include "storage/committer.h"
#include "storage/hybrid_clock.h"
#include "storage/logger.h"
#include "storage/mutex.h"
#include "storage/store.h"
#include "sync/arrivals.h"
#include "sync/checkpoints.h"
#include "sync/event_ring.h"
#include "sync/follower.h"
#include "sync/relay.h"
#include "sync/snapshot_barrier.h"
#include "sync/subscriber.h"
#include "sync/wake_flag.h"

namespace dunlin {

// FollowerThread drives a Follower: it carries the state machine's actions out on a Relay, a ring and a Committer, and
// tells it what came of them. It also keeps the fleet's clock, measured at each heartbeat, remembers checkpoints, and
// tells Arrivals what has come.
//
// While the thread sleeps, the subscriber's takes its turn, as far as that needs no call to Redis: whoever brings an
// event has it applied (docs/decisions/0029-who-brings-an-event-applies-it.md).
//
// Thread-safety: one thread, the owner's, calls Start() and Stop(); all else is safe for concurrent use.
class FollowerThread {
 public:
  // All must outlive this object. `subscriber` fills `ring`.
  struct Parts {
    Relay* relay = nullptr;
    Subscriber* subscriber = nullptr;
    EventRing<std::string>* ring = nullptr;
    const Store* store = nullptr;
    ChangeFeed* feed = nullptr;
    Committer* committer = nullptr;
    HybridClock* clock = nullptr;
    SnapshotBarrier* barrier = nullptr;
    Arrivals* arrivals = nullptr;
    Checkpoints* checkpoints = nullptr;
    Logger* logger = nullptr;
    // What of the store's own writes Redis has.
    std::function<DeliveredMark()> delivered;
    // These are called on the thread whose turn it is. After the store has entered an epoch.
    std::function<void()> on_epoch_entered;
    // When the barrier has opened.
    std::function<void()> on_barrier_open;
    // When Arrivals has somebody to answer.
    std::function<void()> on_arrival;
    // When Redis is seen to be in the life of the data that the store is in, with what
    // `delivered` had been before it was asked.
    std::function<void(const DeliveredMark& asked)> on_confirmed;
  };

  FollowerThread(const Follower::Options& options, Parts parts);
  // Stops.
  ~FollowerThread();
  FollowerThread(const FollowerThread&) = delete;
  FollowerThread& operator=(const FollowerThread&) = delete;

  // REQUIRES: neither Start() nor Stop() has been called.
  void Start();

  // Ends the thread and waits until the store has answered. Stopping again does nothing.
  void Stop();

  // Wakes the thread.
  void Wake() { wake_.Wake(); }

  // The ring, or the state of the subscription, may have something new. To be called by the subscriber's thread, which
  // takes a turn if it can, or wakes the thread.
  void TakeTurn() ABSL_LOCKS_EXCLUDED(turn_, mutex_);

  // Somebody has reached Redis, anew, or has seen it in another epoch than the store's: it is to be looked at soon.
  void WantLook() ABSL_LOCKS_EXCLUDED(mutex_);

  // Compares the whole store with Redis, and reads again what is missing or damaged here.
  void Repair() ABSL_LOCKS_EXCLUDED(mutex_);

  Follower::Status status() const ABSL_LOCKS_EXCLUDED(mutex_);

  // For how long a replica with `status` has not known itself to have everything; zero while it does, to within two
  // heartbeats.
  absl::Duration StalenessOf(const Follower::Status& status) const;

 private:
  void Run() ABSL_LOCKS_EXCLUDED(turn_, mutex_);
  Follower::Action Next() ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_) ABSL_LOCKS_EXCLUDED(mutex_);
  // On the subscriber's thread: goes on until there is nothing to do, or a call to Redis, which is left to the thread.
  void ApplyWhatHasCome() ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_) ABSL_LOCKS_EXCLUDED(mutex_);
  void TakeInputs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_) ABSL_LOCKS_EXCLUDED(mutex_);
  void TakeEvents() ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void PublishStatus() ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_) ABSL_LOCKS_EXCLUDED(mutex_);
  void LogTransition(const Follower::Status& before, const Follower::Status& after);

  // One for each action of the Follower.
  void Do(const Follower::Wait& wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void Do(const Follower::Connect& connect) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void Do(const Follower::ReadPosition& read) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void Do(const Follower::ReadChanges& read) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void Do(const Follower::ReadOrders& read) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void Do(const Follower::Compare& compare) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void Do(const Follower::ReadRecords& read) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void Do(const Follower::Collect& collect) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void Do(const Follower::Reindex& reindex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void Do(const Follower::FindDelivered& find) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void Do(const Follower::StartEpoch& start) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void Do(const Follower::EnterEpoch& enter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void Do(Follower::Apply& apply) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_) ABSL_LOCKS_EXCLUDED(mutex_);
  void Do(const Follower::DiscardEvents& discard) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);

  void Failed(const absl::Status& error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  Follower::Local Local() const;

  const Parts parts_;
  const SteadyClock steady_;
  WakeFlag wake_;

  // Held by the thread but while it sleeps. Who holds it is the ring's consumer.
  Mutex turn_;
  Follower follower_ ABSL_GUARDED_BY(turn_);
  uint64_t subscription_generation_ ABSL_GUARDED_BY(turn_) = 0;
  bool subscribed_ ABSL_GUARDED_BY(turn_) = false;
  absl::Status subscription_error_ ABSL_GUARDED_BY(turn_);
  // Until when the thread sleeps unless it is woken; InfinitePast while it has something to do.
  absl::Time asleep_until_ ABSL_GUARDED_BY(turn_) = absl::InfinitePast();
  // What the subscriber's turn has left to the thread.
  absl::optional<Follower::Action> left_ ABSL_GUARDED_BY(turn_);

  mutable Mutex mutex_ ABSL_ACQUIRED_AFTER(turn_);
  Follower::Status status_ ABSL_GUARDED_BY(mutex_);
  // The store's answer to the Apply under way.
  absl::optional<absl::StatusOr<ApplyResult>> applied_ ABSL_GUARDED_BY(mutex_);
  // It is being asked for: who has asked looks for it.
  bool is_applying_here_ ABSL_GUARDED_BY(mutex_) = false;
  bool look_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool repair_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  absl::optional<absl::StatusOr<EpochEntry>> epoch_entered_ ABSL_GUARDED_BY(mutex_);
  // Calls to the committer that have not been answered.
  int outstanding_ ABSL_GUARDED_BY(mutex_) = 0;
  CondVar all_answered_;

  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_FOLLOWER_THREAD_H_
