#include "storage/group_committer.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"
#include "storage/quota.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

// LMDB would refuse such a key in the middle of a group, and the whole group would fail with it.
absl::Status CheckKeys(const LocalWrite& write) {
  for (const Mutation& mutation : write.mutations) {
    if (mutation.key.empty() || mutation.key.size() > kKeySizeMaxBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("a key has 1 to ", kKeySizeMaxBytes, " bytes, not ", mutation.key.size()));
    }
  }
  return absl::OkStatus();
}

// An operation that was turned down has changed nothing and concerns nobody else in its group.
absl::Status UnlessTurnedDown(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ? absl::OkStatus() : status;
}

bool HasPut(const LocalWrite& write) {
  return std::any_of(write.mutations.begin(), write.mutations.end(),
                     [](const Mutation& mutation) { return mutation.kind == Mutation::Kind::kPut; });
}

bool IsPut(const Operation& operation) {
  const auto* write = std::get_if<WriteOperation>(&operation);
  return write != nullptr && HasPut(write->write);
}

bool IsDelete(const Operation& operation) {
  const auto* write = std::get_if<WriteOperation>(&operation);
  return write != nullptr && !HasPut(write->write);
}

// What the mirror has sent is owed by then, and made up for with whatever comes next.
bool IsNeitherPutNorProgress(const Operation& operation) {
  return IsDelete(operation) ||
         !(std::holds_alternative<WriteOperation>(operation) || std::holds_alternative<MirrorProgress>(operation));
}

}  // namespace

GroupCommitter::GroupCommitter(const Options& options, Store* store, HybridClock* clock, ChangeFeed* feed)
    : options_(options),
      store_(store),
      clock_(clock),
      feed_(feed),
      state_(store->state()),
      version_reserve_(store->version_reserve_),
      history_(store->revision_history()) {
  feed_->Publish({}, state_.revision);
}

// What an operation does may be taken back by a power failure after it was answered if Redis or another replica has it:
// it is had again from there, and what was sent is sent again. A rebuild also changes what was written here.
Persistence GroupCommitter::PersistenceOf(const Operation& operation) {
  const auto* apply = std::get_if<ApplyOperation>(&operation);
  const bool may_be_lost = apply != nullptr ? !apply->batch.awaits_sync && apply->batch.fleet_keys == nullptr
                                            : std::holds_alternative<MirrorProgress>(operation);
  return may_be_lost ? Persistence::kWritten : Persistence::kSynced;
}

GroupCommitter::Terms GroupCommitter::TermsOf(const OperationGroup& group) {
  Terms terms{Persistence::kWritten, true};
  for (const Operation& operation : group) {
    if (PersistenceOf(operation) == Persistence::kSynced) {
      terms.persistence = Persistence::kSynced;
    }
    terms.may_be_announced = terms.may_be_announced && (std::holds_alternative<WriteOperation>(operation) ||
                                                        std::holds_alternative<MirrorProgress>(operation));
  }
  return terms;
}

// ---- A group ----

void GroupCommitter::Commit(OperationGroup* group) {
  absl::Status status = CommitWhole(group);
  // A delete, which makes room, must not fail because it came together with a put, or with a batch of others, that does
  // not fit.
  for (const auto& keeps : {IsNeitherPutNorProgress, IsDelete}) {
    if (!absl::IsResourceExhausted(status)) {
      return;
    }
    status = CommitPart(keeps, group);
  }
}

// Commits those operations of `group` that `keeps` wants, if there are any.
absl::Status GroupCommitter::CommitPart(bool (*keeps)(const Operation&), OperationGroup* group) {
  OperationGroup part;
  std::vector<Operation*> places;
  for (Operation& operation : *group) {
    if (keeps(operation)) {
      places.push_back(&operation);
      part.push_back(std::move(operation));
    }
  }
  const absl::Status status = part.empty() ? absl::OkStatus() : CommitWhole(&part);
  for (size_t i = 0; i < part.size(); ++i) {
    *places[i] = std::move(part[i]);
  }
  return status;
}

absl::Status GroupCommitter::CommitWhole(OperationGroup* group) {
  absl::Status status = CheckRoom(*group);
  if (status.ok() && std::any_of(group->begin(), group->end(), IsPut)) {
    status = MeasureUsedBytes();
  }
  const auto execute_all = [&](Applier* applier, TableTxn*) {
    for (const MirrorProgress& progress : owed_progress_) {
      DUNLIN_RETURN_IF_ERROR(AdvanceMirrored(progress, applier));
    }
    for (Operation& operation : *group) {
      DUNLIN_RETURN_IF_ERROR(Execute(&operation, applier));
    }
    return absl::OkStatus();
  };
  if (status.ok()) {
    const Terms terms = TermsOf(*group);
    status = Transact(terms, execute_all);
    // On a full disk the journal cannot grow, but it can be emptied.
    if (absl::IsResourceExhausted(status) && store_->tables_->WriteAll().ok()) {
      status = Transact(terms, execute_all);
    }
  }
  if (status.ok()) {
    owed_progress_.clear();
    return status;
  }
  for (Operation& operation : *group) {
    // The mirror has moved on and does not say it again: what came later would leave the outbox's count wrong for ever.
    if (auto* progress = std::get_if<MirrorProgress>(&operation)) {
      owed_progress_.push_back(std::move(*progress));
    }
    SetError(status, &operation);
  }
  return status;
}

// What needs room in a database that is full is refused, unless there is some once it has taken over all that it was to
// take: deletions make room only then.
absl::Status GroupCommitter::CheckRoom(const OperationGroup& group) {
  size_t size_bytes = 0;
  for (const Operation& operation : group) {
    if (!IsDelete(operation) && !std::holds_alternative<MirrorProgress>(operation)) {
      size_bytes += SizeOf(operation);
    }
  }
  if (size_bytes == 0 || store_->tables_->CheckRoom(size_bytes).ok()) {
    return absl::OkStatus();
  }
  DUNLIN_RETURN_IF_ERROR(store_->tables_->WriteAll());
  return store_->tables_->CheckRoom(size_bytes);
}

// Measures what the quota is compared with. Above it, what has been deleted has to show at once.
absl::Status GroupCommitter::MeasureUsedBytes() {
  DUNLIN_ASSIGN_OR_RETURN(used_bytes_, store_->tables_->UsedBytes());
  if (!CheckQuota(used_bytes_, options_.quota_bytes).ok()) {
    // A database that is full is the business of CheckRoom().
    (void)store_->tables_->WriteAll();
    DUNLIN_ASSIGN_OR_RETURN(used_bytes_, store_->tables_->UsedBytes());
  }
  return absl::OkStatus();
}

// Runs `body` in a write transaction. On an error nothing has changed, in the tables or in state_.
absl::Status GroupCommitter::Transact(const Terms& terms,
                                      const std::function<absl::Status(Applier*, TableTxn*)>& body) {
  write_times_.Note(clock_->NowUnixMillis(), state_.revision);
  const StoreState before = state_;
  absl::Cleanup undo = [&] {
    state_ = before;
    positions_urgent_ = false;
  };
  DUNLIN_ASSIGN_OR_RETURN(TableTxn txn, store_->tables_->BeginWrite());
  Applier applier(&txn, &state_, store_->store_id(), clock_);
  if (feed_->wants_previous()) {
    applier.KeepPrevious();
  }
  DUNLIN_RETURN_IF_ERROR(body(&applier, &txn));
  DUNLIN_RETURN_IF_ERROR(applier.Finish());
  NoteExpiries(applier);
  DUNLIN_RETURN_IF_ERROR(CommitState(std::move(txn), &applier, before, terms));
  std::move(undo).Cancel();
  return absl::OkStatus();
}

// A clock that was put back lets new entries expire before what was swept last.
void GroupCommitter::NoteExpiries(const Applier& applier) {
  state_.expired_unix_ms = std::min(state_.expired_unix_ms, applier.now_unix_ms());
  if (applier.has_swept()) {
    state_.expired_latest_unix_ms = std::max(state_.expired_latest_unix_ms, applier.now_unix_ms());
  }
}

// Commits, unless nothing has changed but positions that can wait.
absl::Status GroupCommitter::CommitState(TableTxn txn, Applier* applier, const StoreState& before, const Terms& terms) {
  const bool has_to_be_written = applier->changed() || positions_urgent_;
  const std::vector<ChangePtr> changes = applier->TakeChanges();
  if (has_to_be_written) {
    DUNLIN_RETURN_IF_ERROR(CommitChanges(std::move(txn), changes, before, terms));
    positions_dirty_ = false;
    positions_urgent_ = false;
    positions_flushed_ = clock_->Now();
  } else {
    positions_dirty_ = positions_dirty_ || state_.applied_sequence != before.applied_sequence ||
                       state_.mirrored_revision != before.mirrored_revision ||
                       state_.complete_unix_ms != before.complete_unix_ms;
  }
  store_->SetState(state_);
  if (!changes.empty()) {
    feed_->Publish(changes, state_.revision);
  }
  return absl::OkStatus();
}

// Has what clients have written announced before it is synced, if each version is one that a power failure would not
// make the store give out again. Those that follow somebody's wrong clock, far ahead, are not reserved.
absl::Status GroupCommitter::CommitChanges(TableTxn txn, absl::Span<const ChangePtr> changes, const StoreState& before,
                                           const Terms& terms) {
  DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaState, EncodeStateNow()));
  if (state_.expired_latest_unix_ms != before.expired_latest_unix_ms) {
    DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaExpired, EncodeBigEndian64(state_.expired_latest_unix_ms)));
  }
  const bool is_synced = terms.persistence == Persistence::kSynced;
  const VersionReserve next = is_synced ? version_reserve_.After(state_.clock_time) : version_reserve_;
  if (next.upto() != version_reserve_.upto()) {
    DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaReserve, EncodeBigEndian64(next.upto())));
  }
  const bool is_reserved = std::all_of(changes.begin(), changes.end(), [this](const ChangePtr& change) {
    return version_reserve_.Covers(change->version.time);
  });
  DUNLIN_RETURN_IF_ERROR(txn.Commit(terms.persistence, [&] {
    if (terms.may_be_announced && is_reserved) {
      feed_->Announce(changes, before.revision);
    }
  }));
  version_reserve_ = next;
  return absl::OkStatus();
}

std::string GroupCommitter::EncodeStateNow() {
  state_.clock_offset_us = absl::ToInt64Microseconds(clock_->offset());
  return EncodeState(state_);
}

// An error here fails the whole group; an error of one operation alone is kept in its result.
absl::Status GroupCommitter::Execute(Operation* operation, Applier* applier) {
  if (auto* write = std::get_if<WriteOperation>(operation)) {
    return ExecuteWrite(write, applier);
  }
  if (auto* apply = std::get_if<ApplyOperation>(operation)) {
    apply->result = applier->ApplyRemote(apply->batch);
    return UnlessTurnedDown(apply->result.status());
  }
  if (auto* epoch = std::get_if<EpochOperation>(operation)) {
    ExecuteEpoch(epoch);
    return absl::OkStatus();
  }
  if (auto* restamp = std::get_if<RestampOperation>(operation)) {
    restamp->result = applier->Restamp(restamp->restamping);
    return restamp->result.status();
  }
  return AdvanceMirrored(std::get<MirrorProgress>(*operation), applier);
}

absl::Status GroupCommitter::AdvanceMirrored(const MirrorProgress& progress, Applier* applier) {
  return applier->AdvanceMirrored(progress, write_times_.After(progress.revision));
}

absl::Status GroupCommitter::ExecuteWrite(WriteOperation* operation, Applier* applier) {
  if (HasPut(operation->write)) {
    if (absl::Status status = CheckQuotas(); !status.ok()) {
      operation->result = std::move(status);
      return absl::OkStatus();
    }
  }
  const absl::Status keys = CheckKeys(operation->write);
  operation->result = keys.ok() ? applier->ApplyLocal(operation->write) : keys;
  return UnlessTurnedDown(operation->result.status());
}

absl::Status GroupCommitter::CheckQuotas() const {
  DUNLIN_RETURN_IF_ERROR(CheckQuota(used_bytes_, options_.quota_bytes));
  if (options_.standalone) {
    return absl::OkStatus();
  }
  const absl::Time unsent_since = absl::FromUnixMillis(static_cast<int64_t>(state_.unsent_since_unix_ms));
  return CheckOutbox(state_.unsent_bytes, options_.outbox_quota_bytes, clock_->Now() - unsent_since,
                     options_.outbox_age_max);
}

void GroupCommitter::ExecuteEpoch(EpochOperation* operation) {
  const EpochChange& change = operation->change;
  const bool refill = change.refill && !HoldsWhatRedisHolds(change);
  state_.epoch = change.epoch;
  state_.fleet_id = change.fleet_id;
  state_.primary = change.primary;
  state_.applied_sequence = change.refill && !refill ? change.redis->sequence : 0;
  positions_urgent_ = true;
  if (refill) {
    state_.mirrored_revision = 0;
    state_.refill_revision = state_.revision;
    state_.outbox_depth = state_.entries + state_.tombstones;
  }
  // In the new epoch nobody is known to have any of it.
  state_.own_revision = state_.revision;
  operation->result = EpochEntry{state_.applied_sequence, refill};
}

bool GroupCommitter::HoldsWhatRedisHolds(const EpochChange& change) const {
  return change.redis.has_value() && change.redis->records == state_.entries + state_.tombstones &&
         change.redis->sum == state_.content;
}

}  // namespace dunlin
