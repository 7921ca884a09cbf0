#include "tests/support/fleet.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "storage/record.h"
#include "storage/version.h"

namespace dunlin {
namespace {

constexpr char kNamespace[] = "test";

// The store that StoreUnpublished() pretends to be.
constexpr uint64_t kUnpublishedOrigin = 7;

bool IsSettled(const client::ReplicaStatus& status, uint64_t redis_sequence) {
  return status.serving && status.sync_state == client::SyncState::kLive && status.outbox_depth == 0 &&
         status.applied_sequence == redis_sequence;
}

}  // namespace

Fleet::Fleet() : Fleet(Options()) {}

Fleet::Fleet(Options options) : options_(std::move(options)), names_(*MakeRedisNames(kNamespace)) {
  if (options_.sentinels > 0) {
    RedisGroup::Options group;
    group.sentinels = options_.sentinels;
    group.redis = options_.redis;
    group_ = std::make_unique<RedisGroup>(std::move(group));
  } else {
    redis_ = std::make_unique<RedisServer>(options_.redis);
  }
  if (options_.behind_proxy) {
    redis_link_ = std::make_unique<FaultProxy>(redis_->port());
  }
  while (replicas_.size() < options_.replicas) {
    Add();
  }
  for (const std::unique_ptr<ReplicaProcess>& replica : replicas_) {
    if (!replica->WaitServing()) {
      std::cerr << "replica " << replica->options().replica_id << " does not serve\n";
      DumpLogs();
      std::abort();
    }
  }
}

Fleet::~Fleet() {
  if (testing::Test::HasFailure()) {
    DumpLogs();
  }
}

std::string Fleet::redis_url() const {
  if (group_ != nullptr) {
    return group_->url();
  }
  const uint16_t port = redis_link_ != nullptr ? redis_link_->port() : redis_->port();
  return absl::StrCat("redis://", options_.redis_user, "127.0.0.1:", port, "/0");
}

ReplicaProcess& Fleet::Add(const std::vector<std::string>& arguments) {
  ReplicaProcess::Options options;
  options.replica_id = absl::StrCat("r", ++started_);
  options.data_dir = directory_.Join(options.replica_id);
  options.log_path = directory_.Join(options.replica_id + ".log");
  options.redis_url = redis_url();
  options.replication_namespace = kNamespace;
  options.arguments = options_.replica_arguments;
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.environment = options_.replica_environment;
  replicas_.push_back(std::make_unique<ReplicaProcess>(std::move(options)));
  replicas_.back()->Start();
  return *replicas_.back();
}

void Fleet::RemoveLast() {
  const std::string data_dir = replicas_.back()->options().data_dir;
  replicas_.pop_back();
  std::error_code ignored;
  std::filesystem::remove_all(data_dir, ignored);
}

bool Fleet::AllDigestsEqual() {
  const uint64_t redis_sequence = RedisSequence();
  // An epoch begins with small sequences again, so that equal ones of two epochs mean nothing.
  const std::string epoch = MetaField("epoch");
  std::optional<std::string> digest;
  for (const std::unique_ptr<ReplicaProcess>& replica : replicas_) {
    if (!replica->IsRunning()) {
      continue;
    }
    const client::ReplicaStatus status = replica->Status();
    if (!IsSettled(status, redis_sequence) || status.epoch != epoch ||
        status.digest != digest.value_or(status.digest)) {
      return false;
    }
    digest = status.digest;
  }
  return true;
}

bool Fleet::Converges(absl::Duration patience) {
  return Eventually([this] { return AllDigestsEqual(); }, patience);
}

uint64_t Fleet::RedisRecords() { return static_cast<uint64_t>(redis().Run({"HLEN", names_.data}).integer); }

uint64_t Fleet::RedisSequence() {
  uint64_t sequence = 0;
  return absl::SimpleAtoi(MetaField("sequence"), &sequence) ? sequence : 0;
}

std::string Fleet::RedisValue(absl::string_view key) {
  const RedisReply reply = redis().Run({"HMGET", names_.data, key});
  if (reply.elements.empty() || reply.elements[0].type != RedisReply::Type::kString) {
    return "(absent)";
  }
  const absl::StatusOr<Record> record = DecodeRecord(reply.elements[0].text);
  if (!record.ok()) {
    return record.status().ToString();
  }
  return record->tombstone ? "(deleted)" : std::string(record->value);
}

void Fleet::StoreUnpublished(absl::string_view key, absl::string_view value) {
  Record record;
  record.version =
      Version{static_cast<uint64_t>(absl::ToUnixMillis(absl::Now())) << kVersionCounterBits, kUnpublishedOrigin};
  record.value = value;
  const std::string sequence = absl::StrCat(RedisSequence() + 1);
  // What the mirror script does, without its PUBLISH.
  redis().Run({"HSET", names_.data, key, EncodeRecord(record)});
  redis().Run({"ZADD", names_.index, sequence, key});
  redis().Run({"HSET", names_.meta, "sequence", sequence});
}

std::string Fleet::MetaField(absl::string_view field) {
  // Not by HMGET or HGET: tests count how often scripts use these.
  const RedisReply reply = redis().Run({"HGETALL", names_.meta});
  for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    if (reply.elements[i].text == field) {
      return reply.elements[i + 1].text;
    }
  }
  return "";
}

std::string Fleet::Describe() {
  std::string text = absl::StrCat("redis: sequence ", RedisSequence(), ", records ", RedisRecords(), "\n");
  for (const std::unique_ptr<ReplicaProcess>& replica : replicas_) {
    if (!replica->IsRunning()) {
      continue;
    }
    const client::ReplicaStatus status = replica->Status();
    absl::StrAppend(&text, status.replica_id, ": sync state ", static_cast<int>(status.sync_state), " (",
                    status.sync_detail, "), applied ", status.applied_sequence, ", outbox ", status.outbox_depth,
                    ", entries ", status.entries, ", tombstones ", status.tombstones, ", digest ",
                    absl::BytesToHexString(status.digest), "\n");
  }
  return text;
}

void Fleet::DumpLogs() {
  for (const std::unique_ptr<ReplicaProcess>& replica : replicas_) {
    std::cerr << "---- log of " << replica->options().replica_id << " ----\n" << replica->LogTail() << std::endl;
  }
}

bool HasValue(Client& client, absl::string_view key, absl::string_view value) {
  const absl::StatusOr<client::GetResult> got = client.Get(key);
  return got.ok() && got->entry.value == value;
}

bool IsAbsent(Client& client, absl::string_view key) { return absl::IsNotFound(client.Get(key).status()); }

}  // namespace dunlin
