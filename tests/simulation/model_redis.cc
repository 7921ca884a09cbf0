#include "tests/simulation/model_redis.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "storage/record.h"
#include "storage/status_macros.h"
#include "sync/event_message.h"

namespace dunlin {
namespace {

constexpr int kFormat = 1;
constexpr size_t kFlagsOffset = kVersionSizeBytes;
constexpr size_t kRecordMinBytes = kVersionSizeBytes + 1 + kRecordChecksumSizeBytes;

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

// What the scripts see of a record: its first bytes and its last, unchecked.
struct ModelRedis::Parsed {
  Version version;
  uint64_t checksum = 0;
  uint64_t time_ms = 0;
  bool tombstone = false;
  uint64_t expiry_ms = 0;
  size_t value_bytes = 0;

  static absl::optional<Parsed> From(absl::string_view record) {
    if (record.size() < kRecordMinBytes) {
      return absl::nullopt;
    }
    const auto flags = static_cast<unsigned char>(record[kFlagsOffset]);
    Parsed parsed;
    parsed.version = ReadVersion(record);
    parsed.checksum = ReadBigEndian64(record.substr(record.size() - kRecordChecksumSizeBytes));
    parsed.time_ms = VersionTimeToUnixMillis(parsed.version.time);
    parsed.tombstone = (flags & 1) != 0;
    parsed.value_bytes = record.size() - kRecordMinBytes;
    if ((flags & 2) != 0) {
      if (parsed.value_bytes < 8) {
        return absl::nullopt;
      }
      parsed.expiry_ms = ReadBigEndian64(record.substr(kFlagsOffset + 1));
      parsed.value_bytes -= 8;
    }
    return parsed;
  }

  // Above 0 when this is the newer one, 0 when both are the same write.
  int Compare(const Parsed& other) const {
    const auto mine = std::tie(version.time, version.origin, checksum);
    const auto theirs = std::tie(other.version.time, other.version.origin, other.checksum);
    return mine < theirs ? -1 : (theirs < mine ? 1 : 0);
  }
};

// A record to be stored and what is stored under its key.
struct ModelRedis::Item {
  const KeyedRecord* keyed = nullptr;
  Parsed new_record;
  absl::optional<Parsed> old_record;
  std::string old_bytes;

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
  if (meta.epoch == kNoEpoch && proposal.epoch != kNoEpoch) {
    meta.sequence = std::max(meta.sequence, contents_.LastIndexed());
    meta.epoch = proposal.epoch;
    if (meta.fleet_id.empty()) {
      meta.fleet_id = proposal.fleet_id;
    }
    position.created = true;
  }
  position.epoch = meta.epoch;
  position.sequence = meta.sequence;
  position.gc_sequence = meta.gc_sequence;
  position.fleet_id = meta.fleet_id;
  position.redis_time = NowMillis();
  position.master_replid = replid;
  return position;
}

absl::StatusOr<RelayChangePage> ModelRedis::ReadChanges(uint64_t after, size_t items_max, size_t size_max_bytes) const {
  DUNLIN_RETURN_IF_ERROR(CheckFormat());
  RelayChangePage page;
  page.epoch = contents_.meta.epoch;
  page.sequence = contents_.meta.sequence;
  page.gc_sequence = contents_.meta.gc_sequence;
  page.redis_time = NowMillis();
  page.complete = true;
  uint64_t covered = after;
  size_t found = 0;
  size_t size = 0;
  for (auto entry = contents_.index_in_order.lower_bound({after + 1, ""}); entry != contents_.index_in_order.end();
       ++entry) {
    if (++found > items_max) {
      page.complete = false;
      break;
    }
    const auto& [sequence, key] = *entry;
    const auto record = contents_.data.find(key);
    if (record != contents_.data.end()) {
      size += key.size() + record->second.size();
      if (size > size_max_bytes && !page.changes.empty()) {
        page.complete = false;
        break;
      }
      page.changes.push_back(RelayChange{sequence, key, record->second});
    }
    covered = sequence;
  }
  page.covered_sequence = page.complete ? std::max(page.sequence, found > 0 ? covered : 0) : covered;
  return page;
}

absl::StatusOr<ModelRedis::Item> ModelRedis::Load(const KeyedRecord& keyed) const {
  const absl::optional<Parsed> parsed = Parsed::From(keyed.record);
  if (!parsed.has_value()) {
    return absl::InternalError("an item is not a record");
  }
  Item item;
  item.keyed = &keyed;
  item.new_record = *parsed;
  const auto stored = contents_.data.find(keyed.key);
  if (stored != contents_.data.end()) {
    item.old_record = Parsed::From(stored->second);
    item.old_bytes = item.old_record.has_value() ? stored->second : "";
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
  EventMessage event;
  event.epoch = epoch;
  event.first_sequence = sequence + 1;
  event.origin = origin;
  for (const Item& item : items) {
    const auto& [key, record] = *item.keyed;
    contents_.data[key] = record;
    contents_.SetIndex(key, ++sequence);
    const bool by_reference = item.new_record.value_bytes > kInlineValueMaxBytes;
    event.items.push_back(
        EventItem{by_reference ? EventItem::Kind::kReference : EventItem::Kind::kRecord, key,
                  absl::string_view(record).substr(0, by_reference ? kVersionSizeBytes : record.size())});
  }
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
  const auto ahead =
      std::find_if(items.begin(), items.end(), [this](const Item& item) { return IsAheadOfClock(item); });
  if (ahead != items.end()) {
    reply.outcome = MirrorReply::Outcome::kClockAhead;
    reply.refused_item = static_cast<size_t>(ahead - items.begin());
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
    meta.sequence = std::max({meta.sequence, proposal.minimum_sequence, contents_.LastIndexed()});
    meta.epoch = proposal.next;
  }
  return EpochInForce{meta.epoch, meta.sequence};
}

}  // namespace dunlin
