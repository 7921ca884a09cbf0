#ifndef DUNLIN_TESTS_SIMULATION_WORLD_H_
#define DUNLIN_TESTS_SIMULATION_WORLD_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "absl/time/time.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/sim_fleet.h"
#include "tests/simulation/watchers.h"
#include "tests/simulation/world_traits.h"

namespace dunlin {

// World is one simulated fleet with its clients, and the misfortune that befalls it (faults.h). All of it is drawn from
// one seed.
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
    // Changes that power failures have taken back.
    uint64_t lost = 0;
    uint64_t refused = 0;
    uint64_t rebuilds = 0;
    uint64_t collected = 0;
    uint64_t reindexed = 0;
    uint64_t late = 0;
    // Streams that went on at another replica, those of them that were not told the whole state, and events.
    uint64_t moved = 0;
    uint64_t resumed = 0;
    uint64_t events = 0;
    // Reads of what had been written at another replica.
    uint64_t read_elsewhere = 0;

    // Adds what was counted.
    Result& operator+=(const Result& other);
  };

  World(uint64_t seed, bool tracing);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Lives through all of it, or up to the first violation. To be called once.
  Result Live();

 private:
  // Repeats `what` at random moments, about `period` apart, until the trouble ends.
  void Repeat(absl::Duration period, std::function<void()> what);
  std::string CheckRest();
  void CheckWhatStays();
  Result Outcome(const std::string& violation_at_rest);

  Dice dice_;
  const WorldTraits traits_;
  SimFleet fleet_;
  Clients clients_;
  Faults faults_;
  Watchers watchers_;
  bool trouble_ = true;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_WORLD_H_
