#include "tests/simulation/oracle.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "storage/record.h"
#include "sync/epoch.h"
#include "sync/event_message.h"

namespace dunlin {
namespace {

// "batch/GROUP/" of "batch/GROUP/MEMBER".
std::string GroupOf(const std::string& key) { return key.substr(0, key.rfind('/') + 1); }

}  // namespace

bool Oracle::IsMortal(const std::string& record) {
  const absl::StatusOr<Record> decoded = DecodeRecord(record);
  return decoded.ok() && (decoded->tombstone || decoded->expiry_unix_ms != 0);
}

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
      if (redis_->contents().data.count(key) > 0) {
        found->second.writes[sequence] = WriteOf(key);
      }
    }
  }
  return found->second;
}

// What Redis holds under `key`, which it has.
Oracle::Epoch::Write Oracle::WriteOf(const std::string& key) const {
  return {key, ReadVersion(redis_->contents().data.at(key))};
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
    const std::pair<std::string, Version> write{item.key, ReadVersion(item.body)};
    published_.insert(write);
    Highest& highest = highest_published_[write.first];
    if (write.second < highest.version) {
      late_.insert(write);
    }
    const auto stored = redis_->contents().data.find(write.first);
    if (stored == redis_->contents().data.end() || ReadVersion(stored->second) != write.second) {
      // Whoever reads as soon as the event has come must find it.
      violation_ = absl::StrCat("Redis published what it has not stored, key ", write.first);
      return;
    }
    if (highest.version < write.second) {
      highest = Highest{write.second, IsMortal(stored->second)};
    }
    epoch.writes[sequence++] = {write.first, write.second};
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
    if (change->type == ChangeType::kExpire) {
      expired_.insert({change->key, change->version});
    }
    const auto known = replica.stored.find(change->key);
    replica.unsynced.push_back(
        {change->key, known == replica.stored.end() ? absl::nullopt : absl::make_optional(known->second)});
    Stored& stored = replica.stored[change->key];
    if (change->version < stored.version && IsRestamped(stored, *change)) {
      Restamp(change->key, stored.version, change->version);
    } else if (IsForgotten(replica, stored, *change)) {
      // A rebuild has dropped it.
    } else if ((change->version < stored.version && !IsLate(replica, change->key, change->version)) ||
               (change->version == stored.version && change->type == ChangeType::kPut)) {
      Fail(number,
           absl::StrCat("version ", VersionToString(change->version), " follows ", VersionToString(stored.version)),
           change->key);
    }
    if (stored.version < change->version && SaysTheSame(stored, *change)) {
      AcknowledgeAgain(change->key, stored.version, change->version);
    }
    stored = Stored{change->version, change->encoded_record, clock_->Now()};
    if (absl::StartsWith(change->key, kBatchKeyPrefix)) {
      touched.insert(GroupOf(change->key));
    }
  }
  CheckBatches(number, replica, touched);
}

// Whether the version may follow what is stored, which is dead and may be forgotten: the replica's own client may write
// the key again by a clock that lags, and a write may come late from somebody's outbox.
bool Oracle::IsLate(const Replica& replica, const std::string& key, const Version& version) const {
  const Stored& stored = replica.stored.at(key);
  // Clocks are wrong by a tenth of the horizon, at both ends of the wait.
  const bool may_be_forgotten = clock_->Now() - stored.since > tombstone_horizon_ * 0.8;
  return IsMortal(stored.record) &&
         (may_be_forgotten || late_.count({key, version}) > 0 || version.origin == replica.store_id);
}

// Whether a replica that was away for too long gives up what the fleet has no more (Applier::DropAbsent()).
bool Oracle::IsForgotten(const Replica& replica, const Stored& stored, const Change& change) {
  return change.type == ChangeType::kDelete &&
         change.version == Version{std::max<uint64_t>(stored.version.time, 1) - 1, replica.store_id};
}

void Oracle::CheckBatches(int number, const Replica& replica, const std::set<std::string>& touched) {
  // What refills an emptied Redis comes record by record.
  if (redis_losses_ > 0) {
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
  if (replica.checked_epoch != state.epoch) {
    replica.excused.clear();
  }
  // A replica that has gone back, in a power failure, says it anew.
  if (replica.checked_epoch != state.epoch || replica.checked_sequence > state.applied_sequence) {
    replica.checked_epoch = state.epoch;
    replica.checked_sequence = 0;
  }
  for (auto it = epoch.writes.upper_bound(replica.checked_sequence);
       !epoch.forked && it != epoch.writes.end() && it->first <= state.applied_sequence; ++it) {
    const auto& [key, version] = it->second;
    const auto stored = replica.stored.find(key);
    const bool lacks = stored == replica.stored.end() || stored->second.version < version;
    // In a rebuild, when the fleet had it no more.
    const bool was_given_up =
        stored != replica.stored.end() && stored->second.version == Version{version.time - 1, replica.store_id};
    if (!lacks || was_given_up || replica.excused.count(it->first) > 0) {
      continue;
    }
    if (MayLack(state, key, version)) {
      replica.excused.insert(it->first);
    } else {
      Fail(number, absl::StrCat("says it has applied sequence ", state.applied_sequence, " but lacks ", it->first),
           key);
    }
  }
  replica.checked_sequence = state.applied_sequence;
}

uint64_t Oracle::OnPowerBack(int number, const StoreState& state) {
  Replica& replica = replicas_[number];
  // Revisions that may have been told are to be passed over. Whether that is done is for watchers to see.
  const uint64_t found = state.revision > replica.revision
                             ? state.revision - std::min(state.revision, kRevisionsPassedOver)
                             : state.revision;
  uint64_t lost = 0;
  for (; replica.revision > found && !replica.unsynced.empty(); --replica.revision) {
    const Unsynced& last = replica.unsynced.back();
    if (last.before.has_value()) {
      replica.stored[last.key] = *last.before;
    } else {
      replica.stored.erase(last.key);
    }
    replica.unsynced.pop_back();
    ++lost;
  }
  if (replica.revision != found) {
    Fail(number, absl::StrCat("came back at revision ", found, ", but ", replica.revision, " was synced"));
  }
  replica.unsynced.clear();
  replica.revision = state.revision;
  lost_count_ += lost;
  return lost;
}

void Oracle::OnDropped(int number, const std::string& message) {
  const absl::StatusOr<EventMessage> event = DecodeEventMessage(message);
  if (!event.ok() || event->items.empty()) {
    return;
  }
  Replica& replica = replicas_[number];
  const uint64_t last = event->first_sequence + event->items.size() - 1;
  replica.dropped_sequence = replica.dropped_epoch == event->epoch ? std::max(replica.dropped_sequence, last) : last;
  replica.dropped_epoch = event->epoch;
}

void Oracle::OnBarrierOpen(int number, uint64_t epoch, uint64_t applied_sequence, bool subscribed) {
  if (!subscribed) {
    Fail(number, "its barrier is open without a subscription");
  }
  const Replica& replica = replicas_[number];
  const auto life = epochs_.find(epoch);
  // In an epoch that Redis went back in, what was dropped may never have been.
  const bool forked = life != epochs_.end() && life->second.forked;
  if (!forked && replica.dropped_epoch == epoch && replica.dropped_sequence > applied_sequence) {
    Fail(number, absl::StrCat("its barrier is open at sequence ", applied_sequence, ", but its full ring dropped ",
                              replica.dropped_sequence));
  }
}

// Whether Redis has accepted a write of `key` in `epoch` after `sequence`.
bool Oracle::IsWrittenAfter(uint64_t epoch, uint64_t sequence, const std::string& key) const {
  const auto life = epochs_.find(epoch);
  if (life == epochs_.end()) {
    return false;
  }
  const auto& writes = life->second.writes;
  return std::any_of(writes.upper_bound(sequence), writes.end(),
                     [&](const auto& write) { return write.second.key == key; });
}

// Whether Redis, in another epoch than `epoch`, has taken a later write of `key`, which the replica reads when it has
// entered that.
bool Oracle::IsReplacedInAnotherEpoch(uint64_t epoch, const std::string& key, const Version& version) const {
  const ModelRedis::Contents& redis = redis_->contents();
  const auto record = redis.data.find(key);
  return redis.meta.epoch != epoch && record != redis.data.end() && version < ReadVersion(record->second);
}

// Whether a replica in this state may lack what Redis accepted as `version` at a sequence that it has applied.
bool Oracle::MayLack(const StoreState& state, const std::string& key, const Version& version) const {
  const ModelRedis::Contents& redis = redis_->contents();
  const auto record = redis.data.find(key);
  // Deleted since, and the tombstone collected.
  const bool collected = record == redis.data.end() || ReadVersion(record->second) < version;
  // Collected, and then the key was written again, or somebody who remembered it for longer has sent it again, since
  // this replica has read. Redis may have begun another epoch meanwhile.
  const auto place = redis.index.find(key);
  const bool still_to_come =
      (state.epoch == redis.meta.epoch && place != redis.index.end() && place->second > state.applied_sequence) ||
      IsWrittenAfter(state.epoch, state.applied_sequence, key) || IsReplacedInAnotherEpoch(state.epoch, key, version);
  // Redis had accepted it when its clock was another; the replica hears of it once more when it sends its own.
  const bool restamped = MayHaveLostToEarlier(key);
  return collected || still_to_come || restamped;
}

void Oracle::OnAcknowledged(int number, const Acknowledged& write) {
  ++acknowledged_count_;
  const Replica& replica = replicas_[number];
  const auto stored = replica.stored.find(write.key);
  if (stored == replica.stored.end() || stored->second.version < write.version) {
    Fail(number, "acknowledged a write that it has not committed", write.key);
  }
  acknowledged_[write.key].emplace(write.version, write);
}

void Oracle::OnMirrored(int number, const Acknowledged& write, uint64_t losses) {
  if (losses != redis_losses_) {
    return;
  }
  const Version version = LatestOf(write.key, write.version);
  const auto stored = redis_->contents().data.find(write.key);
  // A tombstone may be so old by now that it is gone, its own or one that came above it.
  const bool is_there = stored != redis_->contents().data.end() ? !(ReadVersion(stored->second) < version)
                                                                : write.tombstone || write.expires;
  const auto highest = highest_published_.find(write.key);
  const bool was_there = highest != highest_published_.end() && !(highest->second.version < version);
  if (!is_there && !was_there) {
    Fail(number, absl::StrCat("said that Redis has a write that it has not: ", VersionToString(version)), write.key);
  }
}

void Oracle::OnAbsentKeyWritten(const std::string& key) {
  // An emptied judge does not know whom it told yes.
  if (++absent_keys_written_[key] > 1 && redis_losses_ == 0) {
    violation_ = absl::StrCat("two writes that ask for the absence of ", key, " have succeeded");
  }
}

void Oracle::OnRedisLostData(uint64_t epoch_before, uint64_t epoch_after) {
  ++redis_losses_;
  EpochOf(epoch_before).forked = true;
  EpochOf(epoch_after).forked = true;
}

// ---- What must hold at the end ----

void Oracle::CheckConverged(const std::vector<int>& replicas, absl::Time now) {
  const std::map<std::string, std::string>& redis = redis_->contents().data;
  for (const int number : replicas) {
    const Replica& replica = replicas_[number];
    for (const auto& [key, writes] : acknowledged_) {
      if (!writes.empty()) {
        CheckAcknowledged(number, key, writes.rbegin()->second);
      }
    }
    for (const auto& [key, stored] : replica.stored) {
      const auto in_redis = redis.find(key);
      CheckLive(number, key, &stored.record, in_redis == redis.end() ? nullptr : &in_redis->second, now);
    }
    for (const auto& [key, record] : redis) {
      const auto stored = replica.stored.find(key);
      CheckLive(number, key, stored == replica.stored.end() ? nullptr : &stored->second.record, &record, now);
    }
  }
}

void Oracle::CheckLive(int number, const std::string& key, const std::string* mine, const std::string* in_redis,
                       absl::Time now) {
  const auto live = [now](const std::string* record) {
    const absl::StatusOr<Record> decoded = DecodeRecord(record != nullptr ? *record : "");
    return decoded.ok() && !IsDead(*decoded, static_cast<uint64_t>(absl::ToUnixMillis(now)));
  };
  if (live(mine) != live(in_redis)) {
    Fail(number, live(mine) ? "Redis lacks an entry" : "lacks an entry that Redis has", key);
  } else if (live(mine) && *mine != *in_redis) {
    Fail(number, "Redis has another record", key);
  }
}

void Oracle::CheckAcknowledged(int number, const std::string& key, const Acknowledged& write) {
  const Replica& replica = replicas_[number];
  const auto stored = replica.stored.find(key);
  if (stored == replica.stored.end() || stored->second.version < write.version) {
    // What was dead and gone before this replica could hear of it is missed by nobody: this write, or what has taken
    // its place, though nobody was told of that.
    const auto highest = highest_published_.find(key);
    const bool was_replaced = highest != highest_published_.end() && write.version < highest->second.version;
    const bool mortal = was_replaced ? highest->second.is_mortal : write.tombstone || write.expires;
    const bool nothing_lives = stored == replica.stored.end() || IsMortal(stored->second.record) ||
                               late_.count({key, stored->second.version}) > 0;
    if (!mortal || !nothing_lives) {
      Fail(number, "an acknowledged write is lost", key);
    }
    return;
  }
  const absl::StatusOr<Record> record = DecodeRecord(stored->second.record);
  const bool same_write = record.ok() && record->version == write.version;
  if (!record.ok() || (same_write && (record->tombstone != write.tombstone || record->value != write.value))) {
    Fail(number, "an acknowledged write has another value", key);
  }
}

}  // namespace dunlin
