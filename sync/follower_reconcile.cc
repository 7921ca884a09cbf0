// How Follower (follower.h) brings a store and a Redis together that both hold data: versions first, values where they
// differ; and what it does after too long an absence.

#include <algorithm>
#include <iterator>
#include <utility>

#include "storage/limits.h"
#include "sync/follower.h"

namespace dunlin {
namespace {

uint64_t UnixMillis(absl::Time time) { return static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMillis(time))); }

}  // namespace

void Follower::BeginReconciling() {
  reconciling_ = true;
  comparing_orders_ = true;
}

// ---- Orders, then the records that are needed ----

void Follower::OnOrders(RelayChangePage page) {
  if (!IsOfThisLife(page)) {
    return;
  }
  orders_covered_ = page.covered_sequence;
  orders_complete_ = page.complete;
  for (RelayChange& change : page.changes) {
    if (fleet_keys_ != nullptr) {
      fleet_keys_->Insert(change.key);
    }
    uncompared_.push_back(KeyAndOrder{std::move(change.key), std::move(change.record)});
  }
  if (uncompared_.empty()) {
    EndOrdersPage();
  } else {
    compared_keys_.clear();
    for (const KeyAndOrder& item : uncompared_) {
      compared_keys_.push_back(item.key);
    }
  }
}

void Follower::OnCompared(const absl::StatusOr<std::vector<size_t>>& lacking, absl::Time now) {
  if (!lacking.ok()) {
    error_ = lacking.status();
    retry_at_ = retry_.Failed(now);
    CatchUp(Cause::kReconnect);
    return;
  }
  for (const size_t position : *lacking) {
    wanted_.push_back(std::move(compared_keys_[position]));
  }
  compared_keys_.clear();
  if (wanted_.empty()) {
    EndOrdersPage();
  }
}

void Follower::OnRecords(RelayRecords records) {
  if (records.epoch != epoch_ || records.records.size() > wanted_.size()) {
    position_wanted_ = true;
    CatchUp(Cause::kReconnect);
    return;
  }
  for (std::string& record : records.records) {
    if (!record.empty()) {
      Accept(std::move(wanted_.front()), std::move(record));
    } else if (fleet_keys_ != nullptr) {
      // A tombstone that has been collected since its order was read: what the store has under its key must go.
      fleet_keys_->Erase(wanted_.front());
    }
    wanted_.pop_front();
  }
  if (wanted_.empty()) {
    EndOrdersPage();
  }
}

// A record that was read may be newer than its page, and its batch's other records may not have been needed then: so
// the end is always a page of changes, in which each batch is whole.
void Follower::EndOrdersPage() {
  read_after_ = orders_covered_;
  comparing_orders_ = !orders_complete_;
  MaybeFinishChunk(orders_covered_);
}

void Follower::OnRepairWanted() {
  BeginReconciling();
  CatchUp(Cause::kReference);
}

// ---- Absence ----

// Whether tombstones that this store has missed may be gone by now, when Redis says what it says.
bool Follower::WasAwayTooLong(uint64_t gc_sequence, absl::Time redis_time) const {
  const auto horizon_ms = static_cast<uint64_t>(absl::ToInt64Milliseconds(tombstone_horizon_));
  return UnixMillis(redis_time) > complete_unix_ms_ + horizon_ms || (accepted_ > 0 && accepted_ < gc_sequence);
}

// Another Redis has taken over, whose clock is behind that of the one before, or this one's was put back. No store is
// complete as of the future; left as it is, an absence would seem to be shorter by as much.
void Follower::NoticeEarlierClock(absl::Time redis_time) {
  const uint64_t redis_unix_ms = UnixMillis(redis_time);
  if (redis_unix_ms == 0) {
    return;
  }
  complete_unix_ms_ = std::min(complete_unix_ms_, redis_unix_ms);
  complete_told_unix_ms_ = std::min(complete_told_unix_ms_, redis_unix_ms);
  if (milestone_.has_value() && redis_time < milestone_->redis_time) {
    milestone_.reset();
  }
}

void Follower::NoticeLongAbsence(const RelayPosition& position, const Local& local) {
  local_ = local;
  // Only what was there before this run began to read: a first snapshot is stored in parts, and a part of it is no sign
  // of an absence.
  if (!std::exchange(position_seen_, true)) {
    holds_data_ = holds_data_ || local.revision > 0;
  }
  if (live_ || !holds_data_ || fleet_keys_ != nullptr) {
    return;
  }
  if (WasAwayTooLong(position.gc_sequence, position.redis_time)) {
    Rebuild();
  } else if (accepted_ == 0 && !reconciling_) {
    BeginReconciling();
    CatchUp(Cause::kReconnect);
  }
}

// What was read long ago may have been replaced since by what is dead and forgotten by now, here and in Redis: stored
// today, it would stay. So what has not been stored for that long, because calls failed or Redis was away in between,
// is read anew.
void Follower::DropWhatIsTooOld(const RelayPosition& position) {
  const uint64_t redis_unix_ms = UnixMillis(position.redis_time);
  const bool gathering = catching_up_ && !pending_ready_ && (!pending_.records.empty() || fleet_keys_ != nullptr);
  const auto age_max_ms = static_cast<uint64_t>(absl::ToInt64Milliseconds(UnstoredAgeMaxOf(tombstone_horizon_)));
  if (gathering && redis_unix_ms <= gathered_since_unix_ms_ + age_max_ms) {
    return;
  }
  gathered_since_unix_ms_ = redis_unix_ms;
  if (gathering && fleet_keys_ != nullptr) {
    Rebuild();
  } else if (gathering) {
    CatchUp(live_ ? Cause::kReference : Cause::kReconnect);
  }
}

void Follower::Rebuild() {
  ++rebuilds_begun_;
  fleet_keys_ = std::make_shared<KeySet>();
  rebuilt_revision_ = local_.revision;
  rebuilt_sent_revision_ = local_.sent_revision;
  BeginReconciling();
  CatchUp(Cause::kReconnect);
}

// What is dropped has to have been in Redis before the keys were gathered, and may have been deleted so long ago that
// this had been forgotten when the last of them was.
void Follower::TakeFleetKeys(absl::Time redis_time) {
  if (fleet_keys_ == nullptr) {
    return;
  }
  // Given away: the store reads it while this goes on.
  pending_.fleet_keys = std::move(fleet_keys_);
  pending_.rebuilt_revision = rebuilt_revision_;
  pending_.rebuilt_sent_revision = rebuilt_sent_revision_;
  pending_.forgotten_unix_ms = UnixMillis(redis_time - tombstone_horizon_ + kClockDriftMax);
}

// Keeps the store's memory of when it was complete so fresh that a restart is not taken for a long absence.
void Follower::NoteComplete(const RelayPosition& position) {
  if (!live_ || catching_up_) {
    milestone_.reset();
    return;
  }
  if (!milestone_.has_value()) {
    milestone_ = Milestone{position.sequence, position.redis_time};
  }
  PassMilestone();
  const uint64_t period_ms = static_cast<uint64_t>(absl::ToInt64Milliseconds(CollectionPeriodOf(tombstone_horizon_)));
  if (complete_unix_ms_ >= complete_told_unix_ms_ + period_ms && !pending_ready_ && pending_.records.empty()) {
    FinishBatch();
  }
}

// REQUIRES: live, and not catching up.
void Follower::PassMilestone() {
  if (milestone_.has_value() && accepted_ >= milestone_->sequence) {
    complete_unix_ms_ = std::max(complete_unix_ms_, UnixMillis(milestone_->redis_time));
    milestone_.reset();
  }
}

}  // namespace dunlin
