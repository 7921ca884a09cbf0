#include "sync/conditional_writer.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "storage/record.h"

namespace dunlin {

ConditionalWrite ConditionalWriter::Next(uint64_t epoch, absl::string_view stored_record) {
  const Request& request = requests_.front();
  epoch_ = epoch;
  // Once it may be in Redis, it keeps its version: that is how Redis recognises it.
  if (record_.empty()) {
    const bool is_delete = request.mutation.kind == Mutation::Kind::kDelete;
    const uint64_t stored_time = stored_record.empty() ? 0 : ReadVersion(stored_record).time;
    Record record;
    record.version.time = clock_->IssueForJudgement(std::min(std::max(stored_time, above_time_), UINT64_MAX - 1) + 1);
    record.version.origin = store_id_;
    record.tombstone = is_delete;
    if (!is_delete) {
      record.value = request.mutation.value;
      if (request.mutation.ttl != absl::InfiniteDuration()) {
        record.expiry_unix_ms =
            clock_->NowUnixMillis() + std::max<int64_t>(1, absl::ToInt64Milliseconds(request.mutation.ttl));
      }
    }
    not_after_ = clock_->Now() + SentAgeMaxOf(tombstone_horizon_);
    version_ = record.version;
    record_ = EncodeRecord(record);
  }
  ConditionalWrite write;
  write.epoch = epoch;
  write.origin = store_id_;
  write.not_after = not_after_;
  write.item = KeyedRecord{request.mutation.key, record_};
  if (request.precondition.kind == Precondition::Kind::kVersion) {
    std::string expected;
    AppendVersion(request.precondition.version, &expected);
    write.expected_version = std::move(expected);
  }
  return write;
}

absl::optional<ConditionalWriter::Outcome> ConditionalWriter::OnReply(const ConditionalReply& reply) {
  switch (reply.outcome) {
    case ConditionalReply::Outcome::kApplied:
      return Decide(absl::OkStatus());
    case ConditionalReply::Outcome::kConditionFailed:
      return Decide(maybe_done_ ? NotKnown() : ConditionError(reply));
    case ConditionalReply::Outcome::kStale:
      if (maybe_done_) {
        return Decide(NotKnown());
      }
      // What stands there is dead but has the higher version: try again above it.
      above_time_ = ReadVersion(reply.stored).time;
      if (above_time_ == UINT64_MAX) {
        return Decide(absl::FailedPreconditionError(absl::StrCat(
            "key \"", absl::CHexEscape(key()), "\" has the highest version there is and cannot be replaced")));
      }
      record_.clear();
      return absl::nullopt;
    case ConditionalReply::Outcome::kEpochChanged:
      return absl::nullopt;
    case ConditionalReply::Outcome::kTooLate:
      if (!maybe_done_ && !std::exchange(was_late_, true)) {
        record_.clear();
        return absl::nullopt;
      }
      return Decide(maybe_done_ ? NotKnown()
                                : NotDone("Redis' clock is far ahead of the fleet's as this replica knows it"));
    case ConditionalReply::Outcome::kClockAhead:
      if (!maybe_done_ && !std::exchange(clock_came_back_, true)) {
        // The clock may have been wrong and put right, and issue times that follow its wrong ones: once more.
        clock_->ComeBack();
        record_.clear();
        return absl::nullopt;
      }
      return Decide(maybe_done_ ? NotKnown() : NotDone("this replica's clock is too far ahead of Redis': check them"));
  }
  return absl::nullopt;
}

absl::optional<ConditionalWriter::Outcome> ConditionalWriter::OnRelayError(const absl::Status& error, bool maybe_done) {
  maybe_done_ = maybe_done_ || maybe_done;
  if (maybe_done_) {
    return absl::nullopt;
  }
  return Decide(NotDone(error.message()));
}

ConditionalWriter::Outcome ConditionalWriter::GiveUp() {
  assert(!maybe_done_);
  return Decide(NotDone(kNotJudgedInTime));
}

ConditionalWriter::Outcome ConditionalWriter::OnStoreError(const absl::Status& error) {
  return Decide(maybe_done_ ? NotKnown() : error);
}

std::vector<ConditionalWriter::Outcome> ConditionalWriter::OnOffline(const absl::Status& reason) {
  return TurnDown(reason.message(), [](const Request&, bool maybe_done) { return !maybe_done; });
}

std::vector<ConditionalWriter::Outcome> ConditionalWriter::Expire(absl::Time now) {
  return TurnDown(kNotJudgedInTime, [now](const Request& request, bool) { return request.deadline <= now; });
}

std::vector<ConditionalWriter::Outcome> ConditionalWriter::TurnDown(
    absl::string_view why, const std::function<bool(const Request& request, bool maybe_done)>& chosen) {
  std::vector<Outcome> outcomes;
  if (!requests_.empty() && chosen(requests_.front(), maybe_done_)) {
    outcomes.push_back(Decide(maybe_done_ ? NotKnown() : NotDone(why)));
  }
  // Those behind the first have not been put to Redis yet, nor has one that has just become the first.
  const size_t kept = outcomes.empty() ? std::min<size_t>(1, requests_.size()) : 0;
  const auto turned_down =
      std::stable_partition(requests_.begin() + kept, requests_.end(),
                            [&](const Request& request) { return !chosen(request, /*maybe_done=*/false); });
  for (auto it = turned_down; it != requests_.end(); ++it) {
    Outcome outcome;
    outcome.error = NotDone(why);
    outcome.done = std::move(it->done);
    outcomes.push_back(std::move(outcome));
  }
  requests_.erase(turned_down, requests_.end());
  return outcomes;
}

absl::Time ConditionalWriter::NextDeadline() const {
  absl::Time next = absl::InfiniteFuture();
  for (const Request& request : requests_) {
    next = std::min(next, request.deadline);
  }
  return next;
}

// Takes the first request out. What was made for it goes with it.
ConditionalWriter::Outcome ConditionalWriter::Decide(absl::Status error) {
  Request& request = requests_.front();
  Outcome outcome;
  outcome.error = std::move(error);
  outcome.version = version_;
  outcome.existed = request.precondition.kind == Precondition::Kind::kVersion;
  outcome.record.awaits_sync = true;
  outcome.record.seen_in_epoch = epoch_;
  outcome.record.records.push_back(VersionedRecord{request.mutation.key, std::move(record_)});
  outcome.done = std::move(request.done);
  requests_.pop_front();
  record_.clear();
  above_time_ = 0;
  clock_came_back_ = false;
  was_late_ = false;
  maybe_done_ = false;
  return outcome;
}

absl::Status ConditionalWriter::NotDone(absl::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("a write with a precondition is judged by Redis; nothing was changed: ", why));
}

absl::Status ConditionalWriter::NotKnown() {
  return absl::AbortedError(
      "Redis has not answered while the write was under way: it is not known whether it took place; read the key "
      "to find out");
}

absl::StatusOr<WriteResult> ConditionalWriter::ResultOf(const Version& version, bool existed,
                                                        absl::StatusOr<ApplyResult> stored) {
  if (stored.ok()) {
    return WriteResult{{version}, std::move(stored->revisions), {existed}, stored->position};
  }
  return absl::AbortedError(absl::StrCat("Redis has accepted the write as version ", VersionToString(version),
                                         ": it has taken place. This replica has not stored it yet, and gets it as an ",
                                         "event: ", stored.status().message()));
}

absl::Status ConditionalWriter::ConditionError(const ConditionalReply& reply) const {
  const Request& request = requests_.front();
  const std::string key = absl::StrCat("key \"", absl::CHexEscape(request.mutation.key), "\" ");
  const absl::StatusOr<Record> stored = DecodeRecord(reply.stored);
  const bool live = stored.ok() && !IsDead(*stored, clock_->NowUnixMillis());
  const std::string found =
      live ? absl::StrCat("exists with version ", VersionToString(stored->version)) : "does not exist";
  if (request.precondition.kind == Precondition::Kind::kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(key, found, "; the write asks for version ", VersionToString(request.precondition.version)));
  }
  return absl::FailedPreconditionError(absl::StrCat(key, found));
}

}  // namespace dunlin
