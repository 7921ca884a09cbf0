#ifndef DUNLIN_TESTS_SIMULATION_FAULTS_H_
#define DUNLIN_TESTS_SIMULATION_FAULTS_H_

#include <cstdint>
#include <deque>
#include <functional>

#include "absl/time/time.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/model_redis.h"
#include "tests/simulation/sim_fleet.h"
#include "tests/simulation/world_traits.h"

namespace dunlin {

// Faults befall a fleet, and end.
//
// The fault model: connections break, each by itself, before or after a call took place; events are lost, repeated and
// held up; replicas are cut off, both ways or from the answers alone, crash at any moment, also between a commit and
// its answers, half of the times by a power failure, and come back, after longer than tombstones live too; machines'
// clocks are wrong by up to ten minutes and step, Redis' own among them; the ring is small enough to overflow, and the
// outbox to be full; Redis stops, comes back with everything, with nothing or as it was a while ago, fails over to a
// lagging replica, is flushed while it runs or loses one of its keys, refuses, is slow. Disks keep what was synced:
// other faults of disks are tested elsewhere (tests/README.md).
//
// Thread-safety: one thread.
class Faults {
 public:
  // `dice` and `fleet` must outlive this object.
  Faults(const WorldTraits& traits, Dice* dice, SimFleet* fleet) : traits_(traits), dice_(dice), fleet_(fleet) {}
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  void DoSomeFault();

  // Keeps what Redis holds: its own replicas lag behind that, and some of it becomes the backup.
  void SaveRedis();

  // Undoes all faults.
  // REQUIRES: no other call after it.
  void End();

  // How many there were.
  uint64_t count() const { return count_; }

 private:
  // Undoes a fault after a while.
  void Soon(absl::Duration max, std::function<void()> what);
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
  // Whether Redis may lose data in this world, now.
  bool MayLoseData() const;

  const WorldTraits traits_;
  Dice* const dice_;
  SimFleet* const fleet_;
  bool over_ = false;
  uint64_t count_ = 0;
  ModelRedis::Contents backup_;
  // What lagging replicas of Redis hold.
  std::deque<ModelRedis::Contents> lagging_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_FAULTS_H_
