#include "sync/mirror_thread.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "storage/limits.h"

namespace dunlin {
namespace {

// Whether a conditional write that ended in `error` may have taken place. What Redis refuses it refuses before it
// writes; an answer that was lost, or cannot be understood, may have been a yes.
bool MayHaveTakenPlace(const absl::Status& error, bool connected) {
  return !connected || absl::IsDataLoss(error) || absl::IsInternal(error) || absl::IsDeadlineExceeded(error) ||
         absl::IsCancelled(error);
}

}  // namespace

MirrorThread::MirrorThread(const Mirror::Options& options, Parts parts)
    : parts_(std::move(parts)), mirror_(options), conditional_(options.store_id, parts_.clock) {}

MirrorThread::~MirrorThread() { Stop(); }

void MirrorThread::Start() {
  parts_.acks->OnMirrored(mirror_.mirrored_revision());
  parts_.feed->Subscribe(Selector(), this);
  thread_ = std::thread([this] { Run(); });
}

void MirrorThread::Stop() {
  wake_.Stop();
  parts_.relay->Interrupt();
  if (thread_.joinable()) {
    thread_.join();
  }
  parts_.feed->Unsubscribe(this);
  parts_.acks->Shutdown();
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
  }
  TakeInputs();
  Finish(conditional_.Expire(absl::InfiniteFuture()));
  // The committer's answers refer to this object.
  MutexLock lock(&mutex_);
  while (outstanding_ > 0) {
    all_answered_.Wait(&mutex_);
  }
}

absl::Status MirrorThread::error() const {
  MutexLock lock(&mutex_);
  return error_;
}

void MirrorThread::WriteIf(ConditionalWriter::Request request) {
  request.after_revision = parts_.store->state().revision;
  {
    MutexLock lock(&mutex_);
    if (!stopped_) {
      requests_.push_back(std::move(request));
      wake_.Wake();
      return;
    }
  }
  request.done(absl::UnavailableError("the replica is shutting down"));
}

void MirrorThread::OnEpochEntered() {
  MutexLock lock(&mutex_);
  epoch_entered_ = true;
  wake_.Wake();
}

void MirrorThread::OnChanges(absl::Span<const ChangePtr>) {
  MutexLock lock(&mutex_);
  committed_ = true;
  wake_.Wake();
}

// ---- The loop ----

void MirrorThread::Run() {
  while (!wake_.stopped()) {
    TakeInputs();
    ExpireLate();
    MaybeJudge();
    PublishError();
    Mirror::Action action = mirror_.Next(steady_.Now());
    std::visit([this](auto& what) { Do(what); }, action);
  }
}

void MirrorThread::TakeInputs() {
  bool committed;
  bool epoch_entered;
  std::vector<ConditionalWriter::Request> requests;
  absl::optional<absl::StatusOr<ApplyResult>> winners_stored;
  {
    MutexLock lock(&mutex_);
    winners_stored = std::exchange(winners_stored_, absl::nullopt);
    committed = std::exchange(committed_, false);
    epoch_entered = std::exchange(epoch_entered_, false);
    requests.swap(requests_);
  }
  if (winners_stored.has_value()) {
    TakeWinnersStored(*winners_stored);
  }
  if (epoch_entered) {
    const StoreState state = parts_.store->state();
    mirror_.OnEpoch(state.epoch, state.mirrored_revision);
    parts_.acks->OnMirrored(state.mirrored_revision);
  }
  if (committed) {
    mirror_.OnCommitted();
  }
  for (ConditionalWriter::Request& request : requests) {
    conditional_.Add(std::move(request));
  }
}

void MirrorThread::TakeWinnersStored(const absl::StatusOr<ApplyResult>& stored) {
  mirror_.OnWinnersStored(stored.status(), steady_.Now());
  if (stored.ok() && stored->damaged > 0) {
    parts_.logger->Error("redis has damaged records in the place of own writes", {{"count", stored->damaged}});
  }
}

void MirrorThread::PublishError() {
  absl::Status before;
  {
    MutexLock lock(&mutex_);
    before = std::exchange(error_, mirror_.error());
  }
  if (!mirror_.error().ok() && mirror_.error() != before) {
    parts_.logger->Warning("mirror error", {{"error", mirror_.error().ToString()}});
  }
}

void MirrorThread::ExpireLate() {
  const absl::Time now = steady_.Now();
  Finish(conditional_.Expire(now));
  next_deadline_ = std::min(conditional_.NextDeadline(), parts_.acks->Expire(now));
}

// ---- Conditional writes ----

void MirrorThread::MaybeJudge() {
  if (!mirror_.connected() && !mirror_.error().ok()) {
    Finish(conditional_.OnOffline(mirror_.error()));
  }
  const bool due = !outbox_has_turn_ && conditional_.WantsIdleMirror(mirror_.mirrored_revision());
  if (due && mirror_.idle()) {
    Judge();
    outbox_has_turn_ = true;
  }
  mirror_.SetPaused(due && !outbox_has_turn_);
}

bool MirrorThread::ConnectionAnswers() {
  const absl::Status status = parts_.relay->ReadPosition(PositionProposal()).status();
  if (!status.ok()) {
    Failed(status);
    return false;
  }
  return true;
}

void MirrorThread::Judge() {
  // A connection that broke while it was idle shows only at the next call: better at one that leaves nothing in doubt.
  if (!ConnectionAnswers()) {
    return;
  }
  const absl::StatusOr<std::string> stored = parts_.store->GetRecord(conditional_.key());
  if (!stored.ok()) {
    Finish(conditional_.OnStoreError(stored.status()));
    return;
  }
  const absl::StatusOr<ConditionalReply> reply = parts_.relay->WriteIf(conditional_.Next(mirror_.epoch(), *stored));
  absl::optional<ConditionalWriter::Outcome> outcome;
  if (!reply.ok()) {
    // An error that Redis answered changed nothing; a connection that broke may have carried the write.
    outcome = conditional_.OnRelayError(reply.status(), MayHaveTakenPlace(reply.status(), parts_.relay->connected()));
    Failed(reply.status());
  } else {
    outcome = conditional_.OnReply(*reply);
    if (reply->outcome == ConditionalReply::Outcome::kEpochChanged) {
      Failed(absl::AbortedError("Redis holds another epoch than this store"));
      parts_.on_epoch_refused();
    }
  }
  if (outcome.has_value()) {
    Finish(*std::move(outcome));
  }
}

void MirrorThread::Finish(std::vector<ConditionalWriter::Outcome> outcomes) {
  for (ConditionalWriter::Outcome& outcome : outcomes) {
    Finish(std::move(outcome));
  }
}

void MirrorThread::Finish(ConditionalWriter::Outcome outcome) {
  if (!outcome.error.ok()) {
    outcome.done(outcome.error);
    return;
  }
  {
    MutexLock lock(&mutex_);
    ++outstanding_;
  }
  parts_.committer->Apply(std::move(outcome.record),
                          [this, version = outcome.version, existed = outcome.existed,
                           done = std::move(outcome.done)](absl::StatusOr<ApplyResult> result) mutable {
                            if (result.ok()) {
                              done(WriteResult{{version}, result->revisions, {existed}, result->position});
                            } else {
                              done(result.status());
                            }
                            MutexLock lock(&mutex_);
                            --outstanding_;
                            all_answered_.Signal();
                          });
}

// ---- The actions ----

void MirrorThread::Do(const Mirror::Wait& wait) {
  // Nothing to send: the turn goes back at once.
  if (std::exchange(outbox_has_turn_, false) && !conditional_.empty()) {
    return;
  }
  wake_.WaitFor(std::min(wait.until, next_deadline_) - steady_.Now());
}

void MirrorThread::Do(const Mirror::Connect&) {
  const absl::Status status = parts_.relay->Connect(absl::Now() + kRedisTimeout);
  if (status.ok()) {
    mirror_.OnConnected();
  } else {
    Failed(status);
  }
}

void MirrorThread::Do(const Mirror::ReadOutbox& read) {
  absl::StatusOr<ChangePage> page =
      parts_.store->ReadOutbox(read.after_revision, read.changes_max, read.size_max_bytes);
  if (page.ok()) {
    mirror_.OnOutboxPage(*std::move(page));
  } else {
    Failed(page.status());
  }
}

void MirrorThread::Do(const Mirror::Send& send) {
  outbox_has_turn_ = false;
  const absl::Status status = parts_.relay->SendMirror(send.batch);
  if (status.ok()) {
    mirror_.OnSent();
  } else {
    Failed(status);
  }
}

void MirrorThread::Do(const Mirror::Receive&) {
  absl::StatusOr<MirrorReply> reply = parts_.relay->ReceiveMirrorReply();
  if (!reply.ok()) {
    Failed(reply.status());
    return;
  }
  mirror_.OnReply(*std::move(reply), steady_.Now());
  if (mirror_.epoch_refused()) {
    parts_.on_epoch_refused();
  }
}

void MirrorThread::Do(Mirror::StoreWinners& store) {
  {
    MutexLock lock(&mutex_);
    ++outstanding_;
  }
  parts_.committer->Apply(std::move(store.winners), [this](absl::StatusOr<ApplyResult> result) {
    MutexLock lock(&mutex_);
    winners_stored_ = std::move(result);
    --outstanding_;
    all_answered_.Signal();
    wake_.Wake();
  });
}

void MirrorThread::Do(Mirror::Advance& advance) {
  const uint64_t revision = advance.progress.revision;
  parts_.committer->AdvanceMirrored(std::move(advance.progress));
  parts_.acks->OnMirrored(revision);
}

void MirrorThread::Failed(const absl::Status& error) { mirror_.OnRelayError(error, steady_.Now()); }

}  // namespace dunlin
