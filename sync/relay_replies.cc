#include "sync/relay_replies.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "storage/big_endian.h"
#include "storage/status_macros.h"
#include "storage/version.h"

namespace dunlin {
namespace {

using Type = RedisReply::Type;

// Takes the elements of an array one after the other. After the first that is not what was asked for, all answers are
// empty and status() tells why: a parser reads everything and asks once.
class Fields {
 public:
  // `reply` must outlive the Fields, which moves texts out of it.
  explicit Fields(RedisReply* reply) : elements_(reply->elements) {
    if (reply->type != Type::kArray) {
      Fail("not an array");
    }
  }

  bool AtEnd() const { return next_ >= elements_.size(); }
  const absl::Status& status() const { return status_; }

  std::string Text() {
    RedisReply* element = Take(Type::kString, "a string");
    return element == nullptr ? std::string() : std::move(element->text);
  }

  uint64_t Number() {
    const RedisReply* element = Take(Type::kInteger, "an integer");
    if (element != nullptr && element->integer < 0) {
      Fail("a negative number");
    }
    return status_.ok() ? static_cast<uint64_t>(element->integer) : 0;
  }

  absl::Time Time() { return absl::FromUnixMillis(static_cast<int64_t>(Number())); }

  // "" stands for kNoEpoch.
  uint64_t Epoch() {
    const std::string text = Text();
    const std::optional<uint64_t> epoch = text.empty() ? kNoEpoch : ParseEpoch(text);
    if (!epoch.has_value()) {
      Fail(absl::StrCat("\"", absl::CHexEscape(text), "\" for an epoch"));
    }
    return epoch.value_or(kNoEpoch);
  }

  // "" stands for an unknown sum. It is written as an epoch is.
  std::optional<ContentSum> Sum() {
    const std::string text = Text();
    const std::optional<uint64_t> sum = ParseEpoch(text);
    if (!text.empty() && !sum.has_value()) {
      Fail(absl::StrCat("\"", absl::CHexEscape(text), "\" for a sum"));
    }
    return sum.has_value() ? std::make_optional(ContentSum(*sum)) : std::nullopt;
  }

  // As HSCAN writes it: a number of 64 bits is no Redis integer.
  uint64_t Cursor() {
    const std::string text = Text();
    uint64_t cursor = 0;
    const bool digits = std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
    if (status_.ok() && (!digits || !absl::SimpleAtoi(text, &cursor))) {
      Fail(absl::StrCat("\"", absl::CHexEscape(text), "\" for a cursor"));
    }
    return cursor;
  }

  void Fail(absl::string_view what) {
    if (status_.ok()) {
      status_ = absl::DataLossError(absl::StrCat("unexpected answer: ", what, " at position ", next_,
                                                 "; do all replicas of the fleet run the same release?"));
    }
  }

 private:
  RedisReply* Take(Type type, absl::string_view type_name) {
    if (AtEnd() || elements_[next_].type != type) {
      Fail(absl::StrCat("something else than ", type_name));
    }
    return status_.ok() ? &elements_[next_++] : nullptr;
  }

  std::vector<RedisReply>& elements_;
  size_t next_ = 0;
  absl::Status status_;
};

// What an answer says of one item, by the outcomes of mirror.lua.
absl::Status ParseMirrorOutcome(Fields* fields, MirrorItemReply* item, uint64_t* next_sequence) {
  switch (fields->Number()) {
    case 1:
      item->outcome = MirrorItemReply::Outcome::kAlreadyThere;
      item->sequence = fields->Number();
      break;
    case 3:
      ++*next_sequence;
      [[fallthrough]];
    case 2:
      item->outcome = MirrorItemReply::Outcome::kSuperseded;
      item->winner = fields->Text();
      break;
    default:
      fields->Fail("an unknown outcome");
  }
  return fields->status();
}

absl::Status ParseAppliedBatch(Fields* fields, size_t items, MirrorReply* result) {
  result->epoch = fields->Epoch();
  result->sequence = fields->Number();
  result->redis_time = fields->Time();
  uint64_t next_sequence = fields->Number() + 1;
  result->items.resize(items);
  size_t next = 0;
  const auto store_up_to = [&](size_t end) {
    for (; next < end; ++next) {
      result->items[next].sequence = next_sequence++;
    }
  };
  while (fields->status().ok() && !fields->AtEnd()) {
    // Lua counts from 1.
    const uint64_t position = fields->Number();
    if (position <= next || position > items) {
      fields->Fail("an item that is not there");
    }
    DUNLIN_RETURN_IF_ERROR(fields->status());
    store_up_to(position - 1);
    DUNLIN_RETURN_IF_ERROR(ParseMirrorOutcome(fields, &result->items[next++], &next_sequence));
  }
  store_up_to(items);
  if (next_sequence != result->sequence + 1) {
    fields->Fail("sequences that do not end where the batch does,");
  }
  return fields->status();
}

// What stands behind `name` in an answer to INFO; empty if it is not there.
absl::string_view InfoField(absl::string_view info, absl::string_view name) {
  for (absl::string_view line : absl::StrSplit(info, '\n')) {
    if (absl::ConsumePrefix(&line, name)) {
      return absl::StripSuffix(line, "\r");
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<RelayPosition> ParsePosition(RedisReply reply) {
  Fields fields(&reply);
  RelayPosition position;
  position.epoch = fields.Epoch();
  position.sequence = fields.Number();
  position.gc_sequence = fields.Number();
  position.fleet_id = fields.Text();
  position.redis_time = fields.Time();
  position.created = fields.Number() != 0;
  position.records = fields.Number();
  position.sum = fields.Sum();
  position.rival_lease = fields.Text();
  position.caretaker = fields.Number() != 0;
  position.unindexed = fields.Number();
  DUNLIN_RETURN_IF_ERROR(fields.status());
  return position;
}

absl::StatusOr<RelayChangePage> ParseChangesPage(RedisReply reply) {
  Fields fields(&reply);
  RelayChangePage page;
  page.epoch = fields.Epoch();
  page.sequence = fields.Number();
  page.gc_sequence = fields.Number();
  page.redis_time = fields.Time();
  page.complete = fields.Number() != 0;
  page.covered_sequence = fields.Number();
  while (fields.status().ok() && !fields.AtEnd()) {
    RelayChange change;
    change.key = fields.Text();
    change.record = fields.Text();
    page.changes.push_back(std::move(change));
  }
  DUNLIN_RETURN_IF_ERROR(fields.status());
  return page;
}

absl::StatusOr<RelayRecords> ParseRecords(RedisReply reply) {
  Fields fields(&reply);
  RelayRecords records;
  records.epoch = fields.Epoch();
  while (fields.status().ok() && !fields.AtEnd()) {
    records.records.push_back(fields.Text());
  }
  if (records.records.empty()) {
    fields.Fail("no record");
  }
  DUNLIN_RETURN_IF_ERROR(fields.status());
  return records;
}

absl::StatusOr<MissingReply> ParseMissingReply(RedisReply reply) {
  Fields fields(&reply);
  MissingReply result;
  const std::string outcome = fields.Text();
  result.epoch_changed = outcome == "EPOCH";
  if (!result.epoch_changed && outcome != "OK") {
    fields.Fail("an unknown outcome");
  }
  result.epoch = fields.Epoch();
  while (fields.status().ok() && !fields.AtEnd()) {
    // Lua counts from 1.
    const uint64_t position = fields.Number();
    if (position == 0 || (!result.missing.empty() && position - 1 <= result.missing.back())) {
      fields.Fail("a position out of order");
    }
    result.missing.push_back(position - 1);
  }
  DUNLIN_RETURN_IF_ERROR(fields.status());
  return result;
}

absl::StatusOr<DeliveredReply> ParseDelivered(RedisReply reply, size_t stores) {
  Fields fields(&reply);
  DeliveredReply result;
  result.epoch = fields.Epoch();
  result.sequence = fields.Number();
  while (fields.status().ok() && !fields.AtEnd()) {
    result.revisions.push_back(fields.Number());
  }
  if (result.revisions.size() != stores) {
    fields.Fail("another number of stores");
  }
  DUNLIN_RETURN_IF_ERROR(fields.status());
  return result;
}

absl::StatusOr<CollectReply> ParseCollectReply(RedisReply reply) {
  Fields fields(&reply);
  CollectReply result;
  const std::string outcome = fields.Text();
  result.epoch = fields.Epoch();
  if (outcome == "OK") {
    result.removed = fields.Number();
    result.next_after = fields.Number();
    fields.Time();
  } else if (outcome == "EPOCH") {
    result.epoch_changed = true;
  } else {
    fields.Fail("an unknown outcome");
  }
  DUNLIN_RETURN_IF_ERROR(fields.status());
  return result;
}

absl::StatusOr<ReindexReply> ParseReindexReply(RedisReply reply) {
  Fields fields(&reply);
  ReindexReply result;
  const std::string outcome = fields.Text();
  result.epoch = fields.Epoch();
  if (outcome == "OK") {
    result.found = fields.Number();
    result.next_cursor = fields.Cursor();
  } else if (outcome == "EPOCH") {
    result.epoch_changed = true;
  } else {
    fields.Fail("an unknown outcome");
  }
  DUNLIN_RETURN_IF_ERROR(fields.status());
  return result;
}

absl::StatusOr<MirrorReply> ParseMirrorReply(RedisReply reply, size_t items) {
  Fields fields(&reply);
  MirrorReply result;
  const std::string outcome = fields.Text();
  if (outcome == "OK") {
    DUNLIN_RETURN_IF_ERROR(ParseAppliedBatch(&fields, items, &result));
  } else if (outcome == "EPOCH") {
    result.outcome = MirrorReply::Outcome::kEpochChanged;
    result.epoch = fields.Epoch();
  } else if (outcome == "CLOCK") {
    result.outcome = MirrorReply::Outcome::kClockAhead;
    result.redis_time = fields.Time();
    // Lua counts from 1.
    const uint64_t position = fields.Number();
    if (position == 0) {
      fields.Fail("no item");
    }
    result.refused_item = position - 1;
    while (fields.status().ok() && !fields.AtEnd()) {
      const std::string time = fields.Text();
      if (!time.empty() && time.size() != sizeof(uint64_t)) {
        fields.Fail("no time of a version");
      } else {
        result.stored_times.push_back(time.empty() ? 0 : ReadBigEndian64(time));
      }
    }
  } else if (outcome == "LATE") {
    result.outcome = MirrorReply::Outcome::kTooLate;
    result.redis_time = fields.Time();
  } else {
    fields.Fail("an unknown outcome");
  }
  DUNLIN_RETURN_IF_ERROR(fields.status());
  return result;
}

absl::StatusOr<ConditionalReply> ParseConditionalReply(RedisReply reply) {
  using Outcome = ConditionalReply::Outcome;
  Fields fields(&reply);
  ConditionalReply result;
  const std::string outcome = fields.Text();
  if (outcome == "OK") {
    result.epoch = fields.Epoch();
    result.sequence = fields.Number();
    result.redis_time = fields.Time();
  } else if (outcome == "CONDITION") {
    result.outcome = Outcome::kConditionFailed;
    result.stored = fields.Text();
  } else if (outcome == "STALE") {
    result.outcome = Outcome::kStale;
    result.stored = fields.Text();
    if (result.stored.size() < kVersionSizeBytes) {
      fields.Fail("a record without a version");
    }
  } else if (outcome == "EPOCH") {
    result.outcome = Outcome::kEpochChanged;
    result.epoch = fields.Epoch();
  } else if (outcome == "CLOCK" || outcome == "LATE") {
    result.outcome = outcome == "CLOCK" ? Outcome::kClockAhead : Outcome::kTooLate;
    result.redis_time = fields.Time();
  } else {
    fields.Fail("an unknown outcome");
  }
  DUNLIN_RETURN_IF_ERROR(fields.status());
  return result;
}

absl::StatusOr<EpochInForce> ParseEpochInForce(RedisReply reply) {
  Fields fields(&reply);
  EpochInForce in_force;
  in_force.epoch = fields.Epoch();
  in_force.sequence = fields.Number();
  DUNLIN_RETURN_IF_ERROR(fields.status());
  return in_force;
}

std::string ParseMasterReplid(absl::string_view info) { return std::string(InfoField(info, "master_replid:")); }

std::string ParseEvictionPolicy(absl::string_view info) {
  const absl::string_view limit = InfoField(info, "maxmemory:");
  const absl::string_view policy = InfoField(info, "maxmemory_policy:");
  const bool evicts = !limit.empty() && limit != "0" && absl::StartsWith(policy, "allkeys-");
  return evicts ? std::string(policy) : "";
}

}  // namespace dunlin
