#include "tests/simulation/model_redis.h"

#include <xxhash.h>

#include <algorithm>
#include <iterator>
#include <map>
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
  position.unindexed = contents_.data.size() - std::min(contents_.data.size(), contents_.index.size());
  RenewLease(proposal.lease, &position);
  return position;
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

absl::StatusOr<ReindexReply> ModelRedis::Reindex(const ReindexQuery& query) {
  DUNLIN_RETURN_IF_ERROR(CheckFormat());
  ReindexReply reply;
  reply.epoch = contents_.meta.epoch;
  if (contents_.meta.epoch != query.epoch) {
    reply.epoch_changed = true;
    return reply;
  }
  // In an order that is the same whatever comes and goes meanwhile, as HSCAN's is.
  std::map<uint64_t, KeyedRecord> in_order;
  for (const auto& [key, record] : contents_.data) {
    in_order[XXH3_64bits(key.data(), key.size())] = {key, record};
  }
  std::vector<Item> found;
  size_t looked_at = 0;
  size_t size_bytes = 0;
  for (auto next = in_order.upper_bound(query.cursor); next != in_order.end(); ++next) {
    if (looked_at >= query.records_max || size_bytes >= query.size_max_bytes) {
      reply.next_cursor = std::prev(next)->first;
      break;
    }
    ++looked_at;
    const KeyedRecord& keyed = next->second;
    size_bytes += keyed.key.size() + keyed.record.size();
    if (contents_.index.count(keyed.key) == 0 && ModelRecord::From(keyed.record).has_value()) {
      DUNLIN_ASSIGN_OR_RETURN(Item item, Load(keyed));
      found.push_back(std::move(item));
    }
  }
  reply.found = found.size();
  Accept(found, query.epoch, query.origin);
  return reply;
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
  if (reply.redis_time > batch.not_after) {
    reply.outcome = MirrorReply::Outcome::kTooLate;
    return reply;
  }
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
  std::deque<KeyedRecord> reindexed;
  for (Item& item : items) {
    MirrorItemReply answer;
    if (item.Difference() < 0) {
      answer.outcome = MirrorItemReply::Outcome::kSuperseded;
      answer.winner = item.old_bytes;
      if (KnownSequence(item) == 0) {
        reindexed.push_back({item.keyed->key, item.old_bytes});
        DUNLIN_ASSIGN_OR_RETURN(Item stored, Load(reindexed.back()));
        accepted.push_back(std::move(stored));
      }
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
  NoteDelivered(batch);
  return reply;
}

void ModelRedis::NoteDelivered(const MirrorBatch& batch) {
  Contents::Meta::Delivered& delivered = contents_.meta.delivered[batch.origin];
  if (delivered.epoch != batch.epoch) {
    delivered = {batch.epoch, 0, 0};
  }
  if (batch.covered_before == 0 || batch.covered_before == delivered.cursor) {
    delivered.cursor = batch.covered_revision;
    delivered.whole = batch.is_whole ? batch.covered_revision : delivered.whole;
  }
}

absl::StatusOr<DeliveredReply> ModelRedis::FindDelivered(const std::vector<uint64_t>& store_ids) const {
  DUNLIN_RETURN_IF_ERROR(CheckFormat());
  DeliveredReply reply;
  reply.epoch = contents_.PartIsLost() ? kNoEpoch : contents_.meta.epoch;
  reply.sequence = contents_.meta.sequence;
  for (const uint64_t id : store_ids) {
    const auto found = contents_.meta.delivered.find(id);
    const bool is_known = found != contents_.meta.delivered.end() && found->second.epoch == reply.epoch;
    reply.revisions.push_back(is_known ? found->second.whole : 0);
  }
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
  if (reply.redis_time > write.not_after) {
    reply.outcome = ConditionalReply::Outcome::kTooLate;
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
