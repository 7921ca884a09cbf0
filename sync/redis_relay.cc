#include "sync/redis_relay.h"

#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/big_endian.h"
#include "storage/status_macros.h"
#include "sync/redis_error.h"
#include "sync/relay_replies.h"

namespace dunlin {
namespace {

constexpr ScriptId kAllScripts[] = {
    ScriptId::kMirror,  ScriptId::kConditional, ScriptId::kChanges, ScriptId::kPosition, ScriptId::kStartEpoch,
    ScriptId::kRecords, ScriptId::kMissing,     ScriptId::kCollect, ScriptId::kReindex,  ScriptId::kDelivered};

// No version is that far ahead: a century.
constexpr absl::Duration kAnyClockDrift = absl::Hours(24 * 36500);

// In Redis no epoch is an empty text.
std::string EpochText(uint64_t epoch) { return epoch == kNoEpoch ? "" : FormatEpoch(epoch); }

}  // namespace

// The arguments that the scripts share which write records, in their order (sync/scripts/write.lua).
struct RedisRelay::WriteArguments {
  WriteArguments(const Options& options, uint64_t epoch, uint64_t origin, absl::Duration clock_drift_max,
                 absl::Time not_after)
      : channel(options.names.channel),
        epoch(FormatEpoch(epoch)),
        origin(EncodeBigEndian64(origin)),
        clock_drift_max_ms(absl::StrCat(absl::ToInt64Milliseconds(clock_drift_max))),
        inline_value_max_bytes(absl::StrCat(options.inline_value_max_bytes)),
        not_after_ms(absl::StrCat(absl::ToUnixMillis(not_after))) {}

  std::vector<absl::string_view> Views() const {
    return {channel, epoch, origin, clock_drift_max_ms, inline_value_max_bytes, not_after_ms};
  }

  const std::string& channel;
  const std::string epoch;
  const std::string origin;
  const std::string clock_drift_max_ms;
  const std::string inline_value_max_bytes;
  const std::string not_after_ms;
};

// Those of mirror.lua.
struct RedisRelay::MirrorArguments {
  MirrorArguments(const Options& options, absl::Duration clock_drift_max, const MirrorBatch& batch)
      : shared(options, batch.epoch, batch.origin, clock_drift_max, batch.not_after),
        own{FormatEpoch(batch.origin), absl::StrCat(batch.covered_revision), absl::StrCat(batch.covered_before),
            batch.is_whole ? "1" : "0"},
        items(batch.items) {}

  std::vector<absl::string_view> Views() const {
    std::vector<absl::string_view> arguments = shared.Views();
    arguments.insert(arguments.end(), std::begin(own), std::end(own));
    for (const KeyedRecord& item : items) {
      arguments.push_back(item.key);
      arguments.push_back(item.record);
    }
    return arguments;
  }

  const WriteArguments shared;
  const std::string own[4];
  const std::vector<KeyedRecord>& items;
};

RedisRelay::RedisRelay(Options options)
    : options_(std::move(options)),
      finder_(options_.finder != nullptr ? options_.finder : std::make_shared<PrimaryFinder>(options_.endpoint)) {}

absl::Time RedisRelay::Deadline() const { return absl::Now() + options_.timeout; }

std::string RedisRelay::Where(ScriptId id) const {
  return absl::StrCat(connection_.description(), ", ", GetScript(id).name);
}

absl::Status RedisRelay::Connect(absl::Time deadline) {
  DUNLIN_ASSIGN_OR_RETURN(connected_as_of_, finder_->ConnectToPrimary(options_.client_name, deadline, &connection_));
  ask_eviction_policy_at_ = absl::InfinitePast();
  early_reply_.reset();
  sizes_under_way_.clear();
  absl::Status status = LoadScripts(deadline);
  if (status.ok()) {
    status = LearnPrimary(deadline);
  }
  if (!status.ok()) {
    connection_.Close();
  }
  return status;
}

absl::Status RedisRelay::CheckPrimary() const {
  if (!connected() || !finder_->HasMoved(connected_as_of_)) {
    return absl::OkStatus();
  }
  return absl::AbortedError(
      absl::StrCat(connection_.description(), ": the sentinels name another primary now; it is connected to"));
}

absl::Status RedisRelay::LoadScripts(absl::Time deadline) {
  for (const ScriptId id : kAllScripts) {
    connection_.Append({"SCRIPT", "LOAD", GetScript(id).text});
  }
  DUNLIN_RETURN_IF_ERROR(connection_.Flush(deadline));
  absl::Status status;
  for (const ScriptId id : kAllScripts) {
    DUNLIN_ASSIGN_OR_RETURN(RedisReply reply, connection_.ReadReply(deadline));
    if (reply.is_error()) {
      status.Update(RedisErrorToStatus(reply.text, Where(id)));
    }
    script_hashes_[static_cast<size_t>(id)] = std::move(reply.text);
  }
  return status;
}

absl::Status RedisRelay::LearnPrimary(absl::Time deadline) {
  DUNLIN_ASSIGN_OR_RETURN(const RedisReply reply, connection_.Call({"INFO", "replication"}, deadline));
  // Users without the right to ask are common, and everything works without the answer: failovers that lose nothing
  // are then noticed later, by the sequences.
  master_replid_ = reply.is_error() ? "" : ParseMasterReplid(reply.text);
  return absl::OkStatus();
}

// INFO tells it as CONFIG GET does, which fewer users may run and some providers of Redis do not have.
absl::Status RedisRelay::LearnEvictionPolicy() {
  const absl::Time now = absl::Now();
  if (now < ask_eviction_policy_at_) {
    return absl::OkStatus();
  }
  DUNLIN_ASSIGN_OR_RETURN(const RedisReply reply, connection_.Call({"INFO", "memory"}, Deadline()));
  ask_eviction_policy_at_ = now + kEvictionPolicyPeriod;
  if (!reply.is_error()) {
    eviction_policy_ = ParseEvictionPolicy(reply.text);
  } else if (absl::StartsWith(reply.text, "NOPERM")) {
    // Who may not ask is not told, and does not fill Redis' ACL LOG by asking again.
    eviction_policy_.clear();
    ask_eviction_policy_at_ = absl::InfiniteFuture();
  }
  return absl::OkStatus();
}

void RedisRelay::AppendScript(ScriptId id, absl::Span<const absl::string_view> arguments) {
  std::vector<absl::string_view> command = {"EVALSHA",
                                            script_hashes_[static_cast<size_t>(id)],
                                            "4",
                                            options_.names.data,
                                            options_.names.index,
                                            options_.names.meta,
                                            options_.names.leases};
  command.insert(command.end(), arguments.begin(), arguments.end());
  connection_.Append(command);
}

absl::StatusOr<RedisReply> RedisRelay::RunScript(ScriptId id, absl::Span<const absl::string_view> arguments) {
  DUNLIN_RETURN_IF_ERROR(CheckPrimary());
  const absl::Time deadline = Deadline();
  for (bool repeated = false;; repeated = true) {
    AppendScript(id, arguments);
    DUNLIN_RETURN_IF_ERROR(connection_.Flush(deadline));
    DUNLIN_ASSIGN_OR_RETURN(RedisReply reply, connection_.ReadReply(deadline));
    if (!reply.is_error()) {
      return reply;
    }
    const absl::Status error = RedisErrorToStatus(reply.text, Where(id));
    if (repeated || RemedyOf(error) != RedisRemedy::kLoadScript) {
      return error;
    }
    DUNLIN_RETURN_IF_ERROR(LoadScripts(deadline));
  }
}

absl::StatusOr<RelayPosition> RedisRelay::ReadPosition(const PositionProposal& proposal) {
  const bool leases = proposal.lease.store_id != 0;
  DUNLIN_ASSIGN_OR_RETURN(RedisReply reply,
                          RunScript(ScriptId::kPosition, {EpochText(proposal.epoch), proposal.fleet_id,
                                                          leases ? FormatEpoch(proposal.lease.store_id) : "",
                                                          leases ? FormatEpoch(proposal.lease.boot_id) : "",
                                                          absl::StrCat(absl::ToInt64Milliseconds(kLeaseDuration))}));
  DUNLIN_ASSIGN_OR_RETURN(RelayPosition position, ParsePosition(std::move(reply)));
  position.master_replid = master_replid_;
  if (leases) {
    // A heartbeat; what else asks for the position asks for nothing more.
    DUNLIN_RETURN_IF_ERROR(LearnEvictionPolicy());
    position.eviction_policy = eviction_policy_;
  }
  return position;
}

absl::StatusOr<RelayChangePage> RedisRelay::ReadChanges(uint64_t after, size_t items_max, size_t size_max_bytes) {
  return ReadPage("records", after, items_max, size_max_bytes);
}

absl::StatusOr<RelayChangePage> RedisRelay::ReadOrders(uint64_t after, size_t items_max, size_t size_max_bytes) {
  return ReadPage("orders", after, items_max, size_max_bytes);
}

absl::StatusOr<RelayChangePage> RedisRelay::ReadPage(absl::string_view what, uint64_t after, size_t items_max,
                                                     size_t size_max_bytes) {
  DUNLIN_ASSIGN_OR_RETURN(RedisReply reply, RunScript(ScriptId::kChanges, {absl::StrCat(after), absl::StrCat(items_max),
                                                                           absl::StrCat(size_max_bytes), what}));
  return ParseChangesPage(std::move(reply));
}

absl::StatusOr<RelayRecords> RedisRelay::ReadRecords(const std::vector<std::string>& keys, size_t size_max_bytes) {
  const std::string size_max = absl::StrCat(size_max_bytes);
  std::vector<absl::string_view> arguments = {size_max};
  arguments.insert(arguments.end(), keys.begin(), keys.end());
  DUNLIN_ASSIGN_OR_RETURN(RedisReply reply, RunScript(ScriptId::kRecords, arguments));
  return ParseRecords(std::move(reply));
}

absl::StatusOr<MissingReply> RedisRelay::FindMissing(const MissingQuery& query) {
  const std::string epoch = EpochText(query.epoch);
  std::vector<absl::string_view> arguments = {epoch};
  for (const KeyAndOrder& item : query.items) {
    arguments.push_back(item.key);
    arguments.push_back(item.order);
  }
  DUNLIN_ASSIGN_OR_RETURN(RedisReply reply, RunScript(ScriptId::kMissing, arguments));
  return ParseMissingReply(std::move(reply));
}

absl::StatusOr<DeliveredReply> RedisRelay::FindDelivered(const std::vector<uint64_t>& store_ids) {
  std::vector<std::string> ids;
  for (const uint64_t id : store_ids) {
    ids.push_back(FormatEpoch(id));
  }
  const std::vector<absl::string_view> arguments(ids.begin(), ids.end());
  DUNLIN_ASSIGN_OR_RETURN(RedisReply reply, RunScript(ScriptId::kDelivered, arguments));
  return ParseDelivered(std::move(reply), store_ids.size());
}

absl::StatusOr<CollectReply> RedisRelay::Collect(const CollectQuery& query) {
  DUNLIN_ASSIGN_OR_RETURN(
      RedisReply reply,
      RunScript(ScriptId::kCollect, {EpochText(query.epoch), absl::StrCat(absl::ToInt64Milliseconds(query.horizon)),
                                     absl::StrCat(absl::ToInt64Milliseconds(query.sample_period)),
                                     absl::StrCat(query.after), absl::StrCat(query.entries_max)}));
  return ParseCollectReply(std::move(reply));
}

absl::StatusOr<ReindexReply> RedisRelay::Reindex(const ReindexQuery& query) {
  // Redis has all of it: no version is too far ahead, and nothing comes too late.
  const WriteArguments shared(options_, query.epoch, query.origin, kAnyClockDrift, absl::InfiniteFuture());
  const std::string own[] = {absl::StrCat(query.cursor), absl::StrCat(query.records_max),
                             absl::StrCat(query.size_max_bytes)};
  std::vector<absl::string_view> arguments = shared.Views();
  arguments.insert(arguments.end(), std::begin(own), std::end(own));
  DUNLIN_ASSIGN_OR_RETURN(RedisReply reply, RunScript(ScriptId::kReindex, arguments));
  return ParseReindexReply(std::move(reply));
}

absl::Duration RedisRelay::DriftMaxOf(const MirrorBatch& batch) const {
  return batch.known_to_redis ? kAnyClockDrift : options_.clock_drift_max;
}

absl::StatusOr<MirrorReply> RedisRelay::Mirror(const MirrorBatch& batch) {
  const MirrorArguments arguments(options_, DriftMaxOf(batch), batch);
  DUNLIN_ASSIGN_OR_RETURN(RedisReply reply, RunScript(ScriptId::kMirror, arguments.Views()));
  return ParseMirrorReply(std::move(reply), batch.items.size());
}

absl::Status RedisRelay::SendMirror(const MirrorBatch& batch) {
  DUNLIN_RETURN_IF_ERROR(CheckPrimary());
  const MirrorArguments arguments(options_, DriftMaxOf(batch), batch);
  if (batch.items.empty()) {
    DUNLIN_ASSIGN_OR_RETURN(early_reply_, RunScript(ScriptId::kMirror, arguments.Views()));
    return absl::OkStatus();
  }
  AppendScript(ScriptId::kMirror, arguments.Views());
  sizes_under_way_.push_back(batch.items.size());
  return connection_.Flush(Deadline());
}

absl::StatusOr<MirrorReply> RedisRelay::ReceiveMirrorReply() {
  if (early_reply_.has_value()) {
    return ParseMirrorReply(*std::exchange(early_reply_, std::nullopt), 0);
  }
  DUNLIN_ASSIGN_OR_RETURN(RedisReply reply, connection_.ReadReply(Deadline()));
  const size_t items = sizes_under_way_.front();
  sizes_under_way_.pop_front();
  if (!reply.is_error()) {
    return ParseMirrorReply(std::move(reply), items);
  }
  const absl::Status error = RedisErrorToStatus(reply.text, Where(ScriptId::kMirror));
  if (RemedyOf(error) != RedisRemedy::kLoadScript) {
    return error;
  }
  connection_.Close();
  return absl::UnavailableError(absl::StrCat(error.message(), ", on a new connection"));
}

absl::StatusOr<ConditionalReply> RedisRelay::WriteIf(const ConditionalWrite& write) {
  const WriteArguments shared(options_, write.epoch, write.origin, options_.clock_drift_max, write.not_after);
  std::vector<absl::string_view> arguments = shared.Views();
  arguments.push_back(write.item.key);
  arguments.push_back(write.item.record);
  arguments.push_back(write.expected_version.has_value() ? "version" : "absent");
  if (write.expected_version.has_value()) {
    arguments.push_back(*write.expected_version);
  }
  DUNLIN_ASSIGN_OR_RETURN(RedisReply reply, RunScript(ScriptId::kConditional, arguments));
  return ParseConditionalReply(std::move(reply));
}

absl::StatusOr<EpochInForce> RedisRelay::StartEpoch(const EpochProposal& proposal) {
  DUNLIN_ASSIGN_OR_RETURN(RedisReply reply,
                          RunScript(ScriptId::kStartEpoch, {EpochText(proposal.expected), EpochText(proposal.next),
                                                            absl::StrCat(proposal.minimum_sequence)}));
  return ParseEpochInForce(std::move(reply));
}

}  // namespace dunlin
