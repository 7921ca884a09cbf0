#include "storage/applier.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

// Whether the row has to be in `expiries`.
bool AwaitsExpiry(const RecordRow& row) { return row.record.expiry_unix_ms != 0 && !row.swept; }

ChangeType TypeOf(const RecordRow& row) {
  if (row.record.tombstone) {
    return ChangeType::kDelete;
  }
  return row.swept ? ChangeType::kExpire : ChangeType::kPut;
}

uint64_t ExpiryOf(const Mutation& mutation, uint64_t now_unix_ms) {
  if (mutation.kind == Mutation::Kind::kDelete || mutation.ttl == absl::InfiniteDuration()) {
    return 0;
  }
  return now_unix_ms + static_cast<uint64_t>(std::max<int64_t>(1, absl::ToInt64Milliseconds(mutation.ttl)));
}

// What the record takes of the outbox's quota.
uint64_t SizeInOutbox(absl::string_view key, const RecordRow& row) { return key.size() + row.encoded.size(); }

std::string Quoted(absl::string_view key) { return absl::StrCat("key \"", absl::CHexEscape(key), "\""); }

}  // namespace

absl::StatusOr<Applier::Stored> Applier::Read(absl::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn_->Get(Table::kRecords, key));
  Stored stored;
  if (!row.has_value()) {
    stored.status = absl::NotFoundError("absent");
    return stored;
  }
  const absl::StatusOr<RecordRow> decoded = DecodeRecordRow(key, *row);
  stored.status = decoded.status();
  if (decoded.ok()) {
    stored.row = *decoded;
  } else if (row->size() >= 8) {
    stored.row.revision = ReadBigEndian64(*row);
  }
  return stored;
}

absl::Status Applier::CheckPrecondition(const LocalWrite& write) const {
  const Precondition& precondition = write.precondition;
  if (precondition.kind == Precondition::Kind::kNone) {
    return absl::OkStatus();
  }
  const std::string& key = write.mutations.front().key;
  DUNLIN_ASSIGN_OR_RETURN(const Stored old, Read(key));
  if (!old.status.ok() && !absl::IsNotFound(old.status)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the precondition cannot be judged, write without one: ", old.status.message()));
  }
  const bool live = old.status.ok() && !ReadsAsAbsent(old.row, now_unix_ms_);
  if (precondition.kind == Precondition::Kind::kAbsent) {
    return live ? absl::FailedPreconditionError(
                      absl::StrCat(Quoted(key), " exists with version ", VersionToString(old.row.record.version)))
                : absl::OkStatus();
  }
  if (live && old.row.record.version == precondition.version) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      Quoted(key), " ", live ? absl::StrCat("has version ", VersionToString(old.row.record.version)) : "does not exist",
      "; the write asks for version ", VersionToString(precondition.version)));
}

// As Read(), for a row that a local write is going to replace.
absl::StatusOr<Applier::Stored> Applier::ReadReplaceable(absl::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(Stored old, Read(key));
  if (absl::IsFailedPrecondition(old.status)) {
    return old.status;
  }
  if (old.status.ok() && old.row.record.version.time == UINT64_MAX) {
    return absl::FailedPreconditionError(
        absl::StrCat(Quoted(key), " has the highest version there is and cannot be replaced"));
  }
  return old;
}

// The lowest time that a version which replaces `old` may have.
uint64_t Applier::TimeAfter(const Stored& old) { return old.status.ok() ? old.row.record.version.time + 1 : 0; }

// Returns the time of all versions of `write`: of two batches that do not know of each other, one then wins on every
// key that both write, and never half of each. Keys that somebody's wrong clock has stamped must not carry the others
// to their future: they get a time of their own.
//
// Looks at all keys before the first is changed, so that a write is turned down whole.
absl::StatusOr<Applier::BatchTimes> Applier::IssueForBatch(const LocalWrite& write) {
  BatchTimes at_least;
  for (const Mutation& mutation : write.mutations) {
    DUNLIN_ASSIGN_OR_RETURN(const Stored old, ReadReplaceable(mutation.key));
    at_least.Include(TimeAfter(old), clock_->IsFarAhead(TimeAfter(old)));
  }
  BatchTimes times;
  times.present = clock_->Issue(at_least.present, state_->revision + 1);
  times.future = at_least.future == 0 ? 0 : clock_->Issue(at_least.future, state_->revision + 1);
  return times;
}

void Applier::BatchTimes::Include(uint64_t at_least, bool is_far_ahead) {
  uint64_t& latest = is_far_ahead ? future : present;
  latest = std::max(latest, at_least);
}

// The one that is not before `at_least`; 0 if both are, as for a key that a batch writes twice, or if there is no
// batch.
uint64_t Applier::BatchTimes::For(uint64_t at_least) const {
  return at_least <= present ? present : (at_least <= future ? future : 0);
}

absl::StatusOr<WriteResult> Applier::ApplyLocal(const LocalWrite& write) {
  DUNLIN_RETURN_IF_ERROR(CheckPrecondition(write));
  BatchTimes batch_times;
  if (write.mutations.size() > 1) {
    DUNLIN_ASSIGN_OR_RETURN(batch_times, IssueForBatch(write));
  }
  WriteResult result;
  const uint64_t batch_first_revision = state_->revision + 1;
  for (const Mutation& mutation : write.mutations) {
    DUNLIN_ASSIGN_OR_RETURN(const Stored old, ReadReplaceable(mutation.key));
    Record record;
    const uint64_t at_least = TimeAfter(old);
    const uint64_t batch_time = batch_times.For(at_least);
    record.version.time = batch_time != 0 ? batch_time : clock_->Issue(at_least, state_->revision + 1);
    record.version.origin = store_id_;
    record.tombstone = mutation.kind == Mutation::Kind::kDelete;
    record.expiry_unix_ms = ExpiryOf(mutation, now_unix_ms_);
    record.value = record.tombstone ? absl::string_view() : absl::string_view(mutation.value);
    const std::string encoded = EncodeRecord(record);
    result.existed.push_back(old.status.ok() && !ReadsAsAbsent(old.row, now_unix_ms_));
    RecordRow row;
    row.unsent = true;
    row.encoded = encoded;
    row.record = record;
    DUNLIN_RETURN_IF_ERROR(Replace(mutation.key, old, row, batch_first_revision));
    result.versions.push_back(record.version);
    result.revisions.push_back(state_->revision);
  }
  state_->clock_time = clock_->last_issued();
  result.position = state_->PositionOf(store_id_);
  return result;
}

absl::StatusOr<ApplyResult> Applier::ApplyRemote(const RemoteBatch& batch) {
  std::vector<absl::StatusOr<Record>> records;
  records.reserve(batch.records.size());
  for (const VersionedRecord& incoming : batch.records) {
    records.push_back(DecodeRecord(incoming.encoded_record));
    if (absl::IsFailedPrecondition(records.back().status())) {
      return absl::FailedPreconditionError(absl::StrCat(Quoted(incoming.key), ": ", records.back().status().message()));
    }
  }
  ApplyResult result;
  const uint64_t batch_first_revision = state_->revision + 1;
  for (size_t i = 0; i < records.size(); ++i) {
    const VersionedRecord& incoming = batch.records[i];
    // A key that no replica would have written is damage too.
    if (!records[i].ok() || incoming.key.empty() || incoming.key.size() > kKeySizeMaxBytes) {
      ++result.damaged;
      result.revisions.push_back(0);
      continue;
    }
    DUNLIN_ASSIGN_OR_RETURN(const Stored old, Read(incoming.key));
    const bool stays = absl::IsFailedPrecondition(old.status) ||
                       (old.status.ok() && !Supersedes(incoming.encoded_record, old.row.encoded));
    if (old.status.ok() && old.row.record.version == records[i]->version &&
        old.row.encoded != incoming.encoded_record) {
      ++result.conflicts;
    }
    if (stays) {
      NoteTurnedDown(*records[i], old);
      result.revisions.push_back(old.row.revision);
      continue;
    }
    RecordRow row;
    row.unsent = batch.seen_in_epoch != 0 && batch.seen_in_epoch != state_->epoch;
    row.swept = records[i]->expiry_unix_ms != 0 && records[i]->expiry_unix_ms <= now_unix_ms_;
    row.encoded = incoming.encoded_record;
    row.record = *records[i];
    DUNLIN_RETURN_IF_ERROR(Replace(incoming.key, old, row, batch_first_revision));
    ++result.applied;
    result.revisions.push_back(state_->revision);
  }
  if (batch.fleet_keys != nullptr) {
    DUNLIN_ASSIGN_OR_RETURN(result.dropped, DropAbsent(batch));
  }
  if (batch.epoch != 0 && batch.epoch == state_->epoch) {
    state_->applied_sequence = std::max(state_->applied_sequence, batch.applied_sequence);
    if (batch.complete_as_of_unix_ms != 0) {
      state_->complete_unix_ms = batch.complete_as_of_unix_ms;
    }
  }
  result.position = state_->PositionOf(store_id_);
  return result;
}

// The own record may be stamped anew, with a version that must not come to lie below what was turned down for it: that
// counts as applied, and would be missing.
void Applier::NoteTurnedDown(const Record& incoming, const Stored& old) {
  if (old.status.ok() && state_->IsOwnAndNeverSent(old.row, store_id_)) {
    state_->turned_down_time = std::max(state_->turned_down_time, incoming.version.time);
  }
}

// Puts `successor`, which has no revision yet, in the place of `old`.
absl::Status Applier::Replace(absl::string_view key, const Stored& old, RecordRow successor,
                              uint64_t batch_first_revision) {
  changed_ = true;
  // Before any write: `old` is a view.
  Replaced replaced{PreviousOf(key, old, successor), keep_previous_ && !absl::IsDataLoss(old.status)};
  if (old.status.ok()) {
    DUNLIN_RETURN_IF_ERROR(Forget(key, old.row, successor));
  } else if (absl::IsDataLoss(old.status)) {
    recount_needed_ = true;
  }
  successor.revision = ++state_->revision;
  if (successor.unsent) {
    state_->own_revision = successor.revision;
  }
  return WriteRow(key, successor, batch_first_revision, std::move(replaced));
}

// Takes the old record out of the counts and the expiry table. It must come before any write: `old` is a view.
absl::Status Applier::Forget(absl::string_view key, const RecordRow& old, const RecordRow& successor) {
  Uncount(key, old);
  // What had expired was not lost to the successor.
  const bool expired = old.swept || (!old.record.tombstone && IsDead(old.record, now_unix_ms_));
  const bool own_for_other = old.record.version.origin == store_id_ && successor.record.version.origin != store_id_;
  if (state_->NeverSent(old) && !expired && own_for_other) {
    ++state_->writes_superseded;
  }
  if (AwaitsExpiry(old)) {
    return txn_->Delete(Table::kExpiries, EncodeExpiryKey(old.record.expiry_unix_ms, key));
  }
  return absl::OkStatus();
}

void Applier::Uncount(absl::string_view key, const RecordRow& row) {
  if (IsEntry(row)) {
    --state_->entries;
    state_->digest.Remove(key, row.encoded);
  } else {
    --state_->tombstones;
  }
  state_->content.Remove(row.encoded);
  if (state_->InOutbox(row)) {
    --state_->outbox_depth;
  }
  if (state_->NeverSent(row)) {
    state_->unsent_bytes -= SizeInOutbox(key, row);
  }
}

void Applier::Count(absl::string_view key, const RecordRow& row) {
  if (IsEntry(row)) {
    ++state_->entries;
    state_->digest.Add(key, row.encoded);
  } else {
    ++state_->tombstones;
  }
  state_->content.Add(row.encoded);
  if (state_->InOutbox(row)) {
    ++state_->outbox_depth;
  }
  if (state_->NeverSent(row)) {
    if (state_->unsent_bytes == 0) {
      state_->unsent_since_unix_ms = now_unix_ms_;
    }
    state_->unsent_bytes += SizeInOutbox(key, row);
  }
}

// What has expired is no entry any more, swept or not, for anything but its own end.
ChangePtr Applier::PreviousOf(absl::string_view key, const Stored& old, const RecordRow& successor) const {
  if (!keep_previous_ || !old.status.ok() || !IsEntry(old.row)) {
    return nullptr;
  }
  const bool is_its_end = successor.swept && successor.record.version == old.row.record.version;
  if (!is_its_end && IsDead(old.row.record, now_unix_ms_)) {
    return nullptr;
  }
  return std::make_shared<const Change>(
      MakeChange(ChangeType::kPut, old.row.revision, old.row.revision, key, old.row.encoded, old.row.record));
}

absl::Status Applier::WriteRow(absl::string_view key, const RecordRow& row, uint64_t batch_first_revision,
                               Replaced replaced) {
  Count(key, row);
  has_swept_ = has_swept_ || row.swept;
  auto change = std::make_shared<Change>(
      MakeChange(TypeOf(row), row.revision, batch_first_revision, key, row.encoded, row.record));
  change->previous = std::move(replaced.previous);
  change->knows_previous = replaced.is_known;
  change->unsent = row.unsent;
  changes_.push_back(std::move(change));
  DUNLIN_RETURN_IF_ERROR(txn_->Put(Table::kRecords, key, EncodeRecordRow(row)));
  if (AwaitsExpiry(row)) {
    DUNLIN_RETURN_IF_ERROR(txn_->Put(Table::kExpiries, EncodeExpiryKey(row.record.expiry_unix_ms, key), ""));
  }
  return txn_->Append(Table::kChanges, EncodeBigEndian64(row.revision), EncodeChangeRow(batch_first_revision, key));
}

absl::Status Applier::AdvanceMirrored(const MirrorProgress& progress, uint64_t written_after_unix_ms) {
  if (progress.epoch != state_->epoch || progress.revision <= state_->mirrored_revision) {
    return absl::OkStatus();
  }
  // They come in the order in which the outbox was read; what is told twice must not be taken out twice.
  uint64_t last = state_->mirrored_revision;
  for (const OutboxItem& sent : progress.sent) {
    if (sent.revision <= last || sent.revision > progress.revision) {
      continue;
    }
    last = sent.revision;
    DUNLIN_ASSIGN_OR_RETURN(const Stored stored, Read(sent.key));
    if (!stored.status.ok() || stored.row.revision != sent.revision) {
      continue;
    }
    if (state_->InOutbox(stored.row)) {
      --state_->outbox_depth;
    }
    if (state_->NeverSent(stored.row)) {
      state_->unsent_bytes -= SizeInOutbox(sent.key, stored.row);
    }
  }
  state_->mirrored_revision = progress.revision;
  state_->mirrored_high_revision = std::max(state_->mirrored_high_revision, progress.revision);
  if (progress.revision >= state_->refill_revision) {
    state_->refill_revision = 0;
  }
  state_->unsent_since_unix_ms =
      state_->unsent_bytes == 0 ? 0 : std::max(state_->unsent_since_unix_ms, written_after_unix_ms);
  return absl::OkStatus();
}

}  // namespace dunlin
