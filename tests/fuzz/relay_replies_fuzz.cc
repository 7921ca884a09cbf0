// Goal: whatever Redis, or something that is not Redis, answers to a script, the answer is understood exactly when it
// has the shape that the script promises, and then says what stands in it; anything else is a told loss. An error is
// sorted into the table and names the place. Method: each input is made into a tree of replies and given to every
// parser; an independent description of the shapes, and the tree itself, say what has to come out.

#include "storage/big_endian.h"
#include "sync/relay_replies.h"

#include <string>

#include "absl/strings/match.h"
#include "storage/hybrid_clock.h"
#include "storage/limits.h"
#include "sync/conditional_writer.h"
#include "sync/epoch.h"
#include "sync/redis_error.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/reply_checks.h"
#include "tests/fuzz/reply_shapes.h"
#include "tests/fuzz/reply_tree.h"
#include "tests/support/fake_clock.h"

namespace dunlin {
namespace {

using Type = RedisReply::Type;

Milestone position_parsed("a position was understood");
Milestone page_parsed("a page with changes was understood");
Milestone batch_parsed("an answer to a batch of all three outcomes was understood");
Milestone restored_parsed("an answer that names a restored place in the index was understood");
Milestone condition_parsed("a failed condition was understood");
Milestone stale_parsed("a stale conditional write was understood");
Milestone clock_parsed("a refusal for the clock was understood");
Milestone epoch_parsed("a refusal for the epoch was understood");
Milestone records_parsed("records were understood");
Milestone missing_parsed("what Redis lacks was understood");
Milestone collected_parsed("a page of a collection was understood");
Milestone reindexed_parsed("a page of a search for what the index lacks was understood");
Milestone replid_parsed("a replication id was found");
Milestone error_known("an error of the table was sorted");
Milestone error_unknown("an error that is not in the table was sorted");

void CheckPosition(const RedisReply& reply) {
  const absl::StatusOr<RelayPosition> position = ParsePosition(reply);
  DUNLIN_REQUIRE(position.ok() == IsPosition(reply), position.status().ToString());
  if (!position.ok()) {
    return RequireLoss(position.status());
  }
  RequireEpoch(reply, 0, position->epoch);
  RequireNumber(reply, 1, position->sequence);
  RequireNumber(reply, 2, position->gc_sequence);
  RequireText(reply, 3, position->fleet_id);
  RequireTime(reply, 4, position->redis_time);
  DUNLIN_REQUIRE(position->created == (reply.elements[5].integer != 0), "");
  RequireNumber(reply, 6, position->records);
  RequireText(reply, 7, position->sum.has_value() ? FormatEpoch(position->sum->value()) : "");
  RequireText(reply, 8, position->rival_lease);
  DUNLIN_REQUIRE(position->caretaker == (reply.elements[9].integer != 0), "");
  RequireNumber(reply, 10, position->unindexed);
  DUNLIN_REQUIRE(position->master_replid.empty(), "");
  position_parsed.Reach();
}

void CheckChangesPage(const RedisReply& reply) {
  const absl::StatusOr<RelayChangePage> page = ParseChangesPage(reply);
  DUNLIN_REQUIRE(page.ok() == IsChangesPage(reply), page.status().ToString());
  if (!page.ok()) {
    return RequireLoss(page.status());
  }
  RequireEpoch(reply, 0, page->epoch);
  RequireNumber(reply, 1, page->sequence);
  RequireNumber(reply, 2, page->gc_sequence);
  RequireTime(reply, 3, page->redis_time);
  DUNLIN_REQUIRE(page->complete == (reply.elements[4].integer != 0), "");
  RequireNumber(reply, 5, page->covered_sequence);
  DUNLIN_REQUIRE(6 + 2 * page->changes.size() == reply.elements.size(), absl::StrCat(page->changes.size()));
  for (size_t i = 0; i < page->changes.size(); ++i) {
    RequireText(reply, 6 + 2 * i, page->changes[i].key);
    RequireText(reply, 7 + 2 * i, page->changes[i].record);
    page_parsed.Reach();
  }
}

// What is named says what stands there, and what is not was stored, by sequences that follow one another.
void CheckMirrorItems(const RedisReply& reply, const std::vector<MirrorItemReply>& items) {
  DUNLIN_REQUIRE(items.size() == kBatchItems, absl::StrCat(items.size()));
  size_t at = 5;
  bool seen[4] = {};
  auto sequence = static_cast<uint64_t>(reply.elements[4].integer);
  for (size_t i = 0; i < items.size(); ++i) {
    const bool named = at < reply.elements.size() && reply.elements[at].integer == static_cast<int64_t>(i) + 1;
    const int64_t outcome = named ? reply.elements[at + 1].integer : 0;
    sequence += outcome == 0 || outcome == 3 ? 1 : 0;
    if (outcome == 0) {
      DUNLIN_REQUIRE(items[i].outcome == MirrorItemReply::Outcome::kAccepted && items[i].sequence == sequence, "");
    } else if (outcome == 1) {
      DUNLIN_REQUIRE(items[i].outcome == MirrorItemReply::Outcome::kAlreadyThere, "");
      RequireNumber(reply, at + 2, items[i].sequence);
    } else {
      DUNLIN_REQUIRE(items[i].outcome == MirrorItemReply::Outcome::kSuperseded, "");
      RequireText(reply, at + 2, items[i].winner);
    }
    at += named ? 3 : 0;
    seen[outcome] = true;
  }
  DUNLIN_REQUIRE(at >= reply.elements.size(), "");
  if (seen[0] && seen[1] && seen[2]) {
    batch_parsed.Reach();
  }
  if (seen[3]) {
    restored_parsed.Reach();
  }
}

void CheckMirrorReply(const RedisReply& reply) {
  const absl::StatusOr<MirrorReply> result = ParseMirrorReply(reply, kBatchItems);
  DUNLIN_REQUIRE(result.ok() == IsMirrorReply(reply), result.status().ToString());
  if (!result.ok()) {
    return RequireLoss(result.status());
  }
  switch (result->outcome) {
    case MirrorReply::Outcome::kApplied:
      DUNLIN_REQUIRE(Says(reply, "OK"), "");
      RequireEpoch(reply, 1, result->epoch);
      RequireNumber(reply, 2, result->sequence);
      RequireTime(reply, 3, result->redis_time);
      return CheckMirrorItems(reply, result->items);
    case MirrorReply::Outcome::kEpochChanged:
      DUNLIN_REQUIRE(Says(reply, "EPOCH"), "");
      RequireEpoch(reply, 1, result->epoch);
      return epoch_parsed.Reach();
    case MirrorReply::Outcome::kClockAhead:
      DUNLIN_REQUIRE(Says(reply, "CLOCK"), "");
      RequireTime(reply, 1, result->redis_time);
      RequireNumber(reply, 2, result->refused_item + 1);
      DUNLIN_REQUIRE(result->stored_times.size() == reply.elements.size() - 3, "");
      for (size_t i = 0; i < result->stored_times.size(); ++i) {
        const std::string& time = reply.elements[i + 3].text;
        DUNLIN_REQUIRE(result->stored_times[i] == (time.empty() ? 0 : ReadBigEndian64(time)), "");
      }
      return clock_parsed.Reach();
    case MirrorReply::Outcome::kTooLate:
      DUNLIN_REQUIRE(Says(reply, "LATE"), "");
      return RequireTime(reply, 1, result->redis_time);
  }
}

// What takes the answer looks into it without asking again whether it is sound.
void CheckConditionalWriterTakes(const ConditionalReply& reply) {
  FakeClock wall_clock;
  HybridClock clock(&wall_clock);
  ConditionalWriter writer(/*store_id=*/1, &clock, kTombstoneHorizonDefault);
  ConditionalWriter::Request request;
  request.mutation.key = "key";
  request.done = [](const absl::StatusOr<WriteResult>&) {};
  writer.Add(std::move(request));
  writer.Next(/*epoch=*/1, /*stored_record=*/"");
  const absl::optional<ConditionalWriter::Outcome> outcome = writer.OnReply(reply);
  DUNLIN_REQUIRE(outcome.has_value() == writer.empty(), "");
  DUNLIN_REQUIRE(!outcome.has_value() || outcome->error.ok() == (reply.outcome == ConditionalReply::Outcome::kApplied),
                 outcome->error.ToString());
}

void CheckConditionalReply(const RedisReply& reply) {
  using Outcome = ConditionalReply::Outcome;
  const absl::StatusOr<ConditionalReply> result = ParseConditionalReply(reply);
  DUNLIN_REQUIRE(result.ok() == IsConditionalReply(reply), result.status().ToString());
  if (!result.ok()) {
    return RequireLoss(result.status());
  }
  CheckConditionalWriterTakes(*result);
  switch (result->outcome) {
    case Outcome::kApplied:
      DUNLIN_REQUIRE(Says(reply, "OK"), "");
      RequireEpoch(reply, 1, result->epoch);
      RequireNumber(reply, 2, result->sequence);
      return RequireTime(reply, 3, result->redis_time);
    case Outcome::kConditionFailed:
    case Outcome::kStale:
      DUNLIN_REQUIRE(Says(reply, result->outcome == Outcome::kStale ? "STALE" : "CONDITION"), "");
      RequireText(reply, 1, result->stored);
      return (result->outcome == Outcome::kStale ? stale_parsed : condition_parsed).Reach();
    case Outcome::kEpochChanged:
      DUNLIN_REQUIRE(Says(reply, "EPOCH"), "");
      return RequireEpoch(reply, 1, result->epoch);
    case Outcome::kClockAhead:
    case Outcome::kTooLate:
      DUNLIN_REQUIRE(Says(reply, result->outcome == Outcome::kTooLate ? "LATE" : "CLOCK"), "");
      return RequireTime(reply, 1, result->redis_time);
  }
}

void CheckEpochInForce(const RedisReply& reply) {
  const absl::StatusOr<EpochInForce> in_force = ParseEpochInForce(reply);
  DUNLIN_REQUIRE(in_force.ok() == IsEpochInForce(reply), in_force.status().ToString());
  if (!in_force.ok()) {
    return RequireLoss(in_force.status());
  }
  RequireEpoch(reply, 0, in_force->epoch);
  RequireNumber(reply, 1, in_force->sequence);
}

void CheckRecords(const RedisReply& reply) {
  const absl::StatusOr<RelayRecords> records = ParseRecords(reply);
  DUNLIN_REQUIRE(records.ok() == IsRecords(reply), records.status().ToString());
  if (!records.ok()) {
    return RequireLoss(records.status());
  }
  RequireEpoch(reply, 0, records->epoch);
  DUNLIN_REQUIRE(1 + records->records.size() == reply.elements.size(), absl::StrCat(records->records.size()));
  for (size_t i = 0; i < records->records.size(); ++i) {
    RequireText(reply, 1 + i, records->records[i]);
  }
  records_parsed.Reach();
}

void CheckMissingReply(const RedisReply& reply) {
  const absl::StatusOr<MissingReply> result = ParseMissingReply(reply);
  DUNLIN_REQUIRE(result.ok() == IsMissingReply(reply), result.status().ToString());
  if (!result.ok()) {
    return RequireLoss(result.status());
  }
  DUNLIN_REQUIRE(result->epoch_changed == Says(reply, "EPOCH"), "");
  RequireEpoch(reply, 1, result->epoch);
  DUNLIN_REQUIRE(2 + result->missing.size() == reply.elements.size(), absl::StrCat(result->missing.size()));
  for (size_t i = 0; i < result->missing.size(); ++i) {
    RequireNumber(reply, 2 + i, result->missing[i] + 1);
    missing_parsed.Reach();
  }
}

void CheckCollectReply(const RedisReply& reply) {
  const absl::StatusOr<CollectReply> result = ParseCollectReply(reply);
  DUNLIN_REQUIRE(result.ok() == IsCollectReply(reply), result.status().ToString());
  if (!result.ok()) {
    return RequireLoss(result.status());
  }
  DUNLIN_REQUIRE(result->epoch_changed == Says(reply, "EPOCH"), "");
  RequireEpoch(reply, 1, result->epoch);
  if (!result->epoch_changed) {
    RequireNumber(reply, 2, result->removed);
    RequireNumber(reply, 3, result->next_after);
    collected_parsed.Reach();
  }
}

void CheckReindexReply(const RedisReply& reply) {
  const absl::StatusOr<ReindexReply> result = ParseReindexReply(reply);
  DUNLIN_REQUIRE(result.ok() == IsReindexReply(reply), result.status().ToString());
  if (!result.ok()) {
    return RequireLoss(result.status());
  }
  DUNLIN_REQUIRE(result->epoch_changed == Says(reply, "EPOCH"), "");
  RequireEpoch(reply, 1, result->epoch);
  if (!result->epoch_changed) {
    RequireNumber(reply, 2, result->found);
    // "007" is a seven as well.
    DUNLIN_REQUIRE(absl::EndsWith(reply.elements[3].text, absl::StrCat(result->next_cursor)), "");
    reindexed_parsed.Reach();
  }
}

void CheckMasterReplid(absl::string_view info) {
  const std::string replid = ParseMasterReplid(info);
  DUNLIN_REQUIRE(!absl::StrContains(replid, '\n'), "");
  if (!replid.empty()) {
    DUNLIN_REQUIRE(absl::StrContains(absl::StrCat("\n", info), absl::StrCat("\nmaster_replid:", replid)), replid);
    replid_parsed.Reach();
  }
}

void CheckError(absl::string_view error) {
  const absl::Status status = RedisErrorToStatus(error, "the place");
  DUNLIN_REQUIRE(!status.ok(), "");
  DUNLIN_REQUIRE(absl::StartsWith(status.message(), absl::StrCat("the place: ", error, " (")), status.ToString());
  const bool unknown = absl::EndsWith(status.message(), "see the documentation of Redis)");
  DUNLIN_REQUIRE(!unknown || absl::IsInternal(status), status.ToString());
  (unknown ? error_unknown : error_known).Reach();
  // Only what passes by itself is tried again at once; an error of Redis never looks like a broken connection.
  const RedisRemedy remedy = RemedyOf(status);
  DUNLIN_REQUIRE((remedy == RedisRemedy::kRetry) == absl::IsUnavailable(status), status.ToString());
  DUNLIN_REQUIRE((remedy == RedisRemedy::kLoadScript) == absl::IsNotFound(status), status.ToString());
}

void CheckReplies(absl::string_view input) {
  ByteSource source(input);
  const RedisReply reply = ReadReplyTree(&source);
  if (reply.is_error()) {
    // The parsers are never given one.
    return CheckError(reply.text);
  }
  CheckPosition(reply);
  CheckChangesPage(reply);
  CheckMirrorReply(reply);
  CheckConditionalReply(reply);
  CheckEpochInForce(reply);
  CheckRecords(reply);
  CheckMissingReply(reply);
  CheckCollectReply(reply);
  CheckReindexReply(reply);
  CheckMasterReplid(reply.text);
}

}  // namespace
}  // namespace dunlin

DUNLIN_FUZZ_TARGET(dunlin::CheckReplies);
