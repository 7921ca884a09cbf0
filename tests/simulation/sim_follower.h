#ifndef DUNLIN_TESTS_SIMULATION_SIM_FOLLOWER_H_
#define DUNLIN_TESTS_SIMULATION_SIM_FOLLOWER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "storage/hybrid_clock.h"
#include "storage/store.h"
#include "storage/write.h"
#include "sync/arrivals.h"
#include "sync/checkpoints.h"
#include "sync/event_ring.h"
#include "sync/follower.h"
#include "tests/simulation/sim_committer.h"
#include "tests/simulation/sim_subscriber.h"
#include "tests/simulation/sim_thread.h"

namespace dunlin {

// SimFollower stands for the follower's thread (sync/follower_thread.h): it drives the real Follower.
//
// Thread-safety: one thread.
class SimFollower final : public SimThread {
 public:
  // All must outlive this object, but for what the callbacks name.
  struct Parts {
    EventRing<std::string>* ring = nullptr;
    SimSubscriber* subscriber = nullptr;
    const Store* store = nullptr;
    SimCommitter* committer = nullptr;
    HybridClock* clock = nullptr;
    Arrivals* arrivals = nullptr;
    Checkpoints* checkpoints = nullptr;
    std::function<DeliveredMark()> delivered;
    std::function<void()> on_epoch_entered;
    std::function<void()> on_live;
    std::function<void(const DeliveredMark& asked)> on_confirmed;
    // After each turn that leaves the barrier open.
    std::function<void(const Follower::Status& status)> on_open;
    // A page of changes is no larger, so that a small data set has several.
    size_t page_changes_max = SIZE_MAX;
  };

  SimFollower(const SimEnvironment& environment, const Follower::Options& options, Parts parts)
      : SimThread(environment), parts_(std::move(parts)), follower_(options, now()) {}

  void WantLook() {
    follower_.OnLookWanted();
    Wake();
  }

  // Somebody waits for an arrival.
  void OnAwaited() { Wake(); }

  const Follower& machine() const { return follower_; }
  // How many records it has given back to Redis' index.
  uint64_t reindexed() const { return reindexed_; }

 private:
  void Turn() override;
  void TakeInputs();
  void TakeEvents();

  // One for each action; each returns whether the loop goes on at once.
  bool Do(const Follower::Wait& wait);
  bool Do(const Follower::Connect& connect);
  bool Do(const Follower::ReadPosition& read);
  bool Do(const Follower::ReadChanges& read);
  bool Do(const Follower::ReadOrders& read);
  bool Do(const Follower::Compare& compare);
  bool Do(const Follower::ReadRecords& read);
  bool Do(const Follower::Collect& collect);
  bool Do(const Follower::Reindex& reindex);
  bool Do(const Follower::FindDelivered& find);
  bool Do(const Follower::StartEpoch& start);
  bool Do(const Follower::EnterEpoch& enter);
  bool Do(Follower::Apply& apply);
  bool Do(const Follower::DiscardEvents& discard);

  // What was when a position was asked for.
  struct Asked {
    absl::Time at;
    DeliveredMark delivered;
    StoreState state;
  };
  void OnPosition(const Asked& asked, const absl::StatusOr<RelayPosition>& position);
  void Failed(const absl::Status& error);

  const Parts parts_;
  Follower follower_;
  uint64_t reindexed_ = 0;
  uint64_t rebuilds_begun_ = 0;
  bool was_live_ = false;
  absl::optional<absl::StatusOr<ApplyResult>> applied_;
  absl::optional<absl::StatusOr<EpochEntry>> epoch_entered_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_SIM_FOLLOWER_H_
