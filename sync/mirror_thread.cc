#include "sync/mirror_thread.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "storage/limits.h"
#include "storage/status_macros.h"
#include "storage/this_thread.h"

namespace dunlin {

MirrorThread::MirrorThread(const Mirror::Options& options, Parts parts)
    : parts_(std::move(parts)), outbound_(options, parts_.clock) {}

MirrorThread::~MirrorThread() { Stop(); }

void MirrorThread::Start() {
  parts_.acks->Rewind(outbound_.mirrored_revision());
  const uint64_t revision = parts_.feed->Subscribe(Selector(), this);
  {
    MutexLock lock(&mutex_);
    early_.Begin(revision);
  }
  parts_.feed->SetEarlyListener(this);
  thread_ = std::thread([this] { Run(); });
}

void MirrorThread::Stop() {
  wake_.Stop();
  parts_.relay->Interrupt();
  if (thread_.joinable()) {
    thread_.join();
  }
  parts_.feed->SetEarlyListener(nullptr);
  parts_.feed->Unsubscribe(this);
  parts_.acks->Shutdown();
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
  }
  TakeInputs();
  for (ConditionalWriter::Outcome& outcome : outbound_.TurnDownAll()) {
    Finish(std::move(outcome));
  }
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

DeliveredMark MirrorThread::delivered() const {
  MutexLock lock(&mutex_);
  return delivered_;
}

void MirrorThread::WriteIf(ConditionalWriter::Request request) {
  absl::StatusOr<uint64_t> id = Admit(&request);
  if (!id.ok()) {
    request.done(std::move(id).status());
    return;
  }
  request.id = *id;
  request.done = [callers = parts_.callers, id = *id](absl::StatusOr<WriteResult> result) {
    callers->Answer(id, std::move(result));
  };
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

absl::StatusOr<uint64_t> MirrorThread::Admit(ConditionalWriter::Request* request) {
  const Mutation& mutation = request->mutation;
  if (mutation.kind == Mutation::Kind::kPut) {
    // Redis is asked first, so it must not accept what this store then refuses.
    DUNLIN_RETURN_IF_ERROR(parts_.committer->CheckQuota());
  }
  const size_t size_bytes = sizeof(ConditionalWriter::Request) + mutation.key.size() + mutation.value.size();
  return parts_.callers->Admit(size_bytes, request->deadline, &request->done);
}

void MirrorThread::OnEpochEntered() {
  MutexLock lock(&mutex_);
  epoch_entered_ = true;
  wake_.Wake();
}

void MirrorThread::OnConfirmed(const DeliveredMark& asked) {
  MutexLock lock(&mutex_);
  // Only what is new is worth a wake-up.
  if (std::exchange(confirmed_connection_, asked.connection) != asked.connection) {
    confirmed_ = asked;
    wake_.Wake();
  }
}

void MirrorThread::OnChanges(absl::Span<const ChangePtr> changes) {
  const bool is_urgent =
      std::any_of(changes.begin(), changes.end(), [](const ChangePtr& change) { return change->unsent; });
  MutexLock lock(&mutex_);
  if (!early_.OnCommitted(changes)) {
    return;
  }
  committed_ = true;
  if (is_urgent || rests_until_ == absl::InfinitePast()) {
    wake_.Wake();
  }
}

void MirrorThread::OnWritten(absl::Span<const ChangePtr> changes, uint64_t after_revision) {
  MutexLock lock(&mutex_);
  early_.OnWritten(changes, after_revision);
  committed_ = true;
  wake_.Wake();
}

// ---- The loop ----

void MirrorThread::Run() {
  NameThisThread("mirror");
  while (!wake_.stopped()) {
    TakeInputs();
    outbound_.UpdateAllowance(parts_.barrier->open(), parts_.store->state(), parts_.clock->Now());
    Outbound::Action action = outbound_.Next(steady_.Now());
    PublishState();
    std::visit([this](auto& what) { Do(what); }, action);
  }
}

void MirrorThread::TakeInputs() {
  bool committed;
  bool epoch_entered;
  absl::optional<DeliveredMark> confirmed;
  std::vector<ConditionalWriter::Request> requests;
  absl::optional<absl::StatusOr<ApplyResult>> winners_stored;
  absl::optional<absl::StatusOr<size_t>> restamped;
  {
    MutexLock lock(&mutex_);
    restamped = std::exchange(restamped_, absl::nullopt);
    winners_stored = std::exchange(winners_stored_, absl::nullopt);
    confirmed = std::exchange(confirmed_, absl::nullopt);
    committed = std::exchange(committed_, false);
    if (committed) {
      rests_until_ = steady_.Now() + kMirrorRest;
    } else if (steady_.Now() >= rests_until_) {
      rests_until_ = absl::InfinitePast();
    }
    epoch_entered = std::exchange(epoch_entered_, false);
    requests.swap(requests_);
  }
  if (winners_stored.has_value()) {
    TakeWinnersStored(*winners_stored);
  }
  if (restamped.has_value()) {
    TakeRestamped(*restamped);
  }
  if (epoch_entered) {
    const StoreState state = parts_.store->state();
    outbound_.OnEpoch(state.epoch, state.mirrored_revision, state.refill_revision != 0, steady_.Now());
    parts_.acks->Rewind(state.mirrored_revision);
  }
  if (confirmed.has_value()) {
    outbound_.OnConfirmed(*confirmed);
  }
  if (committed) {
    outbound_.OnCommitted();
  }
  for (ConditionalWriter::Request& request : requests) {
    outbound_.Add(std::move(request));
  }
}

void MirrorThread::TakeWinnersStored(const absl::StatusOr<ApplyResult>& stored) {
  outbound_.OnWinnersStored(stored.status(), steady_.Now());
  if (stored.ok() && stored->damaged > 0) {
    parts_.logger->Error("redis has damaged records in the place of own writes", {{"count", stored->damaged}});
  }
}

void MirrorThread::TakeRestamped(const absl::StatusOr<size_t>& restamped) {
  outbound_.OnRestamped(restamped, steady_.Now());
  if (restamped.ok() && *restamped > 0) {
    parts_.logger->Warning("writes that a wrong clock had stamped have got versions of the present",
                           {{"count", *restamped}});
  }
}

void MirrorThread::PublishState() {
  absl::Status before;
  DeliveredMark delivered_before;
  {
    MutexLock lock(&mutex_);
    before = std::exchange(error_, outbound_.error());
    delivered_before = std::exchange(delivered_, outbound_.delivered());
  }
  const DeliveredMark delivered = outbound_.delivered();
  if (delivered.connection != delivered_before.connection ||
      (delivered.revision.has_value() && !delivered_before.revision.has_value())) {
    parts_.on_look_wanted();
  }
  if (!outbound_.error().ok() && outbound_.error() != before) {
    parts_.logger->Warning("mirror error", {{"error", outbound_.error().ToString()}});
  }
}

void MirrorThread::Finish(ConditionalWriter::Outcome outcome) {
  if (!outcome.error.ok()) {
    outcome.done(std::move(outcome.error));
    return;
  }
  {
    MutexLock lock(&mutex_);
    ++outstanding_;
  }
  parts_.committer->Apply(std::move(outcome.record),
                          [this, version = outcome.version, existed = outcome.existed,
                           done = std::move(outcome.done)](absl::StatusOr<ApplyResult> result) mutable {
                            done(ConditionalWriter::ResultOf(version, existed, std::move(result)));
                            MutexLock lock(&mutex_);
                            --outstanding_;
                            all_answered_.Signal();
                          });
}

// ---- The actions ----

void MirrorThread::Do(Mirror::Action& action) {
  std::visit([this](auto& what) { Do(what); }, action);
}

void MirrorThread::Do(const Mirror::Wait& wait) {
  absl::Time until = wait.until;
  {
    MutexLock lock(&mutex_);
    if (rests_until_ != absl::InfinitePast()) {
      until = std::min(until, rests_until_);
    }
  }
  wake_.WaitFor(until - steady_.Now());
}

void MirrorThread::Do(const Mirror::Connect&) {
  const absl::Status status = parts_.relay->Connect(absl::Now() + kRedisTimeout);
  if (status.ok()) {
    outbound_.OnConnected(steady_.Now());
  } else {
    Failed(status);
  }
}

void MirrorThread::Do(const Mirror::ReadOutbox& read) {
  absl::StatusOr<ChangePage> page = Read(read);
  if (page.ok()) {
    outbound_.OnOutboxPage(*std::move(page));
  } else {
    Failed(page.status());
  }
}

absl::StatusOr<ChangePage> MirrorThread::Read(const Mirror::ReadOutbox& read) {
  const uint64_t refill_revision = parts_.store->state().refill_revision;
  absl::optional<EarlyWrites::Taken> early;
  {
    MutexLock lock(&mutex_);
    early = early_.Take(read, refill_revision);
  }
  if (early.has_value()) {
    return EarlyWrites::PageOf(*early);
  }
  return parts_.store->ReadOutbox(read.after_revision, read.changes_max, read.size_max_bytes);
}

void MirrorThread::Do(const Mirror::Send& send) {
  const absl::Status status = parts_.relay->SendMirror(send.batch);
  if (status.ok()) {
    outbound_.OnSent();
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
  outbound_.OnReply(*std::move(reply), steady_.Now());
  if (outbound_.TakeEpochRefused()) {
    parts_.on_epoch_refused();
  }
}

void MirrorThread::Do(const Mirror::FindMissing& find) {
  const absl::StatusOr<MissingReply> reply = parts_.relay->FindMissing(find.query);
  if (!reply.ok()) {
    Failed(reply.status());
    return;
  }
  outbound_.OnMissing(*reply, steady_.Now());
  if (outbound_.TakeEpochRefused()) {
    parts_.on_epoch_refused();
  }
}

void MirrorThread::Do(Mirror::Restamp& restamp) {
  {
    MutexLock lock(&mutex_);
    ++outstanding_;
  }
  parts_.committer->Restamp(std::move(restamp.restamping), [this](absl::StatusOr<size_t> restamped) {
    MutexLock lock(&mutex_);
    restamped_ = std::move(restamped);
    --outstanding_;
    all_answered_.Signal();
    wake_.Wake();
  });
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
  parts_.acks->OnMirrored(advance.progress);
  parts_.committer->AdvanceMirrored(std::move(advance.progress));
}

void MirrorThread::Do(const Outbound::Probe&) {
  outbound_.OnProbed(parts_.relay->ReadPosition(PositionProposal()).status(), steady_.Now());
}

void MirrorThread::Do(const Outbound::ReadStored& read) { outbound_.OnStored(parts_.store->GetRecord(read.key)); }

void MirrorThread::Do(const Outbound::Judge& judge) {
  if (!parts_.callers->BeginJudging(judge.id)) {
    outbound_.OnGivenUp();
    return;
  }
  const absl::StatusOr<ConditionalReply> reply = parts_.relay->WriteIf(judge.write);
  outbound_.OnJudged(reply, parts_.relay->connected(), steady_.Now());
  if (outbound_.AwaitsJudgement(judge.id)) {
    parts_.callers->NotJudged(judge.id);
  }
  if (outbound_.TakeEpochRefused()) {
    parts_.on_epoch_refused();
  }
}

void MirrorThread::Do(Outbound::Finish& finish) { Finish(std::move(finish.outcome)); }

void MirrorThread::Failed(const absl::Status& error) { outbound_.OnRelayError(error, steady_.Now()); }

}  // namespace dunlin
