#include "tests/simulation/oracle.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/record.h"
#include "sync/epoch.h"
#include "sync/event_message.h"

namespace dunlin {
namespace {

// "batch/GROUP/" of "batch/GROUP/MEMBER".
std::string GroupOf(const std::string& key) { return key.substr(0, key.rfind('/') + 1); }

}  // namespace

void Oracle::Fail(int replica, absl::string_view what, absl::string_view key) {
  if (violation_.empty()) {
    violation_ = absl::StrCat("replica ", replica, ": ", what, key.empty() ? "" : ", key ", key);
  }
}

// ---- What happens ----

// An epoch begins with what is in Redis then.
Oracle::Epoch& Oracle::EpochOf(uint64_t epoch) {
  const auto [found, first_heard_of] = epochs_.try_emplace(epoch);
  if (first_heard_of && redis_->contents().meta.epoch == epoch) {
    for (const auto& [sequence, key] : redis_->contents().index_in_order) {
      const auto record = redis_->contents().data.find(key);
      if (record != redis_->contents().data.end()) {
        found->second.writes[sequence] = {key, ReadVersion(record->second)};
      }
    }
  }
  return found->second;
}

void Oracle::OnPublished(const std::string& message) {
  const absl::StatusOr<EventMessage> event = DecodeEventMessage(message);
  if (!event.ok()) {
    violation_ = absl::StrCat("the model of Redis published what is no event: ", event.status().ToString());
    return;
  }
  Epoch& epoch = EpochOf(event->epoch);
  uint64_t sequence = event->first_sequence;
  for (const EventItem& item : event->items) {
    epoch.writes[sequence++] = {std::string(item.key), ReadVersion(item.body)};
  }
}

void Oracle::OnCommitted(int number, absl::Span<const ChangePtr> changes) {
  Replica& replica = replicas_[number];
  std::set<std::string> touched;
  for (const ChangePtr& change : changes) {
    if (change->revision != replica.revision + 1) {
      Fail(number, absl::StrCat("revision ", change->revision, " follows ", replica.revision), change->key);
    }
    replica.revision = change->revision;
    Stored& stored = replica.stored[change->key];
    if (change->version < stored.version ||
        (change->version == stored.version && change->type != ChangeType::kExpire)) {
      Fail(number,
           absl::StrCat("version ", VersionToString(change->version), " follows ", VersionToString(stored.version)),
           change->key);
    }
    stored = Stored{change->version, change->encoded_record};
    if (absl::StartsWith(change->key, kBatchKeyPrefix)) {
      touched.insert(GroupOf(change->key));
    }
  }
  CheckBatches(number, replica, touched);
}

void Oracle::CheckBatches(int number, const Replica& replica, const std::set<std::string>& touched) {
  // What refills an emptied Redis comes record by record.
  if (redis_lost_data_) {
    return;
  }
  for (const std::string& group : touched) {
    std::set<std::string> values;
    for (auto it = replica.stored.lower_bound(group); it != replica.stored.end() && absl::StartsWith(it->first, group);
         ++it) {
      const absl::StatusOr<Record> record = DecodeRecord(it->second.record);
      values.insert(record.ok() ? std::string(record->value) : "?");
    }
    if (values.size() > 1) {
      Fail(number, "an atomic batch is seen in part", group);
    }
  }
}

void Oracle::OnState(int number, const StoreState& state) {
  Replica& replica = replicas_[number];
  if (state.revision != replica.revision) {
    Fail(number, absl::StrCat("the state says revision ", state.revision, ", the changes ", replica.revision));
  }
  if (state.epoch == kNoEpoch) {
    return;
  }
  const Epoch& epoch = EpochOf(state.epoch);
  if (replica.checked_epoch != state.epoch || replica.checked_sequence > state.applied_sequence) {
    replica.checked_epoch = state.epoch;
    replica.checked_sequence = 0;
  }
  for (auto it = epoch.writes.upper_bound(replica.checked_sequence);
       !epoch.forked && it != epoch.writes.end() && it->first <= state.applied_sequence; ++it) {
    const auto& [key, version] = it->second;
    const auto stored = replica.stored.find(key);
    if (stored == replica.stored.end() || stored->second.version < version) {
      Fail(number, absl::StrCat("says it has applied sequence ", state.applied_sequence, " but lacks ", it->first),
           key);
    }
  }
  replica.checked_sequence = state.applied_sequence;
}

void Oracle::OnAcknowledged(int number, const Acknowledged& write) {
  ++acknowledged_count_;
  const Replica& replica = replicas_[number];
  const auto stored = replica.stored.find(write.key);
  if (stored == replica.stored.end() || stored->second.version < write.version) {
    Fail(number, "acknowledged a write that it has not committed", write.key);
  }
  Acknowledged& highest = acknowledged_[write.key];
  if (highest.version < write.version) {
    highest = write;
  }
}

void Oracle::OnAbsentKeyWritten(const std::string& key) {
  // An emptied judge does not know whom it told yes.
  if (++absent_keys_written_[key] > 1 && !redis_lost_data_) {
    violation_ = absl::StrCat("two writes that ask for the absence of ", key, " have succeeded");
  }
}

void Oracle::OnRedisLostData(uint64_t epoch_before, uint64_t epoch_after) {
  redis_lost_data_ = true;
  EpochOf(epoch_before).forked = true;
  EpochOf(epoch_after).forked = true;
}

// ---- What must hold at the end ----

void Oracle::CheckConverged(const std::vector<int>& replicas) {
  const std::map<std::string, std::string>& redis = redis_->contents().data;
  for (const int number : replicas) {
    const Replica& replica = replicas_[number];
    for (const auto& [key, write] : acknowledged_) {
      const auto stored = replica.stored.find(key);
      if (stored == replica.stored.end() || stored->second.version < write.version) {
        Fail(number, "an acknowledged write is lost", key);
        continue;
      }
      const absl::StatusOr<Record> record = DecodeRecord(stored->second.record);
      const bool same_write = record.ok() && record->version == write.version;
      if (!record.ok() || (same_write && (record->tombstone != write.tombstone || record->value != write.value))) {
        Fail(number, "an acknowledged write has another value", key);
      }
    }
    for (const auto& [key, stored] : replica.stored) {
      const auto in_redis = redis.find(key);
      if (in_redis == redis.end() || in_redis->second != stored.record) {
        Fail(number, in_redis == redis.end() ? "Redis lacks a record" : "Redis has another record", key);
      }
    }
    if (replica.stored.size() != redis.size()) {
      Fail(number, absl::StrCat("has ", replica.stored.size(), " records, Redis has ", redis.size()));
    }
  }
}

}  // namespace dunlin
