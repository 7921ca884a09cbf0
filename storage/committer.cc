#include "storage/committer.h"

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

absl::Status StoppedError() { return absl::CancelledError("the replica is shutting down"); }

// Whether the clock has come `period` after `last`. A clock that was set back must not stop what is periodic.
bool IsDue(absl::Time now, absl::Time last, absl::Duration period) { return now < last || now - last >= period; }

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

}  // namespace

Committer::Committer(const Options& options, Store* store, HybridClock* clock, ChangeFeed* feed)
    : options_(options), store_(store), clock_(clock), feed_(feed), state_(store->state()) {
  feed_->Publish({}, state_.revision);
  MutexLock lock(&stop_mutex_);
  thread_ = std::thread([this] { Run(); });
}

Committer::~Committer() { Stop(); }

void Committer::Write(LocalWrite write, WriteCallback done) {
  Operation operation = WriteOperation{std::move(write), std::move(done), StoppedError()};
  if (!Enqueue(&operation, /*bounded=*/true)) {
    Answer(&operation);
  }
}

void Committer::Apply(RemoteBatch batch, ApplyCallback done) {
  Operation operation = ApplyOperation{std::move(batch), std::move(done), StoppedError()};
  if (!Enqueue(&operation, /*bounded=*/false)) {
    Answer(&operation);
  }
}

void Committer::EnterEpoch(const EpochChange& change, StatusCallback done) {
  Operation operation = EpochOperation{change, std::move(done), StoppedError()};
  if (!Enqueue(&operation, /*bounded=*/false)) {
    Answer(&operation);
  }
}

void Committer::AdvanceMirrored(MirrorProgress progress) {
  Operation operation = std::move(progress);
  Enqueue(&operation, /*bounded=*/false);
}

void Committer::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    work_.SignalAll();
  }
  MutexLock lock(&stop_mutex_);
  if (thread_.joinable()) {
    thread_.join();
  }
}

// ---- The queue ----

size_t Committer::SizeOf(const Operation& operation) {
  size_t size = sizeof(Operation);
  if (const auto* write = std::get_if<WriteOperation>(&operation)) {
    for (const Mutation& mutation : write->write.mutations) {
      size += sizeof(Mutation) + mutation.key.size() + mutation.value.size();
    }
  } else if (const auto* apply = std::get_if<ApplyOperation>(&operation)) {
    for (const VersionedRecord& record : apply->batch.records) {
      size += sizeof(VersionedRecord) + record.key.size() + record.encoded_record.size();
    }
  }
  return size;
}

bool Committer::Enqueue(Operation* operation, bool bounded) {
  const size_t size = SizeOf(*operation);
  MutexLock lock(&mutex_);
  if (stopping_) {
    Fail(operation, StoppedError());
    return false;
  }
  if (bounded && (queue_.size() >= kCommitQueueWritesMax || queue_bytes_ + size > kCommitQueueMaxBytes)) {
    Fail(operation, absl::ResourceExhaustedError(absl::StrCat(
                        queue_.size(), " writes of ", queue_bytes_, " bytes wait for the disk already (limit ",
                        kCommitQueueWritesMax, " and ", kCommitQueueMaxBytes, "): write more slowly")));
    return false;
  }
  queue_bytes_ += size;
  queue_.push_back(std::move(*operation));
  work_.Signal();
  return true;
}

bool Committer::TakeGroup(Group* group) {
  MutexLock lock(&mutex_);
  if (queue_.empty() && !stopping_ && !sweep_again_) {
    work_.WaitWithTimeout(&mutex_, kSweepPeriod);
  }
  size_t bytes = 0;
  while (!queue_.empty() && group->size() < kCommitGroupWritesMax) {
    const size_t size = SizeOf(queue_.front());
    if (!group->empty() && bytes + size > kCommitGroupMaxBytes) {
      break;
    }
    bytes += size;
    queue_bytes_ -= size;
    group->push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return !stopping_ || !group->empty();
}

void Committer::Answer(Operation* operation) {
  if (auto* write = std::get_if<WriteOperation>(operation)) {
    write->done(std::move(write->result));
  } else if (auto* apply = std::get_if<ApplyOperation>(operation)) {
    apply->done(std::move(apply->result));
  } else if (auto* epoch = std::get_if<EpochOperation>(operation)) {
    epoch->done(epoch->result);
  }
}

void Committer::Fail(Operation* operation, const absl::Status& status) {
  if (auto* write = std::get_if<WriteOperation>(operation)) {
    write->result = status;
  } else if (auto* apply = std::get_if<ApplyOperation>(operation)) {
    apply->result = status;
  } else if (auto* epoch = std::get_if<EpochOperation>(operation)) {
    epoch->result = status;
  }
}

// ---- The thread ----

void Committer::Run() {
  Group group;
  while (TakeGroup(&group)) {
    if (!group.empty()) {
      CommitGroup(&group);
      group.clear();
    }
    Sweep();
    if (IsDue(clock_->Now(), positions_flushed_, kPositionFlushPeriod)) {
      FlushPositions();
    }
  }
  FlushPositions();
}

void Committer::CommitGroup(Group* group) {
  const absl::Status status = ExecuteAndCommit(group);
  for (Operation& operation : *group) {
    if (!status.ok()) {
      Fail(&operation, status);
    }
    Answer(&operation);
  }
}

absl::Status Committer::ExecuteAndCommit(Group* group) {
  return Transact([&](Applier* applier, LmdbTxn* txn) {
    DUNLIN_ASSIGN_OR_RETURN(used_bytes_, txn->UsedBytes());
    for (Operation& operation : *group) {
      DUNLIN_RETURN_IF_ERROR(Execute(&operation, applier));
    }
    return absl::OkStatus();
  });
}

// Runs `body` in a write transaction. On an error nothing has changed, in the tables or in state_.
absl::Status Committer::Transact(const std::function<absl::Status(Applier*, LmdbTxn*)>& body) {
  const StoreState before = state_;
  absl::Cleanup undo = [&] {
    state_ = before;
    positions_urgent_ = false;
  };
  DUNLIN_ASSIGN_OR_RETURN(LmdbTxn txn, store_->env_->BeginWrite());
  Applier applier(&txn, &state_, store_->store_id(), clock_);
  DUNLIN_RETURN_IF_ERROR(body(&applier, &txn));
  DUNLIN_RETURN_IF_ERROR(applier.Finish());
  DUNLIN_RETURN_IF_ERROR(CommitState(std::move(txn), &applier, before));
  std::move(undo).Cancel();
  return absl::OkStatus();
}

// Commits, unless nothing has changed but positions that can wait.
absl::Status Committer::CommitState(LmdbTxn txn, Applier* applier, const StoreState& before) {
  if (applier->changed() || positions_urgent_) {
    DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaState, EncodeState(state_)));
    DUNLIN_RETURN_IF_ERROR(txn.Commit());
    positions_dirty_ = false;
    positions_urgent_ = false;
    positions_flushed_ = clock_->Now();
  } else {
    positions_dirty_ = positions_dirty_ || state_.applied_sequence != before.applied_sequence ||
                       state_.mirrored_revision != before.mirrored_revision;
  }
  store_->SetState(state_);
  const std::vector<ChangePtr> changes = applier->TakeChanges();
  if (!changes.empty()) {
    feed_->Publish(changes, state_.revision);
  }
  return absl::OkStatus();
}

// An error here fails the whole group; an error of one operation alone is kept in its result.
absl::Status Committer::Execute(Operation* operation, Applier* applier) {
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
  return applier->AdvanceMirrored(std::get<MirrorProgress>(*operation));
}

absl::Status Committer::ExecuteWrite(WriteOperation* operation, Applier* applier) {
  if (used_bytes_ >= options_.quota_bytes && HasPut(operation->write)) {
    operation->result =
        absl::ResourceExhaustedError(absl::StrCat("the database uses ", used_bytes_, " bytes of its quota of ",
                                                  options_.quota_bytes, ": delete entries or raise --database-quota"));
    return absl::OkStatus();
  }
  const absl::Status keys = CheckKeys(operation->write);
  operation->result = keys.ok() ? applier->ApplyLocal(operation->write) : keys;
  return UnlessTurnedDown(operation->result.status());
}

void Committer::ExecuteEpoch(EpochOperation* operation) {
  const EpochChange& change = operation->change;
  state_.epoch = change.epoch;
  state_.fleet_id = change.fleet_id;
  state_.applied_sequence = 0;
  positions_urgent_ = true;
  if (change.refill) {
    state_.mirrored_revision = 0;
    state_.refill_revision = state_.revision;
    state_.outbox_depth = state_.entries + state_.tombstones;
  }
  operation->result = absl::OkStatus();
}

// ---- Between the groups ----

void Committer::Sweep() {
  const absl::Time now = clock_->Now();
  if (!sweep_again_ && !IsDue(now, expiries_swept_, kSweepPeriod)) {
    return;
  }
  expiries_swept_ = now;
  size_t swept = 0;
  const absl::Status status = Transact([&](Applier* applier, LmdbTxn* txn) {
    DUNLIN_ASSIGN_OR_RETURN(swept, applier->SweepExpired(kSweepEntriesMax));
    return SweepStaleChanges(applier, *txn);
  });
  // An error has changed nothing; it shows again at the next write, which reports it, and this waits its period.
  sweep_again_ = status.ok() && swept == kSweepEntriesMax;
}

absl::Status Committer::SweepStaleChanges(Applier* applier, const LmdbTxn& txn) {
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t changes, txn.Count(Table::kChanges));
  const uint64_t live = state_.entries + state_.tombstones;
  if (changes < live + std::max<uint64_t>(live, kStaleChangesMin)) {
    return absl::OkStatus();
  }
  DUNLIN_ASSIGN_OR_RETURN(change_sweep_revision_,
                          applier->SweepStaleChanges(change_sweep_revision_, kChangeSweepEntriesMax));
  return absl::OkStatus();
}

void Committer::FlushPositions() {
  if (!positions_dirty_) {
    return;
  }
  // On an error they stay dirty and are tried again a period later; what is on disk is older and as true.
  positions_flushed_ = clock_->Now();
  absl::StatusOr<LmdbTxn> txn = store_->env_->BeginWrite();
  if (!txn.ok() || !txn->Put(Table::kMeta, kMetaState, EncodeState(state_)).ok() || !txn->Commit().ok()) {
    return;
  }
  positions_dirty_ = false;
}

}  // namespace dunlin
