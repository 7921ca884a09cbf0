#include "tests/simulation/model_redis.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "storage/status_macros.h"
#include "storage/version.h"
#include "sync/event_message.h"
#include "tests/simulation/model_record.h"

namespace dunlin {
namespace {

constexpr int kFormat = 1;

}  // namespace

void ModelRedis::Contents::SetIndex(const std::string& key, uint64_t sequence) {
  const auto [found, inserted] = index.try_emplace(key, sequence);
  if (!inserted) {
    index_in_order.erase({found->second, key});
    found->second = sequence;
  }
  index_in_order.insert({sequence, key});
}

void ModelRedis::Contents::EraseIndex() {
  index.clear();
  index_in_order.clear();
}

// A record to be stored and what is stored under its key.
struct ModelRedis::Item {
  const KeyedRecord* keyed = nullptr;
  ModelRecord new_record;
  absl::optional<ModelRecord> old_record;
  std::string old_bytes;
  bool old_is_damaged = false;

  int Difference() const { return old_record.has_value() ? new_record.Compare(*old_record) : 1; }
};

absl::Status ModelRedis::CheckFormat() const {
  return contents_.meta.format > kFormat
             ? absl::FailedPreconditionError("the data is of a newer format: upgrade the replica")
             : absl::OkStatus();
}

absl::Time ModelRedis::NowMillis() const { return absl::FromUnixMillis(absl::ToUnixMillis(now_())); }

absl::StatusOr<RelayPosition> ModelRedis::ReadPosition(const PositionProposal& proposal) {
  DUNLIN_RETURN_IF_ERROR(CheckFormat());
  Contents::Meta& meta = contents_.meta;
  RelayPosition position;
  const bool part_lost = meta.epoch != kNoEpoch && contents_.PartIsLost();
  if ((meta.epoch == kNoEpoch || part_lost) && proposal.epoch != kNoEpoch) {
    meta.sequence = std::max(meta.sequence, contents_.LastIndexed());
    meta.epoch = proposal.epoch;
    if (meta.fleet_id.empty()) {
      meta.fleet_id = proposal.fleet_id;
    }
    if (part_lost) {
      meta.sum.reset();
    }
    meta.sizes = contents_.Sizes();
    position.created = true;
  }
  position.epoch = meta.epoch;
  position.sequence = meta.sequence;
  position.gc_sequence = meta.gc_sequence;
  position.fleet_id = meta.fleet_id;
  position.redis_time = NowMillis();
  position.master_replid = replid;
  position.records = contents_.data.size();
  if (contents_.index.size() == contents_.data.size()) {
    position.sum = contents_.data.empty() ? ContentSum() : meta.sum;
  }
  RenewLease(proposal.lease, &position);
  return position;
}

void ModelRedis::RenewLease(const LeaseRequest& request, RelayPosition* position) {
  if (request.store_id == 0) {
    return;
  }
  const auto now_ms = static_cast<uint64_t>(absl::ToUnixMillis(position->redis_time));
  const auto lease_ms = static_cast<uint64_t>(absl::ToInt64Milliseconds(kLeaseDuration));
  Contents::Lease& own = contents_.leases[request.store_id];
  if (own.until_unix_ms > now_ms && own.boot_id != request.boot_id) {
    position->rival_lease = absl::StrCat(FormatEpoch(own.boot_id), ":", own.until_unix_ms);
  }
  // The lowest is told from what was there before.
  uint64_t lowest = 0;
  for (const auto& [store_id, lease] : contents_.leases) {
    if (lease.until_unix_ms > now_ms) {
      lowest = store_id;
      break;
    }
  }
  position->collector = lowest != 0 && lowest == request.store_id;
  if (position->rival_lease.empty() && 3 * (std::max(own.until_unix_ms, now_ms) - now_ms) < 2 * lease_ms) {
    own = {request.boot_id, now_ms + lease_ms};
  }
}

// The latest sequence that had been reached before the horizon; 0 if none is known. Notes the present one.
uint64_t ModelRedis::HorizonSequence(const CollectQuery& query) {
  auto& history = contents_.meta.history;
  const auto now_ms = static_cast<uint64_t>(absl::ToUnixMillis(NowMillis()));
  const auto sample_ms = static_cast<uint64_t>(absl::ToInt64Milliseconds(query.sample_period));
  const uint64_t then_ms = now_ms - static_cast<uint64_t>(absl::ToInt64Milliseconds(query.horizon));
  if (history.empty() ||
      (now_ms >= history.back().first + sample_ms && contents_.meta.sequence > history.back().second)) {
    history.emplace_back(now_ms, contents_.meta.sequence);
  }
  while (history.size() > 1 && history[1].first <= then_ms) {
    history.pop_front();
  }
  return history.front().first <= then_ms ? history.front().second : 0;
}

absl::StatusOr<CollectReply> ModelRedis::Collect(const CollectQuery& query) {
  DUNLIN_RETURN_IF_ERROR(CheckFormat());
  CollectReply reply;
  reply.epoch = contents_.meta.epoch;
  if (contents_.meta.epoch != query.epoch) {
    reply.epoch_changed = true;
    return reply;
  }
  const uint64_t horizon_sequence = HorizonSequence(query);
  const auto dead_since_ms =
      static_cast<uint64_t>(absl::ToUnixMillis(NowMillis()) - absl::ToInt64Milliseconds(query.horizon));
  std::vector<std::string> removed;
  Contents::Meta::Sizes sizes = contents_.ExpectedSizes();
  size_t looked_at = 0;
  for (auto entry = contents_.index_in_order.lower_bound({query.after + 1, ""});
       entry != contents_.index_in_order.end() && entry->first <= horizon_sequence; ++entry) {
    if (++looked_at > query.entries_max) {
      break;
    }
    reply.next_after = looked_at == query.entries_max ? entry->first : 0;
    const auto stored = contents_.data.find(entry->second);
    const absl::optional<ModelRecord> record =
        stored == contents_.data.end() ? absl::nullopt : ModelRecord::From(stored->second);
    if (record.has_value() && (record->tombstone || (record->expiry_ms != 0 && record->expiry_ms <= dead_since_ms))) {
      removed.push_back(entry->second);
    }
  }
  for (const std::string& key : removed) {
    const uint64_t sequence = contents_.index[key];
    contents_.meta.gc_sequence = std::max(contents_.meta.gc_sequence, sequence);
    if (contents_.meta.sum.has_value()) {
      contents_.meta.sum->Remove(contents_.data[key]);
    }
    sizes.records -= contents_.data.erase(key);
    sizes.entries -= contents_.index.erase(key);
    contents_.index_in_order.erase({sequence, key});
  }
  if (!removed.empty()) {
    contents_.meta.sizes = sizes;
  }
  reply.removed = removed.size();
  return reply;
}

absl::StatusOr<ModelRedis::Item> ModelRedis::Load(const KeyedRecord& keyed) const {
  const absl::optional<ModelRecord> parsed = ModelRecord::From(keyed.record);
  if (!parsed.has_value()) {
    return absl::InternalError("an item is not a record");
  }
  Item item;
  item.keyed = &keyed;
  item.new_record = *parsed;
  const auto stored = contents_.data.find(keyed.key);
  if (stored != contents_.data.end()) {
    item.old_record = ModelRecord::From(stored->second);
    item.old_bytes = item.old_record.has_value() ? stored->second : "";
    item.old_is_damaged = !item.old_record.has_value();
  }
  return item;
}

bool ModelRedis::IsAheadOfClock(const Item& item) const {
  const uint64_t limit_ms = static_cast<uint64_t>(absl::ToUnixMillis(now_() + kClockDriftMax));
  const bool steps_over = item.old_record.has_value() && item.old_record->time_ms + 1 >= item.new_record.time_ms;
  return item.new_record.time_ms > limit_ms && !steps_over;
}

// The sequence of an item that is stored already; 0 if the index has lost it.
uint64_t ModelRedis::KnownSequence(const Item& item) const {
  const auto found = contents_.index.find(item.keyed->key);
  return found == contents_.index.end() ? 0 : found->second;
}

uint64_t ModelRedis::Accept(const std::vector<Item>& items, uint64_t epoch, uint64_t origin) {
  uint64_t& sequence = contents_.meta.sequence;
  if (items.empty()) {
    return sequence;
  }
  std::optional<ContentSum>& sum = contents_.meta.sum;
  sum = contents_.data.empty() ? ContentSum() : sum;
  const Contents::Meta::Sizes before = contents_.Sizes();
  Contents::Meta::Sizes sizes = contents_.ExpectedSizes();
  EventMessage event;
  event.epoch = epoch;
  event.first_sequence = sequence + 1;
  event.origin = origin;
  for (const Item& item : items) {
    const auto& [key, record] = *item.keyed;
    if (item.old_is_damaged) {
      sum.reset();
    }
    if (sum.has_value()) {
      sum->Add(record);
    }
    if (sum.has_value() && item.old_record.has_value()) {
      sum->Remove(item.old_bytes);
    }
    contents_.data[key] = record;
    contents_.SetIndex(key, ++sequence);
    const bool by_reference = item.new_record.value_bytes > kInlineValueMaxBytes;
    event.items.push_back(
        EventItem{by_reference ? EventItem::Kind::kReference : EventItem::Kind::kRecord, key,
                  absl::string_view(record).substr(0, by_reference ? kVersionSizeBytes : record.size())});
  }
  sizes.records += contents_.data.size() - before.records;
  sizes.entries += contents_.index.size() - before.entries;
  sizes.sequence = sequence;
  contents_.meta.sizes = sizes;
  publish_(EncodeEventMessage(event));
  return sequence;
}

absl::StatusOr<MirrorReply> ModelRedis::Mirror(const MirrorBatch& batch) {
  DUNLIN_RETURN_IF_ERROR(CheckFormat());
  MirrorReply reply;
  reply.epoch = contents_.meta.epoch;
  if (contents_.meta.epoch != batch.epoch) {
    reply.outcome = MirrorReply::Outcome::kEpochChanged;
    return reply;
  }
  std::vector<Item> items;
  std::set<absl::string_view> keys;
  for (const KeyedRecord& keyed : batch.items) {
    DUNLIN_ASSIGN_OR_RETURN(Item item, Load(keyed));
    if (!keys.insert(keyed.key).second) {
      return absl::InternalError("an item repeats a key");
    }
    items.push_back(std::move(item));
  }
  reply.redis_time = NowMillis();
  const auto ahead = std::find_if(items.begin(), items.end(),
                                  [&](const Item& item) { return !batch.known_to_redis && IsAheadOfClock(item); });
  if (ahead != items.end()) {
    reply.outcome = MirrorReply::Outcome::kClockAhead;
    reply.refused_item = static_cast<size_t>(ahead - items.begin());
    for (const Item& item : items) {
      reply.stored_times.push_back(item.old_record.has_value() ? ReadBigEndian64(item.old_bytes) : 0);
    }
    return reply;
  }
  std::vector<Item> accepted;
  for (Item& item : items) {
    MirrorItemReply answer;
    if (item.Difference() < 0) {
      answer.outcome = MirrorItemReply::Outcome::kSuperseded;
      answer.winner = item.old_bytes;
    } else if (const uint64_t known = item.Difference() == 0 ? KnownSequence(item) : 0; known != 0) {
      answer.outcome = MirrorItemReply::Outcome::kAlreadyThere;
      answer.sequence = known;
    } else {
      accepted.push_back(std::move(item));
      answer.sequence = contents_.meta.sequence + accepted.size();
    }
    reply.items.push_back(std::move(answer));
  }
  reply.sequence = Accept(accepted, batch.epoch, batch.origin);
  return reply;
}

absl::StatusOr<ConditionalReply> ModelRedis::WriteIf(const ConditionalWrite& write) {
  DUNLIN_RETURN_IF_ERROR(CheckFormat());
  ConditionalReply reply;
  reply.epoch = contents_.meta.epoch;
  if (contents_.meta.epoch != write.epoch) {
    reply.outcome = ConditionalReply::Outcome::kEpochChanged;
    return reply;
  }
  DUNLIN_ASSIGN_OR_RETURN(const Item item, Load(write.item));
  reply.redis_time = NowMillis();
  const int difference = item.Difference();
  reply.sequence = difference == 0 ? KnownSequence(item) : 0;
  if (reply.sequence != 0) {
    return reply;
  }
  const auto now_ms = static_cast<uint64_t>(absl::ToUnixMillis(reply.redis_time));
  const bool live = item.old_record.has_value() && !item.old_record->tombstone &&
                    (item.old_record->expiry_ms == 0 || item.old_record->expiry_ms > now_ms);
  const bool holds = write.expected_version.has_value()
                         ? live && item.old_bytes.substr(0, kVersionSizeBytes) == *write.expected_version
                         : !live;
  if (difference != 0 && !holds) {
    reply.outcome = ConditionalReply::Outcome::kConditionFailed;
    reply.stored = item.old_bytes;
  } else if (difference < 0) {
    reply.outcome = ConditionalReply::Outcome::kStale;
    reply.stored = item.old_bytes;
  } else if (IsAheadOfClock(item)) {
    reply.outcome = ConditionalReply::Outcome::kClockAhead;
  } else {
    reply.sequence = Accept({item}, write.epoch, write.origin);
  }
  return reply;
}

absl::StatusOr<EpochInForce> ModelRedis::StartEpoch(const EpochProposal& proposal) {
  DUNLIN_RETURN_IF_ERROR(CheckFormat());
  Contents::Meta& meta = contents_.meta;
  if (meta.epoch == proposal.expected) {
    const bool part_lost = contents_.PartIsLost();
    meta.sequence = std::max({meta.sequence, proposal.minimum_sequence, contents_.LastIndexed()});
    meta.epoch = proposal.next;
    if (part_lost) {
      meta.sum.reset();
    }
    meta.sizes = contents_.Sizes();
  }
  return EpochInForce{meta.epoch, meta.sequence};
}

}  // namespace dunlin
