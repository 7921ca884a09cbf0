#ifndef DUNLIN_SERVER_REPLICA_PARTS_H_
#define DUNLIN_SERVER_REPLICA_PARTS_H_

#include <cstddef>

#include "absl/time/time.h"
#include "dunlin/v1/kv.pb.h"
#include "server/serving_gate.h"
#include "storage/change_feed.h"
#include "storage/committer.h"
#include "storage/hybrid_clock.h"
#include "storage/limits.h"
#include "storage/store.h"
#include "sync/replicator.h"

namespace dunlin {

// What the services stand on. A plain value of borrowed pointers: main() owns the parts and outlives the services.
struct ReplicaParts {
  Store* store = nullptr;
  Committer* committer = nullptr;
  ChangeFeed* feed = nullptr;
  // The fleet's time.
  const HybridClock* clock = nullptr;
  // Null: stand-alone.
  Replicator* replicator = nullptr;
  const ServingGate* gate = nullptr;
  size_t value_size_max_bytes = kValueSizeMaxBytesDefault;
};

// For how long the replica has not known itself to be up to date; zero while it is, to within two heartbeats.
absl::Duration StalenessOf(const ReplicaParts& parts);

// How far the replica is behind Redis.
void FillLag(const ReplicaParts& parts, v1::Lag* lag);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_REPLICA_PARTS_H_
