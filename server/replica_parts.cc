#include "server/replica_parts.h"

#include "server/proto_conversion.h"

namespace dunlin {

absl::Duration StalenessOf(const ReplicaParts& parts) {
  return parts.replicator == nullptr ? absl::ZeroDuration() : parts.replicator->status().staleness;
}

void FillLag(const ReplicaParts& parts, v1::Lag* lag) {
  if (parts.replicator == nullptr) {
    lag->set_connected(true);
    ToProto(absl::ZeroDuration(), lag->mutable_duration());
    return;
  }
  const Replicator::Status status = parts.replicator->status();
  lag->set_sequences(status.follower.redis_sequence - status.follower.applied_sequence);
  lag->set_connected(status.follower.state == Follower::State::kLive);
  ToProto(status.staleness, lag->mutable_duration());
}

}  // namespace dunlin
