#include "storage/committer.h"

#include <chrono>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "storage/quota.h"
#include "storage/status_macros.h"
#include "storage/this_thread.h"

namespace dunlin {
namespace {

absl::Status StoppedError() { return absl::UnavailableError("the replica is shutting down"); }

}  // namespace

Committer::Committer(const Options& options, Store* store, HybridClock* clock, ChangeFeed* feed)
    : options_(options), store_(store), engine_(options, store, clock, feed) {
  if (options.checkpoints_elsewhere) {
    checkpoints_.emplace(store->tables_.get());
  }
  MutexLock lock(&stop_mutex_);
  thread_ = std::thread([this] { Run(); });
}

Committer::~Committer() { Stop(); }

void Committer::Write(LocalWrite write, WriteCallback done) {
  Operation operation = WriteOperation{std::move(write), std::move(done), StoppedError()};
  if (!Enqueue(&operation, /*bounded=*/true)) {
    TellResult(&operation);
  }
}

absl::Status Committer::CheckQuota() const {
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t used_bytes, store_->UsedBytes());
  return dunlin::CheckQuota(used_bytes, options_.quota_bytes);
}

void Committer::Apply(RemoteBatch batch, ApplyCallback done) {
  Operation operation = ApplyOperation{std::move(batch), std::move(done), StoppedError()};
  const size_t size = SizeOf(operation);
  if (GroupCommitter::PersistenceOf(operation) == Persistence::kWritten && size <= kCommitHereMaxBytes &&
      CommitHere(&operation, size)) {
    return;
  }
  if (!Enqueue(&operation, /*bounded=*/false)) {
    TellResult(&operation);
  }
}

void Committer::EnterEpoch(const EpochChange& change, EpochCallback done) {
  Operation operation = EpochOperation{change, std::move(done), StoppedError()};
  if (!Enqueue(&operation, /*bounded=*/false)) {
    TellResult(&operation);
  }
}

void Committer::Restamp(Restamping restamping, RestampCallback done) {
  Operation operation = RestampOperation{std::move(restamping), std::move(done), StoppedError()};
  if (!Enqueue(&operation, /*bounded=*/false)) {
    TellResult(&operation);
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

bool Committer::Enqueue(Operation* operation, bool bounded) {
  const size_t size = SizeOf(*operation);
  MutexLock lock(&mutex_);
  if (stopping_) {
    SetError(StoppedError(), operation);
    return false;
  }
  if (bounded && (queue_.size() >= kCommitQueueWritesMax || queue_bytes_ + size > kCommitQueueMaxBytes)) {
    SetError(absl::ResourceExhaustedError(
                 absl::StrCat(queue_.size(), " writes of ", queue_bytes_, " bytes wait for the disk already (limit ",
                              kCommitQueueWritesMax, " and ", kCommitQueueMaxBytes, "): write more slowly")),
             operation);
    return false;
  }
  Push(operation, size);
  return true;
}

void Committer::Push(Operation* operation, size_t size_bytes) {
  const bool can_wait = std::holds_alternative<MirrorProgress>(*operation);
  queue_bytes_ += size_bytes;
  queue_.push_back(std::move(*operation));
  if (!can_wait) {
    is_hurried_ = true;
    // Whose turn it is looks at the queue when it ends.
    if (!is_taken_) {
      work_.Signal();
    }
  }
}

void Committer::TakeGroup(OperationGroup* group) {
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
  is_hurried_ = !queue_.empty();
}

// ---- Turns ----

bool Committer::BeginTurn(bool more_is_due, OperationGroup* group) {
  MutexLock lock(&mutex_);
  if (!is_hurried_ && !stopping_ && !more_is_due) {
    work_.WaitWithTimeout(&mutex_, kSweepPeriod);
  }
  while (is_taken_) {
    // Nobody else comes first.
    is_hurried_ = true;
    work_.Wait(&mutex_);
  }
  is_taken_ = true;
  TakeGroup(group);
  return !stopping_ || !group->empty();
}

void Committer::EndTurn() {
  MutexLock lock(&mutex_);
  is_taken_ = false;
  if (is_hurried_) {
    work_.Signal();
  }
}

bool Committer::CommitHere(Operation* operation, size_t size_bytes) {
  OperationGroup group;
  {
    MutexLock lock(&mutex_);
    if (is_taken_ || is_hurried_ || stopping_) {
      return false;
    }
    is_taken_ = true;
    Push(operation, size_bytes);
    TakeGroup(&group);
  }
  Commit(&group);
  EndTurn();
  return true;
}

void Committer::Commit(OperationGroup* group) {
  const auto began = std::chrono::steady_clock::now();
  engine_.Commit(group);
  const absl::Duration took = absl::FromChrono(std::chrono::steady_clock::now() - began);
  if (options_.logger != nullptr && took >= options_.slow_commit) {
    options_.logger->Warning("a commit took long: the disk is slow, or busy with something else",
                             {{"seconds", absl::ToDoubleSeconds(took)}, {"operations", group->size()}});
  }
  for (Operation& operation : *group) {
    TellResult(&operation);
  }
}

void Committer::Run() {
  NameThisThread("committer");
  OperationGroup group;
  bool more_is_due = false;
  while (BeginTurn(more_is_due, &group)) {
    if (!group.empty()) {
      Commit(&group);
      group.clear();
    }
    engine_.RunDue();
    more_is_due = engine_.more_is_due();
    if (checkpoints_.has_value() && engine_.checkpoint_is_due()) {
      checkpoints_->Wake();
    }
    EndTurn();
  }
  checkpoints_.reset();
  engine_.Finish();
}

}  // namespace dunlin
