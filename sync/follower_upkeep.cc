// What Follower (follower.h) does for Redis where one replica has to do it for all, and how it knows that it is this
// one, or that another run goes by its name.

#include <algorithm>
#include <utility>

#include "storage/limits.h"
#include "sync/follower.h"

namespace dunlin {

// ---- The lease ----

// A run that has ended does not renew its lease; one that does goes on.
void Follower::NoticeRival(const std::string& lease) {
  if (lease.empty() || rival_lease_.empty()) {
    has_rival_ = false;
  } else if (lease != rival_lease_) {
    has_rival_ = true;
  }
  rival_lease_ = lease;
}

absl::Time Follower::NextUpkeep() const {
  const absl::Time next = AwaitsDelivery() ? std::min(heartbeat_at_, delivery_at_) : heartbeat_at_;
  if (!IsCaretaker()) {
    return next;
  }
  const bool reindexes = unindexed_ > 0 || reindex_cursor_ != 0;
  return std::min({next, collect_at_, reindexes ? reindex_at_ : absl::InfiniteFuture()});
}

// ---- What others have written, for whoever waits for it ----

void Follower::OnDeliveryAwaited(std::vector<uint64_t> store_ids) {
  const auto is_awaited = [this](uint64_t id) {
    return std::find(awaited_stores_.begin(), awaited_stores_.end(), id) != awaited_stores_.end();
  };
  if (!std::all_of(store_ids.begin(), store_ids.end(), is_awaited)) {
    delivery_at_ = absl::InfinitePast();
    delivery_retry_delay_ = kDeliveryRetryDelayMin;
  }
  awaited_stores_ = std::move(store_ids);
}

absl::optional<Follower::FindDelivered> Follower::NextDelivery(absl::Time now) {
  if (!AwaitsDelivery() || now < delivery_at_) {
    return absl::nullopt;
  }
  delivery_asked_at_ = now;
  return FindDelivered{awaited_stores_};
}

bool Follower::OnDelivered(const DeliveredReply& reply, absl::Time now) {
  // Over a slow link there has to be time for what is waited for.
  delivery_at_ = now + std::max(delivery_retry_delay_, kDeliveryPauseFactor * (now - delivery_asked_at_));
  delivery_retry_delay_ = std::min(2 * delivery_retry_delay_, kDeliveryRetryDelayMax);
  const bool is_of_this_life = reply.epoch == epoch_ && reply.sequence >= std::max(accepted_, told_sequence_);
  position_wanted_ = position_wanted_ || !is_of_this_life;
  return is_of_this_life;
}

// ---- Old tombstones, whose removal makes an absence too long ----

absl::optional<Follower::Collect> Follower::NextCollect(absl::Time now) const {
  if (!IsCaretaker() || now < collect_at_) {
    return absl::nullopt;
  }
  CollectQuery query;
  query.epoch = epoch_;
  query.horizon = tombstone_horizon_;
  query.sample_period = CollectionPeriodOf(tombstone_horizon_);
  query.after = collect_after_;
  query.entries_max = kCollectedEntriesMax;
  return Collect{query};
}

void Follower::OnCollectRefused(absl::Time now) {
  collect_at_ = now + std::max(CollectionPeriodOf(tombstone_horizon_), kUpkeepRetryDelay);
}

void Follower::OnCollected(const CollectReply& reply, absl::Time now) {
  if (reply.epoch_changed) {
    position_wanted_ = true;
  }
  tombstones_collected_ += reply.removed;
  collect_after_ = reply.epoch_changed ? 0 : reply.next_after;
  if (collect_after_ == 0) {
    collect_at_ = now + CollectionPeriodOf(tombstone_horizon_);
  }
}

// ---- Records that Redis' index has lost ----

absl::optional<Follower::Reindex> Follower::NextReindex(absl::Time now) const {
  const bool wanted = unindexed_ > 0 || reindex_cursor_ != 0;
  if (!IsCaretaker() || !wanted || now < reindex_at_) {
    return absl::nullopt;
  }
  ReindexQuery query;
  query.epoch = epoch_;
  query.origin = lease_.store_id;
  query.cursor = reindex_cursor_;
  query.records_max = kReindexedRecordsMax;
  query.size_max_bytes = kReindexedMaxBytes;
  return Reindex{query};
}

void Follower::OnReindexFailed(absl::Time now) {
  reindex_cursor_ = 0;
  reindexed_ = 0;
  reindex_at_ = now + kUpkeepRetryDelay;
}

void Follower::OnReindexed(const ReindexReply& reply, absl::Time now) {
  if (reply.epoch_changed) {
    position_wanted_ = true;
    reindex_cursor_ = 0;
    reindexed_ = 0;
    return;
  }
  reindexed_ += reply.found;
  reindex_cursor_ = reply.next_cursor;
  reindex_at_ = now + kReindexPause;
  if (reindex_cursor_ == 0) {
    EndReindexing(now);
  }
}

// If there is still something, the next position tells.
void Follower::EndReindexing(absl::Time now) {
  const bool in_vain = std::exchange(reindexed_, 0) == 0;
  unindexable_ = in_vain ? unindexed_ : 0;
  unindexed_ = 0;
  reindex_at_ = now + (in_vain ? reindex_retry_delay_ : kUpkeepRetryDelay);
  reindex_retry_delay_ = in_vain ? std::min(2 * reindex_retry_delay_, kReindexRetryDelayMax) : kUpkeepRetryDelay;
}

}  // namespace dunlin
