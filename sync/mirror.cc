#include "sync/mirror.h"

#include <algorithm>
#include <utility>

#include "storage/limits.h"
#include "storage/record.h"

namespace dunlin {
namespace {

MissingQuery QueryOf(const MirrorBatch& batch) {
  MissingQuery query;
  query.epoch = batch.epoch;
  for (const KeyedRecord& item : batch.items) {
    query.items.push_back(KeyAndOrder{item.key, RecordOrder(item.record)});
  }
  return query;
}

}  // namespace

Mirror::Mirror(const Options& options)
    : store_id_(options.store_id),
      tombstone_horizon_(options.tombstone_horizon),
      random_(options.seed),
      retry_(options.seed),
      epoch_(options.epoch),
      mirrored_revision_(options.mirrored_revision),
      read_revision_(options.mirrored_revision),
      untold_(options.own_revision != 0) {}

Mirror::Action Mirror::Next(absl::Time now) {
  if (storing_winners_ || restamping_) {
    return Wait{absl::InfiniteFuture()};
  }
  if (!winners_.records.empty()) {
    storing_winners_ = true;
    return StoreWinners{std::exchange(winners_, RemoteBatch())};
  }
  if (progress_.has_value()) {
    mirrored_revision_ = progress_->revision;
    return Advance{*std::exchange(progress_, absl::nullopt)};
  }
  if (!restamp_.items.empty()) {
    restamping_ = true;
    return Restamp{std::exchange(restamp_, Restamping())};
  }
  if (epoch_ == 0) {
    return Wait{absl::InfiniteFuture()};
  }
  if (now < retry_at_) {
    return Wait{retry_at_};
  }
  if (!connected_) {
    return Connect{};
  }
  if (!paused_ && allowance_ != Allowance::kNothing && in_flight_.size() < kMirrorPipelineMax) {
    if (next_.has_value()) {
      if (absl::optional<Action> action = NextOfPage(now); action.has_value()) {
        return *std::move(action);
      }
    }
    const absl::Time read_at = confirmed_ ? read_at_ : std::max(read_at_, confirmed_by_);
    if (outbox_may_have_more_ && now < read_at && in_flight_.empty()) {
      return Wait{read_at};
    }
    if (outbox_may_have_more_ && now >= read_at) {
      return ReadOutbox{read_revision_, kMirrorBatchEntriesMax, kMirrorBatchMaxBytes};
    }
  }
  if (!in_flight_.empty()) {
    return Receive{};
  }
  return Wait{absl::InfiniteFuture()};
}

// What to do about the page that has been read; nothing if it is forgotten, and the outbox is to be read again.
// REQUIRES: there is one, and something may be sent.
absl::optional<Mirror::Action> Mirror::NextOfPage(absl::Time now) {
  // Redis would refuse it.
  const bool is_too_late = fleet_now_ > next_->not_after;
  if (!ask_first_ && !page_has_waited_ && !is_too_late) {
    return SendNext();
  }
  // No call may come between a batch and its answer, and what is unanswered must not be read again.
  if (!in_flight_.empty()) {
    return Action(Receive{});
  }
  if (next_->known_to_redis && allowance_ != Allowance::kAll) {
    return Action(Wait{absl::InfiniteFuture()});
  }
  if (ask_first_ && now < ask_at_) {
    page_has_waited_ = true;
    return Action(Wait{ask_at_});
  }
  if (page_has_waited_) {
    // Before it is found to be too late: it has its time from when the store may have known less.
    ForgetPage();
    return absl::nullopt;
  }
  if (is_too_late) {
    // What the store knows to be complete is newer by the next heartbeat.
    read_at_ = now + kRedisHeartbeatPeriod;
    ForgetPage();
    return Action(Wait{read_at_});
  }
  return Action(FindMissing{QueryOf(*next_)});
}

Mirror::Action Mirror::SendNext() {
  next_->covered_before = in_flight_.empty() ? 0 : in_flight_.back().told_covered_revision;
  next_->is_whole = next_batch_.is_whole && confirmed_;
  next_batch_.told_is_whole = next_->is_whole;
  return Send{*next_};
}

// A deletion of a later version than a write's has reached Redis after the write was made; and if the store was
// complete since without hearing of it, after that.
void Mirror::UpdateAllowance(bool barrier_open, const StoreState& state, absl::Time fleet_now) {
  const auto time_of = [](uint64_t unix_ms) { return absl::FromUnixMillis(static_cast<int64_t>(unix_ms)); };
  // The next page may have something that `state` does not tell of yet, which is of now.
  const absl::Time unsent_since =
      state.unsent_since_unix_ms == 0 ? fleet_now : std::min(fleet_now, time_of(state.unsent_since_unix_ms));
  // A Redis that was replaced may have had a clock that was ahead.
  const absl::Time complete =
      barrier_open ? std::min(fleet_now, time_of(state.complete_unix_ms)) : absl::InfinitePast();
  fleet_now_ = fleet_now;
  known_not_after_ = complete + SentAgeMaxOf(tombstone_horizon_);
  new_not_after_ = std::max(unsent_since, complete) + SentAgeMaxOf(tombstone_horizon_);
  allowance_ = barrier_open ? Allowance::kAll : fleet_now > new_not_after_ ? Allowance::kNothing : Allowance::kNew;
  const bool page_may_go =
      allowance_ == Allowance::kAll || (allowance_ == Allowance::kNew && next_.has_value() && !next_->known_to_redis);
  page_has_waited_ = page_has_waited_ || !page_may_go;
}

void Mirror::OnConnected(absl::Time now) {
  connected_ = true;
  confirmed_by_ = was_cut_off_ ? now + kRedisHeartbeatPeriod : absl::InfinitePast();
  ++connection_;
  confirmed_ = false;
  epoch_refused_ = false;
  Rewind();
}

void Mirror::OnConfirmed(uint64_t epoch, uint64_t connection) {
  if (epoch == epoch_ && connection == connection_ && connected_ && !confirmed_) {
    confirmed_ = true;
    was_cut_off_ = false;
    outbox_may_have_more_ = outbox_may_have_more_ || untold_;
  }
}

void Mirror::OnRelayError(const absl::Status& error, absl::Time now) {
  was_cut_off_ = true;
  BeginAnew(error, now);
}

void Mirror::BeginAnew(const absl::Status& error, absl::Time now) {
  // Answers to other batches may still be under way: only a new connection forgets them.
  connected_ = false;
  error_ = error;
  retry_at_ = retry_.Failed(now);
  Rewind();
}

// Whatever is unanswered is read and sent again.
void Mirror::Rewind() {
  winners_ = RemoteBatch();
  progress_.reset();
  restamp_ = Restamping();
  in_flight_.clear();
  ForgetPage();
}

// What has been read and not been sent is read again.
// REQUIRES: everything that was sent has been answered, or is to be sent again.
void Mirror::ForgetPage() {
  next_.reset();
  read_revision_ = mirrored_revision_;
  outbox_may_have_more_ = true;
}

void Mirror::OnOutboxPage(ChangePage page) {
  read_revision_ = page.covered_revision;
  outbox_may_have_more_ = !page.complete;
  Batch batch;
  batch.covered_revision = page.covered_revision;
  batch.is_whole = page.complete;
  if (page.changes.empty() && !in_flight_.empty()) {
    // Nothing to send on this stretch: it is passed together with what was sent before it.
    in_flight_.back().covered_revision = page.covered_revision;
    in_flight_.back().is_whole = page.complete;
    return;
  }
  const bool has_to_be_told = page.complete && untold_ && confirmed_ && page.covered_revision > 0;
  if (page.changes.empty() && !has_to_be_told) {
    if (page.complete) {
      error_ = absl::OkStatus();
      retry_.Succeeded();
    }
    Finish(std::move(batch));
    return;
  }
  MirrorBatch message;
  message.epoch = epoch_;
  message.origin = store_id_;
  message.covered_revision = page.covered_revision;
  batch.told_covered_revision = page.covered_revision;
  message.known_to_redis = page.known_to_redis;
  // As of the page: what is deleted later is not in it, however much the store knows by the time it is sent.
  if (!page.changes.empty()) {
    message.not_after = page.known_to_redis ? known_not_after_ : new_not_after_;
  }
  ask_first_ = page.known_to_redis;
  page_has_waited_ = page.known_to_redis && allowance_ != Allowance::kAll;
  batch.known_to_redis = page.known_to_redis;
  for (Change& change : page.changes) {
    batch.in_message.push_back(batch.sent.size());
    batch.sent.push_back(OutboxItem{change.key, change.revision});
    message.items.push_back(KeyedRecord{std::move(change.key), std::move(change.encoded_record)});
  }
  next_ = std::move(message);
  next_batch_ = std::move(batch);
}

void Mirror::OnSent() {
  in_flight_.push_back(std::move(next_batch_));
  next_.reset();
}

void Mirror::RefuseEpoch(absl::Time now) {
  // The follower finds out what happened and enters the new epoch; until then nothing is accepted.
  BeginAnew(absl::AbortedError("Redis holds another epoch than this store"), now);
  epoch_refused_ = true;
}

void Mirror::OnMissing(const MissingReply& reply, absl::Time now) {
  if (reply.epoch_changed) {
    RefuseEpoch(now);
    return;
  }
  if (!next_.has_value() || (!reply.missing.empty() && reply.missing.back() >= next_->items.size())) {
    BeginAnew(absl::DataLossError("Redis lacks what it was not asked for"), now);
    return;
  }
  ask_first_ = false;
  KeepOnly(reply.missing);
  if (next_->items.empty()) {
    next_.reset();
    retry_.Succeeded();
    error_ = absl::OkStatus();
    untold_ = true;
    outbox_may_have_more_ = outbox_may_have_more_ || confirmed_;
    Finish(std::move(next_batch_));
  }
}

// Leaves of the next message only the items at `missing`, which ascend.
void Mirror::KeepOnly(const std::vector<size_t>& missing) {
  std::vector<KeyedRecord> items;
  for (const size_t position : missing) {
    items.push_back(std::move(next_->items[position]));
  }
  next_->items = std::move(items);
  next_batch_.in_message = missing;
}

void Mirror::OnRestamped(const absl::StatusOr<size_t>& restamped, absl::Time) {
  restamping_ = false;
  if (restamped.ok() && *restamped > 0) {
    retry_.Succeeded();
    retry_at_ = absl::InfinitePast();
  }
}

void Mirror::OnReply(MirrorReply reply, absl::Time now) {
  if (reply.outcome == MirrorReply::Outcome::kEpochChanged) {
    RefuseEpoch(now);
    return;
  }
  if (reply.outcome == MirrorReply::Outcome::kClockAhead) {
    // This machine's clock was wrong when it stamped them. It has been put right since, or will be at a heartbeat; if
    // nothing comes of it now, the outbox waits and this is tried again.
    Restamping restamping;
    if (!in_flight_.empty()) {
      Batch& refused = in_flight_.front();
      restamping.redis_times.resize(refused.sent.size());
      for (size_t i = 0; i < std::min(reply.stored_times.size(), refused.in_message.size()); ++i) {
        restamping.redis_times[refused.in_message[i]] = reply.stored_times[i];
      }
      restamping.items = std::move(refused.sent);
    }
    BeginAnew(absl::FailedPreconditionError(
                  "a version is further ahead of Redis' clock than Redis accepts: check the clocks; "
                  "what was stamped by a wrong one is stamped anew"),
              now);
    restamp_ = std::move(restamping);
    return;
  }
  if (reply.outcome == MirrorReply::Outcome::kTooLate) {
    // Whether it may still be sent is asked again, of what the store has then.
    BeginAnew(absl::UnavailableError("a batch was under way for so long that a deletion which it must not undo may "
                                     "have been forgotten; Redis has not taken it"),
              now);
    return;
  }
  if (in_flight_.empty() || reply.items.size() != in_flight_.front().in_message.size()) {
    BeginAnew(absl::DataLossError("Redis has not answered each item of a batch"), now);
    return;
  }
  retry_.Succeeded();
  error_ = absl::OkStatus();
  Batch batch = std::move(in_flight_.front());
  in_flight_.pop_front();
  winners_.seen_in_epoch = epoch_;
  bool was_there = false;
  for (size_t i = 0; i < reply.items.size(); ++i) {
    if (reply.items[i].outcome == MirrorItemReply::Outcome::kSuperseded) {
      winners_.records.push_back(
          VersionedRecord{batch.sent[batch.in_message[i]].key, std::move(reply.items[i].winner)});
    }
    was_there = was_there || reply.items[i].outcome == MirrorItemReply::Outcome::kAlreadyThere;
  }
  if (batch.known_to_redis && was_there) {
    Yield(now);
  }
  untold_ = !batch.told_is_whole;
  // Once there is nothing else to send.
  outbox_may_have_more_ = outbox_may_have_more_ || (untold_ && confirmed_ && in_flight_.empty());
  Finish(std::move(batch));
}

// Redis lacked it when it was asked: another replica is at the same page. Whoever was first has found nothing there, so
// that one always goes on.
void Mirror::Yield(absl::Time now) {
  ask_at_ = now + kRefillYieldMin * std::uniform_real_distribution<double>(1, 2)(random_);
}

void Mirror::OnWinnersStored(const absl::Status& status, absl::Time now) {
  storing_winners_ = false;
  if (!status.ok()) {
    // Redis will tell them again.
    BeginAnew(status, now);
  }
}

void Mirror::Finish(Batch batch) {
  if (batch.is_whole) {
    delivered_revision_ = batch.covered_revision;
  }
  if (batch.covered_revision > mirrored_revision_) {
    progress_ = MirrorProgress{epoch_, batch.covered_revision, std::move(batch.sent)};
  }
}

void Mirror::OnEpoch(uint64_t epoch, uint64_t mirrored_revision, bool refill, absl::Time now) {
  epoch_ = epoch;
  was_cut_off_ = false;
  mirrored_revision_ = mirrored_revision;
  delivered_revision_.reset();
  untold_ = true;
  // Answers to what was sent under the old epoch may be under way: only a new connection forgets them.
  connected_ = false;
  epoch_refused_ = false;
  // Whatever went wrong went wrong with the old epoch.
  error_ = absl::OkStatus();
  retry_.Succeeded();
  retry_at_ = absl::InfinitePast();
  ask_at_ = absl::InfinitePast();
  if (refill) {
    // The others refill too: who comes later finds most of it there. Not so what Redis has never had.
    ask_at_ = now + kReconcileJitterMax * std::uniform_real_distribution<double>(0, 1)(random_);
  }
  Rewind();
}

}  // namespace dunlin
