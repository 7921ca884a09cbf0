#include "sync/follower.h"

#include <algorithm>
#include <utility>

#include "storage/limits.h"
#include "sync/epoch.h"
#include "sync/event_message.h"

namespace dunlin {

Follower::Follower(const Options& options, absl::Time now)
    : lease_(options.lease),
      tombstone_horizon_(options.tombstone_horizon),
      random_(options.seed),
      retry_(options.seed),
      epoch_(options.epoch),
      fleet_id_(options.fleet_id),
      accepted_(options.applied_sequence),
      applied_(options.applied_sequence),
      error_(absl::UnavailableError("not connected to Redis yet")),
      primary_(options.primary),
      read_after_(options.applied_sequence),
      complete_unix_ms_(options.complete_unix_ms),
      complete_told_unix_ms_(options.complete_unix_ms),
      complete_stored_unix_ms_(options.complete_unix_ms),
      up_to_date_at_(now) {}

// ---- What to do ----

Follower::Action Follower::Next(absl::Time now) {
  if (entering_epoch_) {
    return Wait{absl::InfiniteFuture()};
  }
  if (pending_ready_ && !applying_) {
    return TakeApply();
  }
  if (now < retry_at_) {
    return Wait{retry_at_};
  }
  if (!connected_) {
    return Connect{};
  }
  if (overflowed_) {
    overflowed_ = false;
    CatchUpAgain(Cause::kGap);
    return DiscardEvents{};
  }
  if (enter_epoch_.has_value()) {
    // The batch under way belongs to the old epoch: let it finish.
    if (applying_) {
      return Wait{absl::InfiniteFuture()};
    }
    entering_epoch_ = true;
    return EnterEpoch{*enter_epoch_};
  }
  if (start_epoch_.has_value()) {
    return StartEpoch{*start_epoch_};
  }
  if (position_wanted_ || now >= heartbeat_at_) {
    position_wanted_ = false;
    heartbeat_at_ = now + kRedisHeartbeatPeriod;
    known_when_asked_ = std::max(accepted_, told_sequence_);
    return ReadPosition{Proposal(now)};
  }
  if (absl::optional<FindDelivered> delivery = NextDelivery(now); delivery.has_value()) {
    return *delivery;
  }
  if (epoch_ != kNoEpoch && subscribed_ && catching_up_ && !caught_up_ && !pending_ready_) {
    return now < reconcile_at_ ? Action(Wait{std::min(reconcile_at_, NextUpkeep())}) : NextRead();
  }
  if (absl::optional<Reindex> reindex = NextReindex(now); reindex.has_value()) {
    return *reindex;
  }
  if (absl::optional<Collect> collect = NextCollect(now); collect.has_value()) {
    return *collect;
  }
  return Wait{NextUpkeep()};
}

// A newcomer leaves an empty Redis to the fleet that it may belong to.
PositionProposal Follower::Proposal(absl::Time now) {
  if (epoch_ == kNoEpoch && fleet_id_ == 0 && now < founding_at_) {
    return PositionProposal{kNoEpoch, "", lease_};
  }
  return PositionProposal{RandomNonZero(), FormatEpoch(fleet_id_ != 0 ? fleet_id_ : RandomNonZero()), lease_};
}

Follower::Action Follower::TakeApply() {
  pending_.epoch = epoch_;
  // What is known to be complete is so with this batch, and those before it.
  applying_whole_ = caught_up_ || (live_ && !catching_up_);
  if (applying_whole_) {
    pending_.complete_as_of_unix_ms = complete_unix_ms_;
    complete_told_unix_ms_ = complete_unix_ms_;
  }
  applying_ = true;
  applying_sequence_ = pending_.applied_sequence;
  applying_rebuild_ = pending_.fleet_keys != nullptr;
  pending_ready_ = false;
  pending_bytes_ = 0;
  return Apply{std::exchange(pending_, RemoteBatch())};
}

// ---- The connections ----

void Follower::OnConnected(absl::Time now) {
  connected_ = true;
  founding_at_ = absl::InfiniteFuture();
  position_wanted_ = true;
  heartbeat_at_ = now + kRedisHeartbeatPeriod;
}

void Follower::OnRelayError(const absl::Status& error, bool connected, absl::Time now) {
  connected_ = connected;
  was_cut_off_ = was_cut_off_ || !connected;
  refused_ = connected;
  error_ = error;
  retry_at_ = retry_.Failed(now);
  position_wanted_ = true;
  CatchUpAgain(Cause::kReconnect);
}

void Follower::OnLookWanted() {
  position_wanted_ = true;
  if (!connected_) {
    // It is there, so that no wait for it makes sense any more.
    retry_at_ = absl::InfinitePast();
  }
}

void Follower::OnSubscribed() {
  subscribed_ = true;
  subscription_error_ = absl::OkStatus();
  CatchUpAgain(Cause::kReconnect);
}

void Follower::OnSubscriptionLost(const absl::Status& error) {
  subscribed_ = false;
  subscription_error_ = error;
  CatchUpAgain(Cause::kReconnect);
}

void Follower::OnOverflow() {
  overflowed_ = true;
  Close();
}

// ---- Events ----

bool Follower::WantsEvent() const {
  return live_ && !catching_up_ && !overflowed_ && pending_.records.size() < kCommitGroupWritesMax &&
         pending_bytes_ < kCommitGroupMaxBytes;
}

void Follower::OnEvent(absl::string_view message, absl::Time now) {
  const absl::StatusOr<EventMessage> event = DecodeEventMessage(message);
  if (!event.ok()) {
    error_ = event.status();
    CatchUp(Cause::kGap);
    return;
  }
  if (event->epoch != epoch_) {
    // Left over from the last epoch, or the first sign of a new one: Redis knows.
    position_wanted_ = true;
    return;
  }
  if (event->items.empty()) {
    return;
  }
  const uint64_t last = event->first_sequence + event->items.size() - 1;
  redis_sequence_ = std::max(redis_sequence_, last);
  if (last <= accepted_) {
    return;
  }
  if (event->first_sequence > accepted_ + 1) {
    CatchUp(Cause::kGap);
    return;
  }
  const size_t known = accepted_ + 1 - event->first_sequence;
  for (size_t i = known; i < event->items.size(); ++i) {
    if (event->items[i].kind == EventItem::Kind::kReference) {
      CatchUp(Cause::kReference);
      return;
    }
  }
  for (size_t i = known; i < event->items.size(); ++i) {
    Accept(std::string(event->items[i].key), std::string(event->items[i].body));
  }
  accepted_ = last;
  PassMilestone();
  FinishBatch();
  NoteProgress(now);
}

void Follower::Accept(std::string key, std::string record) {
  pending_bytes_ += key.size() + record.size();
  if (fleet_keys_ != nullptr) {
    fleet_keys_->Insert(key);
  }
  pending_.records.push_back(VersionedRecord{std::move(key), std::move(record)});
}

void Follower::FinishBatch() {
  pending_.applied_sequence = accepted_;
  pending_ready_ = true;
}

// ---- The store's answers ----

void Follower::OnApplied(const absl::StatusOr<ApplyResult>& result, absl::Time now) {
  applying_ = false;
  if (!result.ok()) {
    // Nothing of the batch is stored, so neither may be what follows it.
    error_ = result.status();
    retry_at_ = retry_.Failed(now);
    accepted_ = applied_;
    complete_unix_ms_ = complete_stored_unix_ms_;
    complete_told_unix_ms_ = complete_stored_unix_ms_;
    pending_ready_ = false;
    CatchUp(Cause::kReconnect);
    return;
  }
  // Only now something has come of all the calls: an answer to the heartbeat alone must not bring the attempts at what
  // fails time and again closer together.
  retry_.Succeeded();
  was_cut_off_ = false;
  applied_ = applying_sequence_;
  whole_ = applying_whole_ ? applied_ : whole_;
  complete_stored_unix_ms_ = complete_told_unix_ms_;
  damaged_records_ += result->damaged;
  version_conflicts_ += result->conflicts;
  rebuilds_ += std::exchange(applying_rebuild_, false) ? 1 : 0;
  MaybeOpen();
  NoteProgress(now);
}

void Follower::MaybeOpen() {
  if (!caught_up_ || applying_ || pending_ready_ || !subscribed_ || !connected_ || overflowed_ || enter_epoch_) {
    return;
  }
  catching_up_ = false;
  caught_up_ = false;
  reconciling_ = false;
  holds_data_ = true;
  error_ = absl::OkStatus();
  gaps_repaired_ += repairing_gap_ ? 1 : 0;
  repairing_gap_ = false;
  if (!live_) {
    live_ = true;
    ++generation_;
  }
}

void Follower::NoteProgress(absl::Time now) {
  if (live_ && applied_ >= redis_sequence_) {
    up_to_date_at_ = now;
  }
}

// ---- How it stands ----

Follower::Status Follower::status() const {
  Status status;
  // Connected to a Redis that refuses is as good as not connected: whoever waits for it must not wait for ever.
  if (!connected_ || foreign_ || refused_ || (!subscribed_ && !subscription_error_.ok())) {
    status.state = State::kOffline;
  } else if (!subscribed_) {
    status.state = State::kSubscribing;
  } else {
    status.state = live_ ? State::kLive : State::kCatchingUp;
  }
  status.error = connected_ && !foreign_ && !subscribed_ && !subscription_error_.ok() ? subscription_error_ : error_;
  status.epoch = epoch_;
  status.applied_sequence = applied_;
  status.whole_sequence = whole_;
  status.redis_sequence = std::max(redis_sequence_, applied_);
  status.up_to_date_at = up_to_date_at_;
  status.gaps_repaired = gaps_repaired_;
  status.damaged_records = damaged_records_;
  status.version_conflicts = version_conflicts_;
  status.rebuilds_begun = rebuilds_begun_;
  status.rebuilds = rebuilds_;
  status.tombstones_collected = tombstones_collected_;
  status.unindexable = unindexable_;
  status.has_rival = has_rival_;
  status.eviction_policy = eviction_policy_;
  status.generation = generation_;
  return status;
}

uint64_t Follower::RandomNonZero() {
  uint64_t number = 0;
  while (number == 0) {
    number = random_();
  }
  return number;
}

}  // namespace dunlin
