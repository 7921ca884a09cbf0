// What GroupCommitter (group_committer.h) does between the groups.

#include <algorithm>

#include "storage/group_committer.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

// Whether the clock has come `period` after `last`. A clock that was set back must not stop what is periodic.
bool IsDue(absl::Time now, absl::Time last, absl::Duration period) { return now < last || now - last >= period; }

}  // namespace

void GroupCommitter::RunDue() {
  if (!owed_progress_.empty()) {
    OperationGroup nothing_else;
    Commit(&nothing_else);
  }
  Sweep();
  Collect();
  if (IsDue(clock_->Now(), positions_flushed_, kPositionFlushPeriod)) {
    FlushPositions();
  }
  checkpoint_is_due_ = store_->tables_->FreezeIfDue(clock_->Now());
  if (checkpoint_is_due_ && !options_.checkpoints_elsewhere) {
    // TableEnv remembers what has become of it.
    (void)store_->tables_->WriteFrozen();
  }
}

void GroupCommitter::Finish() {
  FlushPositions();
  (void)store_->tables_->WriteAll();
}

void GroupCommitter::Sweep() {
  const absl::Time now = clock_->Now();
  if (!sweep_again_ && !IsDue(now, expiries_swept_, kSweepPeriod)) {
    return;
  }
  expiries_swept_ = now;
  size_t swept = 0;
  const absl::Status status = Transact(Terms(), [&](Applier* applier, TableTxn* txn) {
    DUNLIN_ASSIGN_OR_RETURN(swept, applier->SweepExpired(kSweepEntriesMax));
    if (swept < kSweepEntriesMax) {
      state_.expired_unix_ms = applier->now_unix_ms();
    }
    return SweepStaleChanges(applier, *txn);
  });
  // An error has changed nothing; it shows again at the next write, which reports it, and this waits its period.
  sweep_again_ = status.ok() && swept == kSweepEntriesMax;
}

absl::Status GroupCommitter::SweepStaleChanges(Applier* applier, const TableTxn& txn) {
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t changes, txn.Count(Table::kChanges));
  const uint64_t live = state_.entries + state_.tombstones;
  if (changes < live + std::max<uint64_t>(live, kStaleChangesMin)) {
    return absl::OkStatus();
  }
  DUNLIN_ASSIGN_OR_RETURN(change_sweep_revision_,
                          applier->SweepStaleChanges(change_sweep_revision_, kChangeSweepEntriesMax));
  return absl::OkStatus();
}

// One page of a round at a time; the rounds are a fraction of the horizon apart.
void GroupCommitter::Collect() {
  const absl::Time now = clock_->Now();
  const absl::Duration period = CollectionPeriodOf(options_.tombstone_horizon);
  if (collect_at_revision_ == 0 && !IsDue(now, collected_, period)) {
    return;
  }
  const absl::Status status = Transact(Terms(), [&](Applier* applier, TableTxn* txn) {
    if (collect_at_revision_ == 0) {
      DUNLIN_RETURN_IF_ERROR(NoteHistory(txn));
    }
    if (collect_upto_revision_ == 0) {
      return absl::OkStatus();
    }
    DUNLIN_ASSIGN_OR_RETURN(collect_at_revision_, applier->CollectDead({collect_at_revision_, collect_upto_revision_,
                                                                        kCollectedEntriesMax, options_.standalone}));
    return absl::OkStatus();
  });
  if (!status.ok()) {
    // The next round begins anew.
    collect_at_revision_ = 0;
  }
  if (collect_at_revision_ == 0) {
    collected_ = now;
  }
}

absl::Status GroupCommitter::NoteHistory(TableTxn* txn) {
  const uint64_t now_unix_ms = clock_->NowUnixMillis();
  const auto horizon_ms = static_cast<uint64_t>(absl::ToInt64Milliseconds(options_.tombstone_horizon));
  const auto period_ms =
      static_cast<uint64_t>(absl::ToInt64Milliseconds(CollectionPeriodOf(options_.tombstone_horizon)));
  collect_upto_revision_ = history_.RevisionAt(now_unix_ms - std::min(now_unix_ms, horizon_ms));
  // A store at rest has no more history to note.
  if (state_.revision == noted_revision_ || !history_.Note(now_unix_ms, state_.revision, period_ms)) {
    return absl::OkStatus();
  }
  noted_revision_ = state_.revision;
  positions_urgent_ = true;
  return txn->Put(Table::kMeta, kMetaHistory, history_.Encode());
}

void GroupCommitter::FlushPositions() {
  if (!positions_dirty_) {
    return;
  }
  // On an error they stay dirty and are tried again a period later; what is on disk is older and as true.
  positions_flushed_ = clock_->Now();
  absl::StatusOr<TableTxn> txn = store_->tables_->BeginWrite();
  if (!txn.ok() || !txn->Put(Table::kMeta, kMetaState, EncodeStateNow()).ok() || !txn->Commit().ok()) {
    return;
  }
  positions_dirty_ = false;
}

}  // namespace dunlin
