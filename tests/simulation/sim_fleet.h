#ifndef DUNLIN_TESTS_SIMULATION_SIM_FLEET_H_
#define DUNLIN_TESTS_SIMULATION_SIM_FLEET_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/store.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/event_loop.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/sim_redis.h"
#include "tests/simulation/sim_replica.h"
#include "tests/simulation/world_traits.h"

namespace dunlin {

// SimFleet is the replicas of a world and the Redis between them, in their virtual time, watched by the oracle. What is
// done with them and to them is up to Clients and Faults.
//
// Thread-safety: one thread.
class SimFleet {
 public:
  // All replicas are started. `dice` must outlive this object.
  SimFleet(const WorldTraits& traits, Dice* dice, bool tracing);
  SimFleet(const SimFleet&) = delete;
  SimFleet& operator=(const SimFleet&) = delete;
  ~SimFleet();

  EventLoop& loop() { return loop_; }
  SimRedis& redis() { return redis_; }
  Oracle& oracle() { return oracle_; }

  // Called with the number of a replica that is about to crash.
  std::function<void(int number)> on_crash = [](int) {};

  // By number.
  const std::vector<std::unique_ptr<SimReplica>>& replicas() const { return replicas_; }
  SimReplica& SomeReplica() { return *replicas_[dice_->Below(replicas_.size())]; }
  void AddReplica();
  // Whether no replica is new to the fleet.
  bool AllKnowTheFleet() const;

  // Whether all replicas are live and hold what Redis has last given out, and it has all of that.
  bool Settled() const;
  // Tells the oracle that they should, for good.
  void CheckConverged();
  std::string Describe() const;

  // Remembers the last things that happened, with tracing.
  void Trace(absl::string_view what);
  std::deque<std::string> TakeTrace() { return std::move(trace_); }

 private:
  SimReplica::Observer ObserverOf(int number);
  void TraceState(int number, const StoreState& state);

  const WorldTraits traits_;
  Dice* const dice_;
  const bool tracing_;
  EventLoop loop_;
  SimRedis redis_;
  Oracle oracle_;
  std::vector<std::unique_ptr<SimReplica>> replicas_;
  // By replica.
  std::vector<bool> knows_fleet_;
  std::deque<std::string> trace_;
  std::map<int, std::string> traced_states_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_SIM_FLEET_H_
