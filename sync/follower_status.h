#ifndef DUNLIN_SYNC_FOLLOWER_STATUS_H_
#define DUNLIN_SYNC_FOLLOWER_STATUS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace dunlin {

enum class FollowerState { kOffline, kSubscribing, kCatchingUp, kLive };

// How a Follower (follower.h) stands. A plain value.
struct FollowerStatus {
  FollowerState state = FollowerState::kOffline;
  // Why it is not live: OK while it is, and once nothing stands in the way any more.
  absl::Status error;
  uint64_t epoch = 0;
  uint64_t applied_sequence = 0;
  // Every write of the epoch up to here, or what has replaced it, is in the store. Unlike applied_sequence it does
  // not pass a write whose place a later one has taken that is still to be read: it stays while a long catch-up
  // lasts.
  uint64_t whole_sequence = 0;
  // The highest sequence that Redis is known to have given out.
  uint64_t redis_sequence = 0;
  // When the replica last knew itself to have everything.
  absl::Time up_to_date_at;
  uint64_t gaps_repaired = 0;
  uint64_t damaged_records = 0;
  // Records of one version and different contents: two stores issue versions under one id.
  uint64_t version_conflicts = 0;
  // How often a rebuild has begun: what the fleet has deleted before may never have come here.
  uint64_t rebuilds_begun = 0;
  // How often the store was rebuilt after too long an absence, and tombstones that this replica removed from Redis.
  uint64_t rebuilds = 0;
  uint64_t tombstones_collected = 0;
  // Records in Redis that its index has lost and that cannot be given back to it: they are damaged.
  uint64_t unindexable = 0;
  // Another run goes on under this store's id: somebody has copied the data directory.
  bool has_rival = false;
  // The policy by which Redis may throw away what the fleet keeps there; empty while it does not.
  std::string eviction_policy;
  // How often the barrier has opened.
  uint64_t generation = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_FOLLOWER_STATUS_H_
