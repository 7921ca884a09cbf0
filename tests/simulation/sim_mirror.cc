#include "tests/simulation/sim_mirror.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>
#include <variant>

namespace dunlin {

SimMirror::SimMirror(const SimEnvironment& environment, const Mirror::Options& options, Parts parts)
    : SimThread(environment),
      parts_(std::move(parts)),
      outbound_(options, parts_.clock),
      acks_([store = parts_.store](absl::string_view key) { return store->FindUnsent(key); }) {
  early_.Begin(parts_.store->state().revision);
  acks_.Rewind(outbound_.mirrored_revision());
}

void SimMirror::WriteIf(ConditionalWriter::Request request) {
  request.after_revision = parts_.store->state().revision;
  outbound_.Add(std::move(request));
  Wake();
}

void SimMirror::WaitMirrored(std::vector<OutboxItem> writes, absl::Time deadline, StatusCallback done) {
  acks_.Wait(std::move(writes), deadline, std::move(done));
  Wake();
}

void SimMirror::OnChanges(absl::Span<const ChangePtr> changes) {
  if (early_.OnCommitted(changes)) {
    outbound_.OnCommitted();
    Wake();
  }
}

void SimMirror::OnWritten(absl::Span<const ChangePtr> changes, uint64_t after_revision) {
  early_.OnWritten(changes, after_revision);
  outbound_.OnCommitted();
  Wake();
}

void SimMirror::OnEpochEntered() {
  const StoreState state = parts_.store->state();
  outbound_.OnEpoch(state.epoch, state.mirrored_revision, state.refill_revision != 0, now());
  acks_.Rewind(state.mirrored_revision);
  Wake();
}

void SimMirror::OnConfirmed(const DeliveredMark& asked) {
  outbound_.OnConfirmed(asked);
  Wake();
}

void SimMirror::Turn() {
  while (!busy()) {
    if (winners_stored_.has_value()) {
      outbound_.OnWinnersStored(*std::exchange(winners_stored_, absl::nullopt), now());
    }
    outbound_.UpdateAllowance(parts_.is_live(), parts_.store->state(), parts_.clock->Now());
    if (restamped_.has_value()) {
      outbound_.OnRestamped(*std::exchange(restamped_, absl::nullopt), now());
    }
    Sleep(acks_.Expire(now()));
    Outbound::Action action = outbound_.Next(now());
    if (!std::visit([this](auto& what) { return Do(what); }, action)) {
      return;
    }
  }
}

bool SimMirror::Do(Mirror::Action& action) {
  return std::visit([this](auto& what) { return Do(what); }, action);
}

bool SimMirror::Do(const Mirror::Wait& wait) {
  Sleep(wait.until);
  return false;
}

bool SimMirror::Do(const Mirror::Connect&) {
  replies_.clear();
  ++connections_;
  Connect([this](const absl::Status& status) {
    if (status.ok()) {
      outbound_.OnConnected(now());
      parts_.on_look_wanted();
    } else {
      outbound_.OnRelayError(status, now());
    }
  });
  return false;
}

bool SimMirror::Do(const Mirror::ReadOutbox& read) {
  const absl::optional<EarlyWrites::Taken> early = early_.Take(read, parts_.store->state().refill_revision);
  absl::StatusOr<ChangePage> page =
      early.has_value() ? EarlyWrites::PageOf(*early)
                        : parts_.store->ReadOutbox(read.after_revision, read.changes_max, read.size_max_bytes);
  if (!page.ok()) {
    std::cerr << "the simulated disk failed: " << page.status() << std::endl;
    std::abort();
  }
  outbound_.OnOutboxPage(*std::move(page));
  return true;
}

// Does not wait: the answer is received later.
bool SimMirror::Do(const Mirror::Send& send) {
  redis().Call<MirrorReply>(
      connection(), [batch = send.batch](ModelRedis& redis) { return redis.Mirror(batch); },
      WhileAlive([this, of = connections_](absl::StatusOr<MirrorReply> reply) {
        if (of == connections_) {
          replies_.push_back(std::move(reply));
          MaybeReceive();
        }
      }));
  outbound_.OnSent();
  return true;
}

bool SimMirror::Do(const Mirror::Receive&) {
  Pause();
  receiving_ = true;
  Later(absl::ZeroDuration(), [this] { MaybeReceive(); });
  return false;
}

void SimMirror::MaybeReceive() {
  if (!receiving_ || replies_.empty()) {
    return;
  }
  receiving_ = false;
  absl::StatusOr<MirrorReply> reply = std::move(replies_.front());
  replies_.pop_front();
  if (reply.ok()) {
    late_ += reply->outcome == MirrorReply::Outcome::kTooLate ? 1 : 0;
    outbound_.OnReply(*std::move(reply), now());
    PassEpochDoubt();
  } else {
    outbound_.OnRelayError(reply.status(), now());
  }
  Resume();
}

bool SimMirror::Do(const Mirror::FindMissing& find) {
  Call<MissingReply>([query = find.query](ModelRedis& redis) { return redis.FindMissing(query); },
                     [this](const absl::StatusOr<MissingReply>& reply) {
                       if (reply.ok()) {
                         outbound_.OnMissing(*reply, now());
                         PassEpochDoubt();
                       } else {
                         outbound_.OnRelayError(reply.status(), now());
                       }
                     });
  return false;
}

bool SimMirror::Do(Mirror::Restamp& restamp) {
  parts_.committer->Enqueue(RestampOperation{std::move(restamp.restamping),
                                             [this](absl::StatusOr<size_t> restamped) {
                                               restamped_ = std::move(restamped);
                                               Wake();
                                             },
                                             absl::UnknownError("not carried out")});
  return true;
}

bool SimMirror::Do(Mirror::StoreWinners& store) {
  parts_.committer->Enqueue(ApplyOperation{std::move(store.winners),
                                           [this](const absl::StatusOr<ApplyResult>& result) {
                                             winners_stored_ = result.status();
                                             Wake();
                                           },
                                           absl::UnknownError("not carried out")});
  return true;
}

bool SimMirror::Do(Mirror::Advance& advance) {
  acks_.OnMirrored(advance.progress);
  parts_.committer->Enqueue(std::move(advance.progress));
  return true;
}

bool SimMirror::Do(const Outbound::Probe&) {
  Call<RelayPosition>(
      [](ModelRedis& redis) { return redis.ReadPosition(PositionProposal()); },
      [this](const absl::StatusOr<RelayPosition>& position) { outbound_.OnProbed(position.status(), now()); });
  return false;
}

bool SimMirror::Do(const Outbound::ReadStored& read) {
  outbound_.OnStored(parts_.store->GetRecord(read.key));
  return true;
}

bool SimMirror::Do(const Outbound::Judge& judge) {
  Call<ConditionalReply>([write = judge.write](ModelRedis& redis) { return redis.WriteIf(write); },
                         [this](const absl::StatusOr<ConditionalReply>& reply) {
                           outbound_.OnJudged(reply, !connection()->broken(), now());
                           PassEpochDoubt();
                         });
  return false;
}

bool SimMirror::Do(Outbound::Finish& finish) {
  ConditionalWriter::Outcome& outcome = finish.outcome;
  if (!outcome.error.ok()) {
    outcome.done(outcome.error);
    return true;
  }
  parts_.committer->Enqueue(
      ApplyOperation{std::move(outcome.record),
                     [version = outcome.version, existed = outcome.existed,
                      done = std::move(outcome.done)](absl::StatusOr<ApplyResult> result) mutable {
                       done(ConditionalWriter::ResultOf(version, existed, std::move(result)));
                     },
                     absl::UnknownError("not carried out")});
  return true;
}

void SimMirror::PassEpochDoubt() {
  if (outbound_.TakeEpochRefused()) {
    parts_.on_epoch_refused();
  }
}

}  // namespace dunlin
