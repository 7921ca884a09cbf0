#include "client/proto_conversion.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <variant>

#include "absl/time/time.h"

namespace dunlin::client {
namespace {

// The range of google.protobuf.Duration: about 10,000 years either way.
constexpr absl::Duration kProtoDurationMax = absl::Seconds(315'576'000'000);

google::protobuf::Duration ToProto(absl::Duration duration) {
  absl::Duration rest = std::clamp(duration, -kProtoDurationMax, kProtoDurationMax);
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return proto;
}

v1::Ack ToProto(Ack ack) { return ack == Ack::kMirrored ? v1::ACK_MIRRORED : v1::ACK_LOCAL; }

v1::Version ToProto(const Version& version) {
  v1::Version proto;
  proto.set_time(version.time);
  proto.set_origin(version.origin);
  return proto;
}

template <typename Request>
void SetPrecondition(const Precondition& precondition, Request* request) {
  if (std::holds_alternative<IfAbsent>(precondition)) {
    request->mutable_precondition()->set_if_absent(true);
  } else if (const auto* condition = std::get_if<IfVersion>(&precondition)) {
    *request->mutable_precondition()->mutable_if_version() = ToProto(condition->version);
  }
}

v1::Write ToProto(const Write& write) {
  v1::Write proto;
  if (const auto* put = std::get_if<BatchPut>(&write)) {
    proto.mutable_put()->set_key(put->key);
    proto.mutable_put()->set_value(put->value);
    if (put->ttl.has_value()) {
      *proto.mutable_put()->mutable_ttl() = ToProto(*put->ttl);
    }
  } else {
    proto.mutable_delete_()->set_key(std::get<BatchDelete>(write).key);
  }
  return proto;
}

absl::Duration FromProto(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

absl::Time FromProto(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

Version FromProto(const v1::Version& proto) { return Version{proto.time(), proto.origin()}; }

Lag FromProto(const v1::Lag& proto) { return Lag{proto.sequences(), FromProto(proto.duration()), proto.connected()}; }

Entry FromProto(v1::Entry proto) {
  Entry entry;
  entry.key = std::move(*proto.mutable_key());
  entry.value = std::move(*proto.mutable_value());
  entry.version = FromProto(proto.version());
  entry.revision = proto.revision();
  if (proto.has_expire_time()) {
    entry.expire_time = FromProto(proto.expire_time());
  }
  return entry;
}

template <typename Response>
std::vector<Entry> TakeEntries(Response* response) {
  std::vector<Entry> entries;
  entries.reserve(response->entries_size());
  for (v1::Entry& entry : *response->mutable_entries()) {
    entries.push_back(FromProto(std::move(entry)));
  }
  return entries;
}

template <typename Response>
std::vector<std::string> TakeDamagedKeys(Response* response) {
  std::vector<std::string> keys;
  for (std::string& key : *response->mutable_damaged_keys()) {
    keys.push_back(std::move(key));
  }
  return keys;
}

template <typename Response>
WriteResult TakeWriteResult(Response* response) {
  return WriteResult{FromProto(response->version()), response->revision(), std::move(*response->mutable_token())};
}

EventType FromProto(v1::Event::Type type) {
  switch (type) {
    case v1::Event::TYPE_PUT:
      return EventType::kPut;
    case v1::Event::TYPE_DELETE:
      return EventType::kDelete;
    case v1::Event::TYPE_EXPIRE:
      return EventType::kExpire;
    default:
      return EventType::kUnknown;
  }
}

WatcherState FromProto(v1::WatcherStatus::State state) {
  switch (state) {
    case v1::WatcherStatus::STATE_SNAPSHOT:
      return WatcherState::kSnapshot;
    case v1::WatcherStatus::STATE_REPLAY:
      return WatcherState::kReplay;
    case v1::WatcherStatus::STATE_LIVE:
      return WatcherState::kLive;
    case v1::WatcherStatus::STATE_WAITING:
      return WatcherState::kWaiting;
    default:
      return WatcherState::kUnknown;
  }
}

WatchMarker FromProto(v1::Marker marker) {
  switch (marker) {
    case v1::MARKER_UNSPECIFIED:
      return WatchMarker::kNone;
    case v1::MARKER_RESET:
      return WatchMarker::kReset;
    case v1::MARKER_SYNCED:
      return WatchMarker::kSynced;
    case v1::MARKER_HEARTBEAT:
      return WatchMarker::kHeartbeat;
    case v1::MARKER_GAP:
      return WatchMarker::kGap;
    default:
      return WatchMarker::kUnknown;
  }
}

SyncState FromProto(v1::SyncState state) {
  switch (state) {
    case v1::SYNC_STATE_STANDALONE:
      return SyncState::kStandalone;
    case v1::SYNC_STATE_OFFLINE:
      return SyncState::kOffline;
    case v1::SYNC_STATE_SUBSCRIBING:
      return SyncState::kSubscribing;
    case v1::SYNC_STATE_CATCHING_UP:
      return SyncState::kCatchingUp;
    case v1::SYNC_STATE_LIVE:
      return SyncState::kLive;
    default:
      return SyncState::kUnknown;
  }
}

Comparison FromProto(v1::Comparison comparison) {
  switch (comparison) {
    case v1::COMPARISON_NOT_MADE:
      return Comparison::kNotMade;
    case v1::COMPARISON_EQUAL:
      return Comparison::kEqual;
    case v1::COMPARISON_DIFFERENT:
      return Comparison::kDifferent;
    default:
      return Comparison::kUnknown;
  }
}

}  // namespace

v1::PutRequest ToProto(absl::string_view key, absl::string_view value, const PutOptions& options) {
  v1::PutRequest request;
  request.set_key(key.data(), key.size());
  request.set_value(value.data(), value.size());
  if (options.ttl.has_value()) {
    *request.mutable_ttl() = ToProto(*options.ttl);
  }
  SetPrecondition(options.precondition, &request);
  request.set_ack(ToProto(options.ack));
  return request;
}

v1::DeleteRequest ToProto(absl::string_view key, const DeleteOptions& options) {
  v1::DeleteRequest request;
  request.set_key(key.data(), key.size());
  SetPrecondition(options.precondition, &request);
  request.set_ack(ToProto(options.ack));
  return request;
}

v1::BatchWriteRequest ToProto(const std::vector<Write>& writes, const BatchWriteOptions& options) {
  v1::BatchWriteRequest request;
  for (const Write& write : writes) {
    *request.add_writes() = ToProto(write);
  }
  request.set_ack(ToProto(options.ack));
  return request;
}

template <typename Request>
void SetReadOptions(const ReadOptions& options, Request* request) {
  if (options.max_staleness.has_value()) {
    *request->mutable_max_staleness() = ToProto(*options.max_staleness);
  }
  request->set_at_least(options.at_least);
  request->set_return_token(options.return_token);
}

template void SetReadOptions(const ReadOptions& options, v1::GetRequest* request);
template void SetReadOptions(const ReadOptions& options, v1::BatchGetRequest* request);
template void SetReadOptions(const ReadOptions& options, v1::ListRequest* request);

v1::ListRequest ToProto(const ListOptions& options) {
  v1::ListRequest request;
  SetReadOptions(options, &request);
  request.set_prefix(options.prefix);
  request.set_page_size(options.page_size);
  request.set_page_token(options.page_token);
  request.set_keys_only(options.keys_only);
  return request;
}

v1::WatchRequest ToProto(const WatchOptions& options) {
  v1::WatchRequest request;
  // A replica that does not know `keys` and `prefixes` yet would take them for none, and tell everything.
  if (options.keys.size() == 1 && options.prefixes.empty()) {
    request.set_key(options.keys[0]);
  } else if (options.keys.empty() && options.prefixes.size() == 1) {
    request.set_prefix(options.prefixes[0]);
  } else {
    *request.mutable_keys() = {options.keys.begin(), options.keys.end()};
    *request.mutable_prefixes() = {options.prefixes.begin(), options.prefixes.end()};
  }
  request.set_initial_state(options.initial_state);
  request.set_resume_token(options.resume_token);
  request.set_no_puts(options.no_puts);
  request.set_no_deletes(options.no_deletes);
  request.set_keys_only(options.keys_only);
  if (options.progress_interval < absl::InfiniteDuration()) {
    *request.mutable_progress_interval() = ToProto(options.progress_interval);
  }
  request.set_every_change(options.every_change);
  request.set_previous(options.previous);
  if (options.max_lag < absl::InfiniteDuration()) {
    *request.mutable_max_lag() = ToProto(options.max_lag);
  }
  return request;
}

v1::GetStatusRequest ToProto(const ListWatchersOptions& options) {
  v1::GetStatusRequest request;
  request.set_watchers_page_size(options.page_size);
  request.set_watchers_page_token(options.page_token);
  return request;
}

GetResult FromProto(v1::GetResponse response) {
  return GetResult{FromProto(std::move(*response.mutable_entry())), FromProto(response.lag()),
                   std::move(*response.mutable_token())};
}

WriteResult FromProto(v1::PutResponse response) { return TakeWriteResult(&response); }

DeleteResult FromProto(v1::DeleteResponse response) {
  return DeleteResult{TakeWriteResult(&response), response.existed()};
}

BatchGetResult FromProto(v1::BatchGetResponse response) {
  return BatchGetResult{TakeEntries(&response), FromProto(response.lag()), std::move(*response.mutable_token())};
}

BatchWriteResult FromProto(v1::BatchWriteResponse response) {
  BatchWriteResult result;
  for (const v1::Version& version : response.versions()) {
    result.versions.push_back(FromProto(version));
  }
  result.revisions.assign(response.revisions().begin(), response.revisions().end());
  result.token = std::move(*response.mutable_token());
  return result;
}

ListPage FromProto(v1::ListResponse response) {
  return ListPage{TakeEntries(&response), std::move(*response.mutable_next_page_token()), FromProto(response.lag()),
                  TakeDamagedKeys(&response), std::move(*response.mutable_token())};
}

WatchMessage FromProto(v1::WatchResponse response) {
  WatchMessage message;
  message.events.reserve(response.events_size());
  for (v1::Event& event : *response.mutable_events()) {
    WatchEvent& taken = message.events.emplace_back();
    taken.type = FromProto(event.type());
    taken.entry = FromProto(std::move(*event.mutable_entry()));
    if (event.has_previous()) {
      taken.previous = FromProto(std::move(*event.mutable_previous()));
    }
    taken.previous_unknown = event.previous_unknown();
  }
  message.marker = FromProto(response.marker());
  message.token = std::move(*response.mutable_token());
  message.lag = FromProto(response.lag());
  message.damaged_keys = TakeDamagedKeys(&response);
  return message;
}

WatcherStatus FromProto(v1::WatcherStatus proto) {
  WatcherStatus watcher;
  watcher.id = proto.id();
  watcher.peer = std::move(*proto.mutable_peer());
  watcher.keys = {proto.keys().begin(), proto.keys().end()};
  watcher.prefixes = {proto.prefixes().begin(), proto.prefixes().end()};
  watcher.selectors_count = proto.selectors_count();
  watcher.state = FromProto(proto.state());
  watcher.revision = proto.revision();
  watcher.queued_events = proto.queued_events();
  watcher.queued_bytes = proto.queued_bytes();
  watcher.lag = FromProto(proto.lag());
  watcher.age = FromProto(proto.age());
  return watcher;
}

WatchersPage TakeWatchersPage(v1::GetStatusResponse response) {
  WatchersPage page;
  for (v1::WatcherStatus& watcher : *response.mutable_watchers()) {
    page.watchers.push_back(FromProto(std::move(watcher)));
  }
  page.next_page_token = std::move(*response.mutable_next_watchers_page_token());
  return page;
}

ReplicaStatus FromProto(v1::Status proto) {
  ReplicaStatus status;
  status.replica_id = std::move(*proto.mutable_replica_id());
  status.store_id = proto.store_id();
  status.namespace_name = std::move(*proto.mutable_namespace_());
  status.sync_state = FromProto(proto.sync_state());
  status.sync_detail = std::move(*proto.mutable_sync_detail());
  status.epoch = std::move(*proto.mutable_epoch());
  status.applied_sequence = proto.applied_sequence();
  status.redis_sequence = proto.redis_sequence();
  status.lag = FromProto(proto.lag());
  status.outbox_depth = proto.outbox_depth();
  status.outbox_age = FromProto(proto.outbox_age());
  status.revision = proto.revision();
  status.entries = proto.entries();
  status.tombstones = proto.tombstones();
  status.database_bytes = proto.database_bytes();
  status.ring = RingStatus{proto.ring().capacity(), proto.ring().used(), proto.ring().overflows()};
  status.gaps_repaired = proto.gaps_repaired();
  status.writes_superseded = proto.writes_superseded();
  status.watchers = proto.watchers();
  status.digest = std::move(*proto.mutable_digest());
  status.version = std::move(*proto.mutable_version());
  status.build = std::move(*proto.mutable_build());
  status.serving = proto.serving();
  status.serving_detail = std::move(*proto.mutable_serving_detail());
  status.barrier_generation = proto.barrier_generation();
  status.uptime = FromProto(proto.uptime());
  status.store_detail = std::move(*proto.mutable_store_detail());
  status.damaged_records = proto.damaged_records();
  status.duplicate_identity = proto.duplicate_identity();
  status.version_conflicts = proto.version_conflicts();
  status.rebuilds = proto.rebuilds();
  status.tombstones_collected = proto.tombstones_collected();
  status.outbox_bytes = proto.outbox_bytes();
  return status;
}

VerifyResult FromProto(v1::VerifyResponse response) {
  VerifyResult result;
  result.entries_checked = response.entries_checked();
  result.tombstones_checked = response.tombstones_checked();
  result.changes_checked = response.changes_checked();
  result.expiries_checked = response.expiries_checked();
  result.leftover_expiries = response.leftover_expiries();
  result.damaged_count = response.damaged_count();
  for (v1::DamagedKey& damaged : *response.mutable_damaged()) {
    result.damaged.push_back({std::move(*damaged.mutable_key()), std::move(*damaged.mutable_reason())});
  }
  result.counts = FromProto(response.counts());
  result.digest = FromProto(response.digest());
  result.not_compared_reason = std::move(*response.mutable_not_compared_reason());
  result.first_revision = response.first_revision();
  result.last_revision = response.last_revision();
  result.duration = FromProto(response.duration());
  result.repair_started = response.repair_started();
  return result;
}

}  // namespace dunlin::client
