#ifndef DUNLIN_TESTS_SIMULATION_SIM_REPLICA_H_
#define DUNLIN_TESTS_SIMULATION_SIM_REPLICA_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "storage/change.h"
#include "storage/change_feed.h"
#include "storage/clock.h"
#include "storage/limits.h"
#include "storage/store.h"
#include "storage/write.h"
#include "sync/follower.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/event_loop.h"
#include "tests/simulation/sim_redis.h"
#include "tests/support/temp_dir.h"

namespace dunlin {

// SimReplica is a replica in virtual time: the real store, group committer, ring and state machines, driven by one
// thread instead of four, over a SimRedis. What it models is only what the threads do: wait, hand over, call.
//
// The disk: what GroupCommitter has committed survives a crash, whatever waits for it does not. A power failure also
// takes back what was committed and not synced (SimDisk), and so does a crash after a sync that has failed.
//
// Thread-safety: one thread.
class SimReplica {
 public:
  struct Options {
    int number = 0;
    uint64_t store_id = 0;
    size_t ring_slots = 64;
    size_t page_changes_max = SIZE_MAX;
    absl::Duration tombstone_horizon = kTombstoneHorizonDefault;
    uint64_t outbox_quota_bytes = kOutboxQuotaBytesDefault;
    // How long a commit takes.
    absl::Duration disk_min = absl::Microseconds(100);
    absl::Duration disk_max = absl::Milliseconds(3);
    // How long a thread takes to notice that it has something to do.
    absl::Duration wake_max = absl::Milliseconds(1);
  };

  // Hears of what the replica does; outlives its crashes.
  struct Observer {
    // As ChangeFeed::Listener.
    std::function<void(absl::Span<const ChangePtr> changes)> on_changes;
    // After each group, before anybody is answered, with whether all is synced.
    std::function<void(const StoreState& state, bool synced)> on_commit;
    // An event that the ring, being full, has not taken.
    std::function<void(const std::string& event)> on_dropped;
    // After each turn of the follower that leaves the barrier open, with whether there is a subscription.
    std::function<void(const Follower::Status& status, bool subscribed)> on_open;
    // Before it ends; its store and feed are still there.
    std::function<void()> on_crash;
    // It has started after an end that has lost what was not synced, with this state.
    std::function<void(const StoreState& state)> on_power_back;
  };

  SimReplica(const Options& options, EventLoop* loop, Dice* dice, SimRedis* redis, Observer observer);
  ~SimReplica();
  SimReplica(const SimReplica&) = delete;
  SimReplica& operator=(const SimReplica&) = delete;

  // ---- Life ----

  // Opens the store and starts to replicate.
  // REQUIRES: !running().
  void Start();
  // Ends at once: what is not committed, and whom to answer, is forgotten.
  enum class End { kKill9, kPowerFailure };
  void Crash(End end);
  // Crashes after the next group has been committed, before anybody is answered; nullopt: does not.
  void SetCrashAfterCommit(absl::optional<End> end) { crash_after_commit_ = end; }
  // The next sync fails, so that what it was to make durable is lost; a while after that it crashes. Whether the sync
  // was just not over when the power failed, is the same to everybody else. nullopt: does not.
  void SetCrashInSync(absl::optional<End> end);
  bool running() const { return life_ != nullptr; }
  // What to add to virtual time to get this machine's clock.
  void SetClockError(absl::Duration error) { wall_clock_.error = error; }

  // ---- Clients ----

  // REQUIRES: running(). Nobody is answered after a crash.
  void Write(LocalWrite write, WriteCallback done);
  void WriteIf(Mutation mutation, const Precondition& precondition, absl::Duration timeout, WriteCallback done);
  void WaitMirrored(std::vector<OutboxItem> writes, absl::Duration timeout, StatusCallback done);

  // As Replicator's; who is late is not told.
  void WaitForArrival(const Position& position, absl::Duration timeout, StatusCallback done);
  absl::optional<uint64_t> FindCheckpoint(const Position& position) const;
  ChangeFeed* feed();

  // ---- How it stands ----

  int number() const { return options_.number; }
  // REQUIRES: running(), as for the rest. The disk has failed, so that nothing is stored any more.
  bool disk_has_failed() const;
  StoreState state() const;
  // What it takes for the fleet's time.
  absl::Time fleet_now() const;
  const Store& store() const;
  Follower::Status follower() const;
  const absl::Status& mirror_error() const;
  bool live() const;
  // Over all its lives.
  uint64_t rebuilds() const { return rebuilds_ + (running() ? follower().rebuilds : 0); }
  uint64_t collected() const { return collected_ + (running() ? follower().tombstones_collected : 0); }
  uint64_t reindexed() const;
  uint64_t late() const;

 private:
  // Clocks of this machine. Time stands still while a thread works, but not for who looks at a clock again and again
  // meanwhile: each look takes a moment.
  struct TickingClock final : Clock {
    absl::Time Now() const override {
      last = std::max(loop->Now(), last + kLook);
      return last + error;
    }
    static constexpr absl::Duration kLook = absl::Microseconds(100);
    const EventLoop* loop = nullptr;
    absl::Duration error;
    mutable absl::Time last;
  };
  struct Life;

  bool OnCommit(const StoreState& state);

  const Options options_;
  EventLoop* const loop_;
  Dice* const dice_;
  SimRedis* const redis_;
  const Observer observer_;
  const TempDir directory_;
  TickingClock wall_clock_;
  TickingClock steady_clock_;
  absl::optional<End> crash_after_commit_;
  absl::optional<End> crash_in_sync_;
  // How often the power has failed; and whether the last end has lost what was not synced.
  int power_failures_ = 0;
  bool has_lost_ = false;
  uint64_t lives_ = 0;
  // In former lives.
  uint64_t rebuilds_ = 0;
  uint64_t collected_ = 0;
  uint64_t reindexed_ = 0;
  uint64_t late_ = 0;
  // From a start to the next crash.
  std::unique_ptr<Life> life_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_SIM_REPLICA_H_
