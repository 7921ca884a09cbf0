#ifndef DUNLIN_SYNC_FOLLOWER_THREAD_H_
#define DUNLIN_SYNC_FOLLOWER_THREAD_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/types/optional.h"
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
// Thread-safety: one thread, the owner's, calls Start() and Stop(); Wake() and status() are safe for concurrent use.
class FollowerThread {
 public:
  // All must outlive this object. `subscriber` fills `ring`.
  struct Parts {
    Relay* relay = nullptr;
    Subscriber* subscriber = nullptr;
    EventRing<std::string>* ring = nullptr;
    const Store* store = nullptr;
    Committer* committer = nullptr;
    HybridClock* clock = nullptr;
    SnapshotBarrier* barrier = nullptr;
    Arrivals* arrivals = nullptr;
    Checkpoints* checkpoints = nullptr;
    Logger* logger = nullptr;
    // What of the store's own writes Redis has.
    std::function<DeliveredMark()> delivered;
    // Called on this thread after the store has entered an epoch.
    std::function<void()> on_epoch_entered;
    // Called on this thread when the barrier has opened.
    std::function<void()> on_barrier_open;
    // Called on this thread when Arrivals has somebody to answer.
    std::function<void()> on_arrival;
    // Called on this thread when Redis is seen to be in the life of the data that the store is in, with what
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

  // Says that the ring, or the state of the subscription, may have something new.
  void Wake() { wake_.Wake(); }

  // Says that somebody has seen Redis in another epoch than the store's.
  void DoubtEpoch() ABSL_LOCKS_EXCLUDED(mutex_);

  // Compares the whole store with Redis, and reads again what is missing or damaged here.
  void Repair() ABSL_LOCKS_EXCLUDED(mutex_);

  Follower::Status status() const ABSL_LOCKS_EXCLUDED(mutex_);

  // For how long a replica with `status` has not known itself to have everything; zero while it does, to within two
  // heartbeats.
  absl::Duration StalenessOf(const Follower::Status& status) const;

 private:
  void Run();
  void TakeInputs() ABSL_LOCKS_EXCLUDED(mutex_);
  void TakeEvents();
  void PublishStatus() ABSL_LOCKS_EXCLUDED(mutex_);
  void LogTransition(const Follower::Status& before, const Follower::Status& after);

  // One for each action of the Follower.
  void Do(const Follower::Wait& wait);
  void Do(const Follower::Connect& connect);
  void Do(const Follower::ReadPosition& read);
  void Do(const Follower::ReadChanges& read);
  void Do(const Follower::ReadOrders& read);
  void Do(const Follower::Compare& compare);
  void Do(const Follower::ReadRecords& read);
  void Do(const Follower::Collect& collect);
  void Do(const Follower::Reindex& reindex);
  void Do(const Follower::FindDelivered& find);
  void Do(const Follower::StartEpoch& start);
  void Do(const Follower::EnterEpoch& enter);
  void Do(Follower::Apply& apply);
  void Do(const Follower::DiscardEvents& discard);

  void Failed(const absl::Status& error);
  Follower::Local Local() const;

  const Parts parts_;
  const SteadyClock steady_;
  WakeFlag wake_;

  // Used by the thread alone.
  Follower follower_;
  uint64_t subscription_generation_ = 0;
  bool subscribed_ = false;
  absl::Status subscription_error_;

  mutable Mutex mutex_;
  Follower::Status status_ ABSL_GUARDED_BY(mutex_);
  // The store's answer to the Apply under way.
  absl::optional<absl::StatusOr<ApplyResult>> applied_ ABSL_GUARDED_BY(mutex_);
  bool epoch_doubted_ ABSL_GUARDED_BY(mutex_) = false;
  bool repair_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  absl::optional<absl::StatusOr<EpochEntry>> epoch_entered_ ABSL_GUARDED_BY(mutex_);
  // Calls to the committer that have not been answered.
  int outstanding_ ABSL_GUARDED_BY(mutex_) = 0;
  CondVar all_answered_;

  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_FOLLOWER_THREAD_H_
