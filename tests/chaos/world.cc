#include "tests/chaos/world.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "storage/record.h"
#include "storage/status_macros.h"
#include "tests/support/eventually.h"
#include "tests/support/process_usage.h"

namespace dunlin::chaos {
namespace {

constexpr char kNamespace[] = "chaos";
// Of a disk that can be filled up; what the clients write takes a part of it.
constexpr size_t kSmallDiskBytes = size_t{96} << 20;
// The smallest there is.
constexpr char kSmallQuota[] = "16MiB";
constexpr uint32_t kPageSize = 1000;
constexpr absl::Duration kRedisPatience = absl::Seconds(5);

[[noreturn]] void Fail(absl::string_view what) {
  std::cerr << "chaos: " << what << std::endl;
  std::abort();
}

// In a run of an hour, millions of lines would say the same.
std::vector<std::string> ReplicaArguments(bool small_quota) {
  std::vector<std::string> arguments = {"--log-level", "warning"};
  if (small_quota) {
    arguments.insert(arguments.end(), {"--database-quota", kSmallQuota});
  }
  return arguments;
}

}  // namespace

RedisGroup::Options World::RedisOptions() {
  RedisGroup::Options options;
  options.redis.append_only = true;
  // What a killed process has written is not lost without a sync, and the machine has other things to do.
  options.redis.arguments = {"--appendfsync", "everysec"};
  return options;
}

World::World(const Options& options) : names_(*MakeRedisNames(kNamespace)), redis_(RedisOptions()) {
  while (replicas_.size() < options.replicas) {
    ChaosReplica::Options replica;
    replica.index = replicas_.size();
    replica.replication_namespace = kNamespace;
    const bool is_last = replicas_.size() + 1 == options.replicas;
    replica.disk_bytes = is_last && options.small_disk ? kSmallDiskBytes : 0;
    replica.arguments = ReplicaArguments(/*small_quota=*/is_last && !options.small_disk);
    replicas_.push_back(std::make_unique<ChaosReplica>(replica, &redis_, directory_));
    if (const absl::Status status = replicas_.back()->Start(); !status.ok()) {
      Fail(status.message());
    }
  }
  if (!Eventually([this] { return WhyNotConverged().empty(); }, kTestPatience, absl::Milliseconds(20))) {
    Fail(absl::StrCat("the fleet does not come up: ", WhyNotConverged()));
  }
}

std::string World::WhyNotConverged() {
  RedisServer& primary = redis_.primary();
  const absl::StatusOr<RedisReply> meta = primary.TryRun({"HMGET", names_.meta, "epoch", "sequence"}, kRedisPatience);
  uint64_t redis_sequence = 0;
  if (!meta.ok() || meta->elements.size() != 2 || !absl::SimpleAtoi(meta->elements[1].text, &redis_sequence)) {
    return absl::StrCat("Redis tells no position: ", meta.status().ToString());
  }
  const std::string& epoch = meta->elements[0].text;
  position_ = absl::StrCat(primary.port(), "/", epoch, "/", redis_sequence);
  std::vector<absl::StatusOr<client::ReplicaStatus>> all;
  digests_.clear();
  for (const std::unique_ptr<ChaosReplica>& replica : replicas_) {
    all.push_back(replica->client().GetStatus());
    digests_.push_back(all.back().ok() ? all.back()->digest : "");
  }
  std::vector<std::string> reasons;
  for (size_t i = 0; i < all.size(); ++i) {
    if (const std::string reason = WhyNotEqual(i, all[i], epoch, redis_sequence); !reason.empty()) {
      reasons.push_back(absl::StrCat(replicas_[i]->name(), " ", reason));
    }
  }
  return absl::StrJoin(reasons, "; ");
}

std::string World::WhyNotEqual(size_t index, const absl::StatusOr<client::ReplicaStatus>& status,
                               const std::string& epoch, uint64_t sequence) const {
  if (!status.ok()) {
    return absl::StrCat("does not tell: ", status.status().ToString());
  }
  if (!status->serving || status->sync_state != client::SyncState::kLive) {
    return absl::StrCat("is not live: ", status->sync_detail);
  }
  if (status->epoch != epoch || status->applied_sequence != sequence) {
    return absl::StrCat("has epoch ", status->epoch, ", sequence ", status->applied_sequence, " of ", epoch, ", ",
                        sequence);
  }
  if (status->outbox_depth != 0) {
    return absl::StrCat("has ", status->outbox_depth, " writes left to send: ", status->sync_detail);
  }
  return digests_[index] == digests_[0] ? "" : absl::StrCat("has another digest than ", replicas_[0]->name());
}

absl::StatusOr<Holdings> World::ReadRedis() {
  Holdings holdings;
  holdings.name = "Redis";
  holdings.read_from = absl::Now();
  DUNLIN_ASSIGN_OR_RETURN(const RedisReply reply, redis_.primary().TryRun({"HGETALL", names_.data}, kRedisPatience));
  holdings.read_until = absl::Now();
  for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    DUNLIN_ASSIGN_OR_RETURN(const Record record, DecodeRecord(reply.elements[i + 1].text));
    Stored stored;
    stored.version = client::Version{record.version.time, record.version.origin};
    stored.content = record.tombstone ? Deletion() : ContentOf(record.value);
    if (record.expiry_unix_ms != 0) {
      stored.expires_at = absl::FromUnixMillis(static_cast<int64_t>(record.expiry_unix_ms));
    }
    holdings.entries[reply.elements[i].text] = stored;
  }
  return holdings;
}

absl::StatusOr<Holdings> World::ReadReplica(size_t index) {
  Client& client = replicas_[index]->client();
  Holdings holdings;
  holdings.name = replicas_[index]->name();
  holdings.read_from = absl::Now();
  client::ListOptions options;
  options.page_size = kPageSize;
  do {
    DUNLIN_ASSIGN_OR_RETURN(const client::ListPage page, client.List(options));
    for (const client::Entry& entry : page.entries) {
      holdings.entries[entry.key] = Stored{entry.version, ContentOf(entry.value), entry.expire_time};
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  holdings.read_until = absl::Now();
  return holdings;
}

absl::Status World::CheckAlive() {
  for (const std::unique_ptr<ChaosReplica>& replica : replicas_) {
    DUNLIN_RETURN_IF_ERROR(replica->CheckAlive());
  }
  return absl::OkStatus();
}

size_t World::LargestResidentBytes() {
  size_t largest = 0;
  for (const std::unique_ptr<ChaosReplica>& replica : replicas_) {
    largest = std::max(largest, replica->ResidentBytes());
  }
  return largest;
}

std::vector<std::string> World::DescribeActivity() {
  std::vector<std::string> lines;
  for (const std::unique_ptr<ChaosReplica>& replica : replicas_) {
    lines.push_back(absl::StrCat(replica->name(), ": ", replica->DescribeThreads()));
  }
  lines.push_back(DescribePressure());
  return lines;
}

}  // namespace dunlin::chaos
