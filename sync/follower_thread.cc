#include "sync/follower_thread.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "storage/limits.h"
#include "storage/this_thread.h"
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

void FollowerThread::WantLook() {
  MutexLock lock(&mutex_);
  look_wanted_ = true;
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
  // Not only around the commit: who carries on says how far this replica is, which has to be known by then.
  const ChangeFeed::Carrying carrying(parts_.feed);
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
  bool look_wanted;
  bool repair_wanted;
  {
    MutexLock lock(&mutex_);
    repair_wanted = std::exchange(repair_wanted_, false);
    look_wanted = std::exchange(look_wanted_, false);
    applied = std::exchange(applied_, absl::nullopt);
    entered = std::exchange(epoch_entered_, absl::nullopt);
  }
  follower_.OnDeliveryAwaited(parts_.arrivals->TakeAwaited());
  if (look_wanted) {
    follower_.OnLookWanted();
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

}  // namespace dunlin
