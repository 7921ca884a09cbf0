#ifndef DUNLIN_TESTS_SIMULATION_WORLD_TRAITS_H_
#define DUNLIN_TESTS_SIMULATION_WORLD_TRAITS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "storage/limits.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/sim_redis.h"

namespace dunlin {

// WorldTraits is what a world is like: how large things are in it, and how far its faults go. It is drawn as a whole,
// before anything else, so that no part of a world has to know what another one drew.
//
// Thread-safety: a plain value.
struct WorldTraits {
  // Of Faults (faults.h).
  static constexpr size_t kFaultKinds = 13;

  static WorldTraits Draw(Dice* dice);

  // Whether replicas are away for longer than tombstones live.
  bool TombstonesAreShortLived() const { return tombstone_horizon != kTombstoneHorizonDefault; }

  uint64_t keys = 0;
  size_t ring_slots = 0;
  size_t page_changes_max = 0;
  absl::Duration tombstone_horizon;
  uint64_t outbox_quota_bytes = 0;
  absl::Duration clock_error_max;
  absl::Duration disk_max;
  SimRedis::Weather weather;
  // How likely each kind of fault is; not every world knows every fault, so that some get far.
  std::vector<int> fault_weights;
  size_t replicas = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_WORLD_TRAITS_H_
