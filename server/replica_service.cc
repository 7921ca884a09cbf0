#include "server/replica_service.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "server/build_info.h"
#include "server/proto_conversion.h"
#include "server/unary_method.h"
#include "storage/status_macros.h"
#include "storage/version.h"
#include "sync/epoch.h"
#include "sync/redis_error.h"

namespace dunlin {
namespace {

v1::SyncState ToProto(Follower::State state) {
  switch (state) {
    case Follower::State::kOffline:
      return v1::SYNC_STATE_OFFLINE;
    case Follower::State::kSubscribing:
      return v1::SYNC_STATE_SUBSCRIBING;
    case Follower::State::kCatchingUp:
      return v1::SYNC_STATE_CATCHING_UP;
    case Follower::State::kLive:
      return v1::SYNC_STATE_LIVE;
  }
  return v1::SYNC_STATE_UNSPECIFIED;
}

}  // namespace

grpc::ServerUnaryReactor* ReplicaServiceImpl::GetStatus(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  return HandleUnary<v1::GetStatusRequest, v1::GetStatusResponse>(
      context, *request, response, [this](const v1::GetStatusRequest&, Responder<v1::GetStatusResponse> responder) {
        responder.Finish(MakeStatus());
      });
}

v1::GetStatusResponse ReplicaServiceImpl::MakeStatus() const {
  v1::GetStatusResponse response;
  v1::Status* status = response.mutable_status();
  status->set_replica_id(identity_.replica_id);
  status->set_namespace_(identity_.replication_namespace);
  status->set_version(GetBuildInfo().version);
  status->set_build(DescribeBuild(GetBuildInfo()));
  status->set_watchers(watches_->streams());
  status->set_serving(parts_.gate->Check().ok());
  status->set_serving_detail(parts_.gate->reason());
  ToProto(steady_.Now() - started_at_, status->mutable_uptime());
  FillStore(status);
  FillReplication(status);
  FillLag(parts_, status->mutable_lag());
  return response;
}

void ReplicaServiceImpl::FillStore(v1::Status* status) const {
  // A store in trouble is what operators come here for: what it does not tell is left out.
  const absl::StatusOr<uint64_t> used_bytes = parts_.store->UsedBytes();
  if (used_bytes.ok()) {
    status->set_database_bytes(*used_bytes);
  } else {
    status->set_store_detail(std::string(used_bytes.status().message()));
  }
  status->set_damaged_records(parts_.store->CountDamaged().value_or(0));
  const StoreState state = parts_.store->state();
  status->set_store_id(parts_.store->store_id());
  status->set_epoch(state.epoch == 0 ? "" : FormatEpoch(state.epoch));
  status->set_applied_sequence(state.applied_sequence);
  status->set_revision(state.revision);
  status->set_entries(state.entries);
  status->set_tombstones(state.tombstones);
  status->set_digest(state.digest.Encode());
  status->set_writes_superseded(state.writes_superseded);
  // Without Redis there is nowhere to send anything.
  if (parts_.replicator != nullptr) {
    status->set_outbox_depth(state.outbox_depth);
    status->set_outbox_bytes(state.unsent_bytes);
    if (const absl::StatusOr<absl::Duration> age = OutboxAge(); age.ok()) {
      ToProto(*age, status->mutable_outbox_age());
    }
  }
}

absl::StatusOr<absl::Duration> ReplicaServiceImpl::OutboxAge() const {
  DUNLIN_ASSIGN_OR_RETURN(const absl::optional<Version> oldest, parts_.store->OldestNeverSent());
  if (!oldest.has_value()) {
    return absl::ZeroDuration();
  }
  // Versions are issued by the fleet's clock, which may be far from this machine's.
  const absl::Time written = absl::FromUnixMillis(static_cast<int64_t>(VersionTimeToUnixMillis(oldest->time)));
  return std::max(absl::ZeroDuration(), parts_.clock->Now() - written);
}

void ReplicaServiceImpl::FillReplication(v1::Status* status) const {
  if (parts_.replicator == nullptr) {
    status->set_sync_state(v1::SYNC_STATE_STANDALONE);
    return;
  }
  const Replicator::Status replication = parts_.replicator->status();
  status->set_sync_state(ToProto(replication.follower.state));
  if (replication.follower.state != Follower::State::kLive) {
    status->set_sync_detail(std::string(replication.follower.error.message()));
  } else if (!replication.mirror_error.ok()) {
    status->set_sync_detail(absl::StrCat("own writes do not get to Redis: ", replication.mirror_error.message()));
  } else if (!replication.follower.eviction_policy.empty()) {
    status->set_sync_detail(EvictionWarning(replication.follower.eviction_policy));
  }
  status->set_redis_sequence(replication.follower.redis_sequence);
  status->set_gaps_repaired(replication.follower.gaps_repaired);
  status->set_barrier_generation(replication.follower.generation);
  status->set_duplicate_identity(replication.follower.has_rival);
  status->set_version_conflicts(replication.follower.version_conflicts);
  status->set_rebuilds(replication.follower.rebuilds);
  status->set_tombstones_collected(replication.follower.tombstones_collected);
  v1::RingStatus* ring = status->mutable_ring();
  ring->set_capacity(replication.ring_capacity);
  ring->set_used(replication.ring_used.slots);
  ring->set_overflows(replication.ring_overflows);
}

}  // namespace dunlin
