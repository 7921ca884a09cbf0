#include "sync/outbound.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace dunlin {
namespace {

// Whether a conditional write that ended in `error` may have taken place. What Redis refuses it refuses before it
// writes; an answer that was lost, or cannot be understood, may have been a yes.
bool MayHaveTakenPlace(const absl::Status& error, bool connected) {
  return !connected || absl::IsDataLoss(error) || absl::IsInternal(error) || absl::IsDeadlineExceeded(error) ||
         absl::IsCancelled(error);
}

}  // namespace

Outbound::Action Outbound::Next(absl::Time now) {
  while (true) {
    TurnDownLate(now);
    if (!finished_.empty()) {
      Finish finish{std::move(finished_.front())};
      finished_.pop_front();
      return finish;
    }
    if (absl::optional<Action> step = NextStep(); step.has_value()) {
      return *std::move(step);
    }
    Mirror::Action action = mirror_.Next(now);
    if (std::holds_alternative<Mirror::Send>(action) || std::holds_alternative<Mirror::FindMissing>(action)) {
      outbox_has_turn_ = false;
    } else if (auto* wait = std::get_if<Mirror::Wait>(&action)) {
      // Nothing to send: the turn goes back at once.
      if (std::exchange(outbox_has_turn_, false) && !conditional_.empty()) {
        continue;
      }
      wait->until = std::min(wait->until, conditional_.NextDeadline());
    }
    return action;
  }
}

void Outbound::TurnDownLate(absl::Time now) {
  if (conditional_.IsLate(now)) {
    // What was read was read for that write.
    step_ = Step::kNone;
  }
  Finished(conditional_.Expire(now));
  if (!mirror_.connected() && !mirror_.error().ok()) {
    Finished(conditional_.OnOffline(mirror_.error()));
  }
}

void Outbound::Finished(std::vector<ConditionalWriter::Outcome> outcomes) {
  std::move(outcomes.begin(), outcomes.end(), std::back_inserter(finished_));
}

std::vector<ConditionalWriter::Outcome> Outbound::TurnDownAll() {
  Finished(conditional_.Expire(absl::InfiniteFuture()));
  std::vector<ConditionalWriter::Outcome> outcomes;
  std::move(finished_.begin(), finished_.end(), std::back_inserter(outcomes));
  finished_.clear();
  return outcomes;
}

absl::optional<Outbound::Action> Outbound::NextStep() {
  const bool due = !outbox_has_turn_ && conditional_.WantsIdleMirror(mirror_.mirrored_revision());
  mirror_.SetPaused(due);
  if (!due || !mirror_.idle()) {
    step_ = Step::kNone;
    return absl::nullopt;
  }
  switch (step_) {
    case Step::kNone:
      return Action(Probe{});
    case Step::kProbed:
      return Action(ReadStored{conditional_.key()});
    case Step::kRead:
      return Action(Judge{conditional_.Next(mirror_.epoch(), stored_record_), conditional_.id()});
  }
  return absl::nullopt;
}

void Outbound::EndTurn() {
  step_ = Step::kNone;
  outbox_has_turn_ = true;
}

void Outbound::OnProbed(const absl::Status& status, absl::Time now) {
  if (status.ok()) {
    step_ = Step::kProbed;
    return;
  }
  EndTurn();
  mirror_.OnRelayError(status, now);
}

void Outbound::OnStored(const absl::StatusOr<std::string>& record) {
  if (record.ok()) {
    step_ = Step::kRead;
    stored_record_ = *record;
    return;
  }
  EndTurn();
  finished_.push_back(conditional_.OnStoreError(record.status()));
}

void Outbound::OnGivenUp() {
  EndTurn();
  finished_.push_back(conditional_.GiveUp());
}

void Outbound::OnJudged(const absl::StatusOr<ConditionalReply>& reply, bool connected, absl::Time now) {
  EndTurn();
  absl::optional<ConditionalWriter::Outcome> outcome;
  if (!reply.ok()) {
    // An error that Redis answered changed nothing; a connection that broke may have carried the write.
    outcome = conditional_.OnRelayError(reply.status(), MayHaveTakenPlace(reply.status(), connected));
    mirror_.OnRelayError(reply.status(), now);
  } else {
    outcome = conditional_.OnReply(*reply);
    if (reply->outcome == ConditionalReply::Outcome::kEpochChanged) {
      mirror_.OnRelayError(absl::AbortedError("Redis holds another epoch than this store"), now);
      epoch_refused_ = true;
    }
  }
  if (outcome.has_value()) {
    finished_.push_back(*std::move(outcome));
  }
}

void Outbound::OnMissing(const MissingReply& reply, absl::Time now) {
  mirror_.OnMissing(reply, now);
  epoch_refused_ = epoch_refused_ || mirror_.epoch_refused();
}

void Outbound::OnReply(MirrorReply reply, absl::Time now) {
  mirror_.OnReply(std::move(reply), now);
  epoch_refused_ = epoch_refused_ || mirror_.epoch_refused();
}

}  // namespace dunlin
