#include "sync/follower_thread.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "storage/limits.h"
#include "storage/this_thread.h"
#include "sync/clock_correction.h"
#include "sync/epoch.h"
#include "sync/redis_error.h"

namespace dunlin {
namespace {

absl::string_view NameOf(Follower::State state) {
  switch (state) {
    case Follower::State::kOffline:
      return "offline";
    case Follower::State::kSubscribing:
      return "subscribing";
    case Follower::State::kCatchingUp:
      return "catching_up";
    case Follower::State::kLive:
      return "live";
  }
  return "unknown";
}

}  // namespace

FollowerThread::FollowerThread(const Follower::Options& options, Parts parts)
    : parts_(std::move(parts)), follower_(options, steady_.Now()), status_(follower_.status()) {}

FollowerThread::~FollowerThread() { Stop(); }

void FollowerThread::Start() {
  thread_ = std::thread([this] { Run(); });
}

void FollowerThread::Stop() {
  wake_.Stop();
  parts_.relay->Interrupt();
  if (thread_.joinable()) {
    thread_.join();
  }
  {
    // A turn of the subscriber's has ended, and none will follow.
    MutexLock turn(&turn_);
  }
  // The committer's answers refer to this object.
  MutexLock lock(&mutex_);
  while (outstanding_ > 0) {
    all_answered_.Wait(&mutex_);
  }
}

void FollowerThread::DoubtEpoch() {
  MutexLock lock(&mutex_);
  epoch_doubted_ = true;
  wake_.Wake();
}

void FollowerThread::Repair() {
  MutexLock lock(&mutex_);
  repair_wanted_ = true;
  wake_.Wake();
}

Follower::Status FollowerThread::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

absl::Duration FollowerThread::StalenessOf(const Follower::Status& status) const {
  const absl::Duration age = std::max(absl::ZeroDuration(), steady_.Now() - status.up_to_date_at);
  const bool up_to_date = status.state == Follower::State::kLive && status.applied_sequence >= status.redis_sequence;
  // A Redis that has fallen silent may have accepted anything since.
  return up_to_date && age < 2 * kRedisHeartbeatPeriod ? absl::ZeroDuration() : age;
}

// ---- The loop ----

void FollowerThread::Run() {
  NameThisThread("follower");
  while (!wake_.stopped()) {
    absl::Time asleep_until = absl::InfinitePast();
    {
      MutexLock turn(&turn_);
      Follower::Action action = left_.has_value() ? *std::exchange(left_, absl::nullopt) : Next();
      asleep_until_ = absl::InfinitePast();
      std::visit([this](auto& what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_) { Do(what); }, action);
      asleep_until = asleep_until_;
    }
    if (asleep_until != absl::InfinitePast()) {
      wake_.WaitFor(asleep_until - steady_.Now());
    }
  }
}

void FollowerThread::TakeTurn() {
  const auto waiting = parts_.ring->UsedApprox();
  const bool is_little = waiting.slots <= kEventsAppliedAtOnceMax && waiting.bytes <= kEventsAppliedAtOnceMaxBytes;
  if (!is_little || !turn_.TryLock()) {
    wake_.Wake();
    return;
  }
  if (!wake_.stopped()) {
    ApplyWhatHasCome();
  }
  turn_.Unlock();
}

void FollowerThread::ApplyWhatHasCome() {
  while (!left_.has_value()) {
    Follower::Action action = Next();
    if (auto* apply = std::get_if<Follower::Apply>(&action)) {
      Do(*apply);
    } else if (const auto* wait = std::get_if<Follower::Wait>(&action)) {
      if (wait->until < asleep_until_) {
        wake_.Wake();
      }
      return;
    } else {
      left_ = std::move(action);
      wake_.Wake();
    }
  }
}

Follower::Action FollowerThread::Next() {
  TakeInputs();
  TakeEvents();
  Follower::Action action = follower_.Next(steady_.Now());
  PublishStatus();
  return action;
}

void FollowerThread::TakeInputs() {
  const Subscriber::State subscription = parts_.subscriber->state();
  if (subscription.generation != subscription_generation_ && subscription.subscribed) {
    follower_.OnSubscribed();
  } else if (!subscription.subscribed && (subscribed_ || subscription.last_error != subscription_error_)) {
    follower_.OnSubscriptionLost(subscription.last_error);
  }
  subscription_error_ = subscription.last_error;
  subscription_generation_ = subscription.generation;
  subscribed_ = subscription.subscribed;
  if (parts_.subscriber->TakeOverflow()) {
    follower_.OnOverflow();
  }
  absl::optional<absl::StatusOr<ApplyResult>> applied;
  absl::optional<absl::StatusOr<EpochEntry>> entered;
  bool doubted;
  bool repair_wanted;
  {
    MutexLock lock(&mutex_);
    repair_wanted = std::exchange(repair_wanted_, false);
    doubted = std::exchange(epoch_doubted_, false);
    applied = std::exchange(applied_, absl::nullopt);
    entered = std::exchange(epoch_entered_, absl::nullopt);
  }
  follower_.OnDeliveryAwaited(parts_.arrivals->TakeAwaited());
  if (doubted) {
    follower_.OnEpochDoubt();
  }
  if (repair_wanted) {
    follower_.OnRepairWanted();
  }
  if (applied.has_value()) {
    follower_.OnApplied(*applied, steady_.Now());
  }
  if (entered.has_value()) {
    follower_.OnEpochEntered(*entered, steady_.Now());
    if (entered->ok()) {
      parts_.on_epoch_entered();
    }
  }
}

void FollowerThread::TakeEvents() {
  while (follower_.WantsEvent()) {
    const std::optional<std::string> event = parts_.ring->TryPop();
    if (!event.has_value()) {
      return;
    }
    follower_.OnEvent(*event, steady_.Now());
  }
}

void FollowerThread::PublishStatus() {
  const Follower::Status now = follower_.status();
  Follower::Status before;
  {
    MutexLock lock(&mutex_);
    before = std::exchange(status_, now);
  }
  if (before.state == Follower::State::kLive && (now.state != before.state || now.generation != before.generation)) {
    parts_.barrier->Close();
  }
  if (now.state == Follower::State::kLive && !parts_.barrier->open()) {
    parts_.barrier->Open();
    parts_.on_barrier_open();
  }
  if (before.rebuilds_begun != now.rebuilds_begun) {
    parts_.checkpoints->Clear();
  }
  if (parts_.arrivals->OnProgress(now.epoch, now.whole_sequence)) {
    parts_.on_arrival();
  }
  LogTransition(before, now);
}

void FollowerThread::LogTransition(const Follower::Status& before, const Follower::Status& after) {
  if (before.state != after.state) {
    parts_.logger->Info("sync state", {{"state", NameOf(after.state)},
                                       {"epoch", FormatEpoch(after.epoch)},
                                       {"applied_sequence", after.applied_sequence},
                                       {"redis_sequence", after.redis_sequence}});
  }
  if (!after.error.ok() && before.error != after.error) {
    parts_.logger->Warning("sync error", {{"error", after.error.ToString()}});
  }
  if (!before.has_rival && after.has_rival) {
    parts_.logger->Error(
        "another process runs on a copy of this data directory: stop one of them, and give it an empty one", {});
  }
  if (before.eviction_policy != after.eviction_policy && !after.eviction_policy.empty()) {
    parts_.logger->Warning(EvictionWarning(after.eviction_policy), {});
  }
  if (before.unindexable != after.unindexable && after.unindexable > 0) {
    parts_.logger->Error("records in Redis are damaged and in no index: put or delete their keys, or remove them there",
                         {{"count", after.unindexable}});
  }
  if (before.version_conflicts != after.version_conflicts) {
    parts_.logger->Error("two stores issue versions under one id: a data directory has been copied",
                         {{"conflicts", after.version_conflicts}});
  }
  if (before.rebuilds != after.rebuilds) {
    parts_.logger->Warning("the store was away for longer than tombstones live and has been rebuilt", {});
  }
  if (before.damaged_records != after.damaged_records) {
    parts_.logger->Error("damaged records in Redis were left out", {{"total", after.damaged_records}});
  }
}

Follower::Local FollowerThread::Local() const {
  const StoreState state = parts_.store->state();
  return {parts_.ring->UsedApprox().slots > 0, state.revision, state.mirrored_high_revision};
}

// ---- The actions ----

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
