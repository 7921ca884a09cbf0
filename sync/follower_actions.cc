// How FollowerThread (follower_thread.h) does what its Follower wants.

#include <utility>

#include "sync/clock_correction.h"
#include "sync/epoch.h"
#include "sync/follower_thread.h"
#include "sync/redis_error.h"

namespace dunlin {

void FollowerThread::Do(const Follower::Wait& wait) { asleep_until_ = wait.until; }

void FollowerThread::Do(const Follower::Connect&) {
  const absl::Status status = parts_.relay->Connect(absl::Now() + kRedisTimeout);
  if (status.ok()) {
    follower_.OnConnected(steady_.Now());
  } else {
    Failed(status);
  }
}

void FollowerThread::Do(const Follower::ReadPosition& read) {
  const DeliveredMark delivered = parts_.delivered();
  const StoreState state = parts_.store->state();
  const absl::Time asked = steady_.Now();
  const absl::StatusOr<RelayPosition> position = parts_.relay->ReadPosition(read.proposal);
  const absl::Time fleet_time = parts_.clock->Now();
  if (!position.ok()) {
    Failed(position.status());
    return;
  }
  const absl::Duration correction = ClockCorrection(steady_.Now() - asked, fleet_time, position->redis_time);
  parts_.clock->Correct(correction);
  if (follower_.OnPosition(*position, Local(), steady_.Now())) {
    parts_.checkpoints->Note(MarkOf(state.revision, position->epoch, delivered), state.expired_latest_unix_ms,
                             position->epoch, position->sequence);
    parts_.on_confirmed(delivered);
  }
}

void FollowerThread::Do(const Follower::ReadChanges& read) {
  absl::StatusOr<RelayChangePage> page = parts_.relay->ReadChanges(read.after, read.items_max, read.size_max_bytes);
  if (page.ok()) {
    follower_.OnChanges(*std::move(page), steady_.Now());
  } else {
    Failed(page.status());
  }
}

void FollowerThread::Do(const Follower::ReadOrders& read) {
  absl::StatusOr<RelayChangePage> page = parts_.relay->ReadOrders(read.after, read.items_max, read.size_max_bytes);
  if (page.ok()) {
    follower_.OnOrders(*std::move(page));
  } else {
    Failed(page.status());
  }
}

void FollowerThread::Do(const Follower::Compare& compare) {
  follower_.OnCompared(parts_.store->FindOlder(compare.items), steady_.Now());
}

void FollowerThread::Do(const Follower::ReadRecords& read) {
  absl::StatusOr<RelayRecords> records = parts_.relay->ReadRecords(read.keys, read.size_max_bytes);
  if (records.ok()) {
    follower_.OnRecords(*std::move(records));
  } else {
    Failed(records.status());
  }
}

void FollowerThread::Do(const Follower::Collect& collect) {
  const absl::StatusOr<CollectReply> reply = parts_.relay->Collect(collect.query);
  if (reply.ok()) {
    follower_.OnCollected(*reply, steady_.Now());
  } else if (RemedyOf(reply.status()) == RedisRemedy::kStopAndTell) {
    parts_.logger->Warning("old tombstones cannot be removed from Redis", {{"error", reply.status().ToString()}});
    follower_.OnCollectRefused(steady_.Now());
  } else {
    Failed(reply.status());
  }
}

void FollowerThread::Do(const Follower::Reindex& reindex) {
  const absl::StatusOr<ReindexReply> reply = parts_.relay->Reindex(reindex.query);
  if (reply.ok()) {
    if (reply->found > 0) {
      parts_.logger->Warning("records that Redis' index had lost are in it again", {{"count", reply->found}});
    }
    follower_.OnReindexed(*reply, steady_.Now());
    return;
  }
  parts_.logger->Warning("Redis cannot be searched for records that its index has lost",
                         {{"error", reply.status().ToString()}});
  follower_.OnReindexFailed(steady_.Now());
  if (RemedyOf(reply.status()) != RedisRemedy::kStopAndTell) {
    Failed(reply.status());
  }
}

void FollowerThread::Do(const Follower::FindDelivered& find) {
  const absl::StatusOr<DeliveredReply> reply = parts_.relay->FindDelivered(find.store_ids);
  if (!reply.ok()) {
    Failed(reply.status());
  } else if (follower_.OnDelivered(*reply, steady_.Now()) && parts_.arrivals->OnDelivered(*reply)) {
    parts_.on_arrival();
  }
}

void FollowerThread::Do(const Follower::StartEpoch& start) {
  const absl::StatusOr<EpochInForce> in_force = parts_.relay->StartEpoch(start.proposal);
  if (in_force.ok()) {
    follower_.OnEpochStarted(*in_force);
  } else {
    Failed(in_force.status());
  }
}

void FollowerThread::Do(const Follower::EnterEpoch& enter) {
  parts_.logger->Warning("entering an epoch",
                         {{"epoch", FormatEpoch(enter.change.epoch)}, {"refill", enter.change.refill}});
  {
    MutexLock lock(&mutex_);
    ++outstanding_;
  }
  parts_.committer->EnterEpoch(enter.change, [this](absl::StatusOr<EpochEntry> entry) {
    MutexLock lock(&mutex_);
    epoch_entered_ = std::move(entry);
    --outstanding_;
    all_answered_.Signal();
    wake_.Wake();
  });
}

void FollowerThread::Do(Follower::Apply& apply) {
  {
    MutexLock lock(&mutex_);
    ++outstanding_;
    is_applying_here_ = true;
  }
  parts_.committer->Apply(std::move(apply.batch), [this](absl::StatusOr<ApplyResult> result) {
    MutexLock lock(&mutex_);
    applied_ = std::move(result);
    --outstanding_;
    all_answered_.Signal();
    if (!is_applying_here_) {
      wake_.Wake();
    }
  });
  MutexLock lock(&mutex_);
  is_applying_here_ = false;
}

void FollowerThread::Do(const Follower::DiscardEvents&) {
  while (parts_.ring->TryPop().has_value()) {
  }
}

void FollowerThread::Failed(const absl::Status& error) {
  const bool usable = parts_.relay->connected() && RemedyOf(error) != RedisRemedy::kFindPrimary;
  follower_.OnRelayError(error, usable, steady_.Now());
}

}  // namespace dunlin
