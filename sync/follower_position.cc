// What Follower (follower.h) makes of the positions that Redis tells: whose data it is, in which life, and whether any
// of it is missing.

#include <xxhash.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "sync/epoch.h"
#include "sync/follower.h"

namespace dunlin {
namespace {

// Redis does not let every user ask; then nothing is known of it.
uint64_t PrimaryOf(const RelayPosition& position) {
  const std::string& replid = position.master_replid;
  return replid.empty() ? 0 : XXH3_64bits(replid.data(), replid.size());
}

uint64_t FleetOf(const RelayPosition& position) { return ParseEpoch(position.fleet_id).value_or(0); }

}  // namespace

bool Follower::OnPosition(const RelayPosition& position, const Local& local, absl::Time now) {
  NoticeRival(position.rival_lease);
  caretaker_ = position.caretaker;
  unindexed_ = position.unindexed;
  eviction_policy_ = position.eviction_policy;
  if (AwaitFounder(position, now) || RefuseForeignFleet(position, now) || NoticeReturnedEpoch(position) ||
      NoticeNewEpoch(position) || NoticeLostData(position)) {
    return false;
  }
  primary_ = primary_ != 0 ? primary_ : PrimaryOf(position);
  NoticeEarlierClock(position.redis_time);
  NoticeLongAbsence(position, local);
  DropWhatIsTooOld(position);
  NoticeLostEvent(position, local);
  NoteComplete(position);
  told_sequence_ = std::max(told_sequence_, position.sequence);
  // What events have said is older than this.
  redis_sequence_ = std::max(accepted_, position.sequence);
  NoteProgress(now);
  return true;
}

bool Follower::AwaitFounder(const RelayPosition& position, absl::Time now) {
  if (position.epoch != kNoEpoch) {
    return false;
  }
  if (founding_at_ == absl::InfiniteFuture()) {
    // Those who know the fleet may be as long in coming back as anybody is who could not reach Redis.
    founding_at_ = now + kFleetFoundingDelay + (was_cut_off_ ? kReconnectDelayMax : absl::ZeroDuration());
  }
  error_ = absl::UnavailableError("Redis is empty: waiting for a replica that knows the fleet");
  heartbeat_at_ = std::min(heartbeat_at_, founding_at_);
  return true;
}

bool Follower::RefuseForeignFleet(const RelayPosition& position, absl::Time now) {
  const uint64_t fleet = FleetOf(position);
  foreign_ = fleet_id_ != 0 && fleet != fleet_id_ && !position.fleet_id.empty();
  if (foreign_) {
    error_ = absl::FailedPreconditionError(absl::StrCat(
        "this namespace of Redis holds the data of fleet ", FormatEpoch(fleet), "; this store belongs to fleet ",
        FormatEpoch(fleet_id_), ": check --redis and --namespace, or start with an empty data directory"));
    retry_at_ = now + kReconnectDelayMax;
    position_wanted_ = true;
    CatchUpAgain(Cause::kReconnect);
  }
  return foreign_;
}

// A backup has brought back an epoch that this replica has left: it goes on from there and gives its sequences out a
// second time, while events of its first life may still be on their way here.
bool Follower::NoticeReturnedEpoch(const RelayPosition& position) {
  if (std::find(left_epochs_.begin(), left_epochs_.end(), position.epoch) == left_epochs_.end()) {
    return false;
  }
  start_epoch_ = EpochProposal{position.epoch, RandomNonZero(), position.sequence};
  CatchUp(Cause::kReconnect);
  return true;
}

bool Follower::NoticeNewEpoch(const RelayPosition& position) {
  if (position.epoch == epoch_) {
    return false;
  }
  // At the first contact all that this store has is in its outbox anyway. Later, a new epoch means that Redis may have
  // lost anything.
  const uint64_t fleet = FleetOf(position);
  enter_epoch_ = EpochChange{position.epoch, fleet != 0 ? fleet : fleet_id_, PrimaryOf(position),
                             /*refill=*/epoch_ != 0, absl::nullopt};
  if (position.sum.has_value()) {
    enter_epoch_->redis = EpochChange::Content{position.records, *position.sum, position.sequence};
  }
  CatchUp(Cause::kReconnect);
  return true;
}

// Redis may have forgotten writes: it has not reached a sequence that it gave out, or another primary has taken over,
// whose history may have parted from the old one's at any point. (That is also how a backup shows that brings an old
// epoch back: replicas that were away meanwhile hold its sequences for other writes.) Only a new epoch makes everybody
// notice: under the old one the same sequences would be given out for other writes.
bool Follower::NoticeLostData(const RelayPosition& position) {
  const uint64_t primary = PrimaryOf(position);
  const bool failed_over = primary_ != 0 && primary != 0 && primary != primary_;
  if (position.sequence >= known_when_asked_ && !failed_over) {
    return false;
  }
  start_epoch_ = EpochProposal{epoch_, RandomNonZero(), known_when_asked_};
  CatchUp(Cause::kReconnect);
  return true;
}

// An event that is lost leaves no gap when it is the last. What Redis had given out a heartbeat ago should be here.
void Follower::NoticeLostEvent(const RelayPosition& position, const Local& local) {
  if (live_ && !catching_up_ && !local.events_waiting && heartbeat_sequence_ > accepted_) {
    CatchUp(Cause::kGap);
  }
  heartbeat_sequence_ = position.sequence;
}

void Follower::OnEpochStarted(const EpochInForce&) {
  start_epoch_.reset();
  position_wanted_ = true;
}

void Follower::OnEpochEntered(const absl::StatusOr<EpochEntry>& entry, absl::Time now) {
  entering_epoch_ = false;
  if (!entry.ok()) {
    error_ = entry.status();
    retry_at_ = retry_.Failed(now);
    return;
  }
  if (epoch_ != kNoEpoch) {
    left_epochs_.push_back(epoch_);
  }
  if (left_epochs_.size() > kLeftEpochsMax) {
    left_epochs_.pop_front();
  }
  epoch_ = enter_epoch_->epoch;
  fleet_id_ = enter_epoch_->fleet_id;
  primary_ = enter_epoch_->primary;
  enter_epoch_.reset();
  accepted_ = entry->applied_sequence;
  applied_ = entry->applied_sequence;
  whole_ = 0;
  told_sequence_ = 0;
  redis_sequence_ = 0;
  heartbeat_sequence_ = 0;
  fleet_keys_ = nullptr;
  position_seen_ = false;
  reconciling_ = false;
  collect_after_ = 0;
  reindex_cursor_ = 0;
  reindexed_ = 0;
  reindex_retry_delay_ = kUpkeepRetryDelay;
  reindex_at_ = now + kReindexDelay;
  reconcile_at_ = absl::InfinitePast();
  if (entry->refill) {
    reconcile_at_ = now + kReconcileJitterMax * std::uniform_real_distribution<double>(0, 1)(random_);
  }
  position_wanted_ = true;
  CatchUp(Cause::kReconnect);
}

}  // namespace dunlin
