#include "server/replica_service.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "server/build_info.h"
#include "server/proto_conversion.h"
#include "server/watcher_list.h"
#include "storage/status_macros.h"
#include "storage/utf8.h"
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

v1::Comparison ToProto(ScrubReport::Comparison comparison) {
  switch (comparison) {
    case ScrubReport::Comparison::kNotMade:
      return v1::COMPARISON_NOT_MADE;
    case ScrubReport::Comparison::kEqual:
      return v1::COMPARISON_EQUAL;
    case ScrubReport::Comparison::kDifferent:
      return v1::COMPARISON_DIFFERENT;
  }
  return v1::COMPARISON_UNSPECIFIED;
}

v1::VerifyResponse VerifyAnswer(const ScrubReport& report) {
  v1::VerifyResponse response;
  response.set_entries_checked(report.entries);
  response.set_tombstones_checked(report.tombstones);
  response.set_changes_checked(report.changes);
  response.set_expiries_checked(report.expiries);
  response.set_leftover_expiries(report.leftover_expiries);
  response.set_damaged_count(report.damaged_count);
  for (const ScrubReport::Damage& damage : report.damaged) {
    v1::DamagedKey* proto = response.add_damaged();
    proto->set_key(ReplaceInvalidUtf8(damage.key));
    proto->set_reason(damage.reason);
  }
  response.set_counts(ToProto(report.counts));
  response.set_digest(ToProto(report.digest));
  response.set_not_compared_reason(report.not_compared_reason);
  response.set_first_revision(report.first_revision);
  response.set_last_revision(report.last_revision);
  return response;
}

}  // namespace

void ReplicaServiceImpl::Serve(CallQueue* queue) {
  ServeUnary<v1::GetStatusRequest, v1::GetStatusResponse>(
      queue, DUNLIN_RPC_METHOD(&service_, GetStatus),
      [this](const v1::GetStatusRequest& get_status, Responder<v1::GetStatusResponse> responder) {
        v1::GetStatusResponse status = MakeStatus();
        const absl::Status listed = ListWatchers(get_status, *watches_, steady_.Now(), &status);
        responder.Finish(listed.ok() ? absl::StatusOr<v1::GetStatusResponse>(std::move(status)) : listed);
      });
  ServeUnary<v1::VerifyRequest, v1::VerifyResponse>(
      queue, DUNLIN_RPC_METHOD(&service_, Verify),
      [this](const v1::VerifyRequest&, Responder<v1::VerifyResponse> responder) { Verify(std::move(responder)); });
}

void ReplicaServiceImpl::Verify(Responder<v1::VerifyResponse> responder) {
  // Both of the request's functions need it.
  const auto shared = std::make_shared<Responder<v1::VerifyResponse>>(std::move(responder));
  ScrubRunner::Request scrub;
  scrub.abandoned = [shared] { return shared->cancelled(); };
  scrub.done = [this, shared, began = steady_.Now()](const absl::StatusOr<ScrubReport>& report) {
    if (!report.ok()) {
      shared->Finish(report.status());
      return;
    }
    v1::VerifyResponse answer = VerifyAnswer(*report);
    answer.set_repair_started(RepairIfDamaged(*report));
    ToProto(steady_.Now() - began, answer.mutable_duration());
    shared->Finish(answer);
  };
  scrubs_.Run(std::move(scrub));
}

bool ReplicaServiceImpl::RepairIfDamaged(const ScrubReport& report) const {
  // Of what is wrong with other rows, the fleet has nothing to tell.
  const bool records_damaged = report.damaged_count > 0 && parts_.store->CountDamaged().value_or(0) > 0;
  if (!records_damaged || parts_.replicator == nullptr || !parts_.store->failure().ok()) {
    return false;
  }
  parts_.replicator->Repair();
  return true;
}

v1::GetStatusResponse ReplicaServiceImpl::MakeStatus() const {
  v1::GetStatusResponse response;
  v1::Status* status = response.mutable_status();
  status->set_replica_id(identity_.replica_id);
  status->set_namespace_(identity_.replication_namespace);
  status->set_version(GetBuildInfo().version);
  status->set_build(DescribeBuild(GetBuildInfo()));
  status->set_watchers(watches_->streams());
  // The loop that tells the gate looks some times a second; a store that has failed shows at once.
  const bool answering = parts_.gate->Check().ok();
  const absl::Status failure = parts_.store->failure();
  status->set_serving(answering && failure.ok());
  status->set_serving_detail(answering && !failure.ok() ? std::string(failure.message()) : parts_.gate->reason());
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
  }
  status->set_damaged_records(parts_.store->CountDamaged().value_or(0));
  absl::Status trouble = parts_.store->failure();
  trouble.Update(used_bytes.status());
  status->set_store_detail(std::string(trouble.message()));
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
