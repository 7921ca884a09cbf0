#ifndef DUNLIN_TESTS_SIMULATION_WORLD_H_
#define DUNLIN_TESTS_SIMULATION_WORLD_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/event_loop.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/sim_redis.h"
#include "tests/simulation/sim_replica.h"

namespace dunlin {

// World is one simulated fleet with its clients, and the misfortune that befalls it. All of it is drawn from one seed.
//
// The fault model: connections break, each by itself, before or after a call took place; events are lost, repeated and
// held up; replicas are cut off, both ways or from the answers alone, crash at any moment, also between a commit and
// its answers, and come back, after longer than tombstones live too; machines' clocks are wrong by up to ten minutes
// and step, Redis' own among them; the ring is small enough to overflow, and the outbox to be full; Redis stops, comes
// back with everything, with nothing or as it was a while ago, fails over to a lagging replica, is flushed while it
// runs or loses one of its keys, refuses, is slow. Disks keep what was synced: other faults of disks are tested
// elsewhere (tests/README.md).
//
// A world is lived in two parts: `kTrouble` with faults, and then without, until all replicas are equal.
//
// Thread-safety: one thread.
class World {
 public:
  struct Result {
    // What went wrong; empty if nothing did.
    std::string violation;
    // The last things that happened, oldest first; only with tracing.
    std::deque<std::string> trace;
    absl::Duration lived;
    uint64_t acknowledged = 0;
    uint64_t faults = 0;
    // Writes that got another version, that were refused for a full outbox; replicas that were rebuilt; tombstones that
    // were removed from Redis for their age.
    uint64_t restamped = 0;
    uint64_t refused = 0;
    uint64_t rebuilds = 0;
    uint64_t collected = 0;

    // Adds what was counted.
    Result& operator+=(const Result& other);
  };

  World(uint64_t seed, bool tracing);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  // Lives through all of it, or up to the first violation. To be called once.
  Result Live();

 private:
  static constexpr size_t kFaultKinds = 13;

  void Trace(absl::string_view what);
  void TraceState(int number, const StoreState& state);
  // Repeats `what` at random moments, about `period` apart, until the trouble ends.
  void Repeat(absl::Duration period, std::function<void()> what);
  // Undoes a fault after a while.
  void Soon(absl::Duration max, std::function<void()> what);

  // ---- Clients ----

  void DoSomeWrite();
  void Put(SimReplica& replica);
  void Delete(SimReplica& replica);
  void PutWithTtl(SimReplica& replica);
  void WriteBatch(SimReplica& replica);
  void WriteIfAbsent(SimReplica& replica);
  void WriteIfVersion(SimReplica& replica);
  void Write(SimReplica& replica, LocalWrite write);
  // Returns the callback of a write, which tells the oracle.
  WriteCallback Tell(SimReplica& replica, std::vector<Mutation> mutations);
  std::string SomeKey() { return std::string(1, static_cast<char>('a' + dice_.Below(keys_))); }
  std::string NextValue();

  // ---- Faults ----

  void DoSomeFault();
  absl::Duration AbsenceMax(absl::Duration usual) const;
  void CrashReplica();
  void CutOffReplica();
  void StepClock();
  void AddReplica();
  void RestartRedis();
  void FlushRedis();
  void RollRedisBack();
  void FailOver();
  void RefuseForAWhile();
  void SlowDown();
  void LoseData(ModelRedis::Contents contents, bool new_primary);
  // Redis loses nothing while a replica is new, and none is added to an emptied one: what a newcomer does there is told
  // in docs/RELIABILITY.md as a limit.
  bool EverybodyKnowsTheFleet() const;
  // Whether Redis may lose data in this world, now.
  bool MayLoseData() const;

  void EndTrouble();
  bool Settled() const;
  std::string Describe() const;

  SimReplica& SomeReplica() { return *replicas_[dice_.Below(replicas_.size())]; }
  void NewReplica();

  const bool tracing_;
  Dice dice_;
  EventLoop loop_;
  SimRedis redis_;
  Oracle oracle_;
  std::vector<std::unique_ptr<SimReplica>> replicas_;

  bool trouble_ = true;
  uint64_t keys_ = 0;
  uint64_t values_ = 0;
  uint64_t faults_ = 0;
  // By replica.
  std::vector<bool> knows_fleet_;
  size_t ring_slots_ = 0;
  size_t page_changes_max_ = 0;
  absl::Duration disk_max_;
  absl::Duration horizon_;
  uint64_t outbox_quota_bytes_ = 0;
  absl::Duration clock_error_max_;
  uint64_t refused_ = 0;
  // How likely each kind of fault is in this world; not every world knows every fault, so that some get far.
  std::vector<int> fault_weights_;
  ModelRedis::Contents backup_;
  // What a lagging replica of Redis holds.
  std::deque<ModelRedis::Contents> lagging_;
  std::deque<std::string> trace_;
  std::map<int, std::string> traced_states_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_WORLD_H_
