#ifndef DUNLIN_TESTS_SIMULATION_CLIENTS_H_
#define DUNLIN_TESTS_SIMULATION_CLIENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "storage/write.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/sim_fleet.h"
#include "tests/simulation/sim_replica.h"
#include "tests/simulation/world_traits.h"

namespace dunlin {

// Clients write to the replicas of a fleet, and tell its oracle what they were told.
//
// Thread-safety: one thread.
class Clients {
 public:
  // `dice` and `fleet` must outlive this object.
  Clients(const WorldTraits& traits, Dice* dice, SimFleet* fleet) : keys_(traits.keys), dice_(dice), fleet_(fleet) {}
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  void DoSomeWrite();

  // Reads at another replica of what had just been written that were answered.
  uint64_t read_elsewhere() const { return read_elsewhere_; }
  // Writes that were refused for a full outbox.
  uint64_t refused() const { return refused_; }

 private:
  void Put(SimReplica& replica);
  void Delete(SimReplica& replica);
  void PutWithTtl(SimReplica& replica);
  void WriteBatches(SimReplica& replica);
  void WriteBatch(SimReplica& replica, const std::string& group);
  void WriteIfAbsent(SimReplica& replica);
  void WriteIfVersion(SimReplica& replica);
  void Write(SimReplica& replica, LocalWrite write);
  // Asks another replica for what `result` tells of.
  void ReadElsewhere(const SimReplica& writer, const std::vector<Mutation>& mutations, const WriteResult& result);
  // Returns the callback of a write, which tells the oracle.
  WriteCallback Tell(SimReplica& replica, std::vector<Mutation> mutations);
  std::string SomeKey() { return std::string(1, static_cast<char>('a' + dice_->Below(keys_))); }
  std::string NextValue();

  const uint64_t keys_;
  Dice* const dice_;
  SimFleet* const fleet_;
  uint64_t values_ = 0;
  uint64_t refused_ = 0;
  uint64_t read_elsewhere_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_CLIENTS_H_
