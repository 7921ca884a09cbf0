#include "client/cli/json_output.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/cli/argument_parsers.h"
#include "client/cli/names.h"
#include "nlohmann/json.hpp"
#include "storage/utf8.h"

namespace dunlin::client::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string ToLine(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

Json ToJson(const Entry& entry, Values values) {
  Json json;
  json["key"] = entry.key;
  if (values == Values::kShow) {
    json["value"] = absl::Base64Escape(entry.value);
    if (IsValidUtf8(entry.value)) {
      json["text"] = entry.value;
    }
  }
  json["version"] = FormatVersion(entry.version);
  json["revision"] = entry.revision;
  if (entry.expire_time.has_value()) {
    json["expire_time"] = absl::FormatTime(absl::RFC3339_full, *entry.expire_time, absl::UTCTimeZone());
  }
  return json;
}

Json ToJson(const Lag& lag) {
  Json json;
  json["sequences"] = lag.sequences;
  json["duration"] = absl::ToDoubleSeconds(lag.duration);
  json["connected"] = lag.connected;
  return json;
}

Json ToJson(const RingStatus& ring) {
  return {{"capacity", ring.capacity}, {"used", ring.used}, {"overflows", ring.overflows}};
}

Json ToJson(const WriteResult& result) {
  Json json;
  json["version"] = FormatVersion(result.version);
  json["revision"] = result.revision;
  json["token"] = absl::Base64Escape(result.token);
  return json;
}

void AddEnd(const std::optional<MessageEnd>& end, Json* json) {
  if (!end.has_value()) {
    return;
  }
  if (!end->token.empty()) {
    (*json)["token"] = absl::Base64Escape(end->token);
  }
  (*json)["lag"] = ToJson(end->lag);
}

}  // namespace

std::string JsonLine(const Entry& entry, Values values) { return ToLine(ToJson(entry, values)); }

std::string JsonLine(const GetResult& result) {
  Json json = ToJson(result.entry, Values::kShow);
  json["lag"] = ToJson(result.lag);
  return ToLine(json);
}

std::string JsonLine(const WriteResult& result) { return ToLine(ToJson(result)); }

std::string JsonLine(const DeleteResult& result) {
  Json json = ToJson(result);
  json["existed"] = result.existed;
  return ToLine(json);
}

std::string JsonLine(const WatcherStatus& watcher) {
  Json json;
  json["id"] = watcher.id;
  json["peer"] = watcher.peer;
  json["keys"] = watcher.keys;
  json["prefixes"] = watcher.prefixes;
  json["selectors_count"] = watcher.selectors_count;
  json["state"] = std::string(NameOf(watcher.state));
  json["revision"] = watcher.revision;
  json["queued_events"] = watcher.queued_events;
  json["queued_bytes"] = watcher.queued_bytes;
  json["lag"] = absl::ToDoubleSeconds(watcher.lag);
  json["age"] = absl::ToDoubleSeconds(watcher.age);
  return ToLine(json);
}

std::string JsonLine(const WatchEvent& event, const std::optional<MessageEnd>& end) {
  Json json;
  json["type"] = std::string(NameOf(event.type));
  json.update(ToJson(event.entry, event.type == EventType::kPut ? Values::kShow : Values::kLeaveOut));
  if (event.previous.has_value()) {
    json["previous"] = ToJson(*event.previous, Values::kShow);
  }
  if (event.previous_unknown) {
    json["previous_unknown"] = true;
  }
  AddEnd(end, &json);
  return ToLine(json);
}

std::string JsonLine(WatchMarker marker, const std::optional<MessageEnd>& end) {
  Json json;
  json["marker"] = std::string(NameOf(marker));
  AddEnd(end, &json);
  return ToLine(json);
}

std::string DamagedJsonLine(absl::string_view key, const std::optional<MessageEnd>& end) {
  Json json;
  json["type"] = "damaged";
  json["key"] = std::string(key);
  AddEnd(end, &json);
  return ToLine(json);
}

std::string JsonLine(const ReplicaStatus& status) {
  Json json;
  json["replica_id"] = status.replica_id;
  json["store_id"] = absl::StrFormat("%016x", status.store_id);
  json["namespace"] = status.namespace_name;
  json["serving"] = status.serving;
  json["serving_detail"] = status.serving_detail;
  json["sync_state"] = std::string(NameOf(status.sync_state));
  json["sync_detail"] = status.sync_detail;
  json["epoch"] = status.epoch;
  json["applied_sequence"] = status.applied_sequence;
  json["redis_sequence"] = status.redis_sequence;
  json["lag"] = ToJson(status.lag);
  json["outbox_depth"] = status.outbox_depth;
  json["outbox_age"] = absl::ToDoubleSeconds(status.outbox_age);
  json["outbox_bytes"] = status.outbox_bytes;
  json["revision"] = status.revision;
  json["entries"] = status.entries;
  json["tombstones"] = status.tombstones;
  json["database_bytes"] = status.database_bytes;
  json["damaged_records"] = status.damaged_records;
  json["store_detail"] = status.store_detail;
  json["ring"] = ToJson(status.ring);
  json["gaps_repaired"] = status.gaps_repaired;
  json["writes_superseded"] = status.writes_superseded;
  json["duplicate_identity"] = status.duplicate_identity;
  json["version_conflicts"] = status.version_conflicts;
  json["rebuilds"] = status.rebuilds;
  json["tombstones_collected"] = status.tombstones_collected;
  json["watchers"] = status.watchers;
  json["digest"] = absl::BytesToHexString(status.digest);
  json["barrier_generation"] = status.barrier_generation;
  json["uptime"] = absl::ToDoubleSeconds(status.uptime);
  json["version"] = status.version;
  json["build"] = status.build;
  return ToLine(json);
}

std::string JsonLine(const VerifyResult& result) {
  Json json;
  json["entries_checked"] = result.entries_checked;
  json["tombstones_checked"] = result.tombstones_checked;
  json["changes_checked"] = result.changes_checked;
  json["expiries_checked"] = result.expiries_checked;
  json["leftover_expiries"] = result.leftover_expiries;
  json["damaged_count"] = result.damaged_count;
  json["damaged"] = Json::array();
  for (const DamagedKey& damaged : result.damaged) {
    json["damaged"].push_back({{"key", damaged.key}, {"reason", damaged.reason}});
  }
  json["counts"] = std::string(NameOf(result.counts));
  json["digest"] = std::string(NameOf(result.digest));
  json["not_compared_reason"] = result.not_compared_reason;
  json["first_revision"] = result.first_revision;
  json["last_revision"] = result.last_revision;
  json["duration"] = absl::ToDoubleSeconds(result.duration);
  json["repair_started"] = result.repair_started;
  return ToLine(json);
}

}  // namespace dunlin::client::cli
