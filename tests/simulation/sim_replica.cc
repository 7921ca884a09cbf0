#include "tests/simulation/sim_replica.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/change_feed.h"
#include "storage/group_committer.h"
#include "storage/hybrid_clock.h"
#include "storage/limits.h"
#include "sync/arrivals.h"
#include "sync/checkpoints.h"
#include "sync/event_ring.h"
#include "tests/simulation/sim_committer.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_follower.h"
#include "tests/simulation/sim_mirror.h"
#include "tests/simulation/sim_subscriber.h"

namespace dunlin {
namespace {

constexpr size_t kMapSizeBytes = size_t{64} << 20;
// The database takes over what was written now and then, and a journal takes no time to make.
constexpr size_t kWriteBufferBytes = size_t{16} << 10;
constexpr absl::Duration kCrashDelayMax = absl::Milliseconds(50);

template <typename T>
T ValueOrDie(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::cerr << "a simulated replica cannot start: " << result.status() << std::endl;
    std::abort();
  }
  return *std::move(result);
}

}  // namespace

// One life of a replica, wired as in sync/replicator.cc. The threads come last, so that they are gone first.
struct SimReplica::Life final : ChangeFeed::Listener, ChangeFeed::EarlyListener {
  explicit Life(SimReplica* replica)
      : replica(*replica),
        clock(&replica->wall_clock_, &replica->steady_clock_),
        store(Open()),
        engine(EngineOptions(), store.get(), &clock, &feed),
        ring(ValueOrDie(EventRing<std::string>::Create(replica->options_.ring_slots, kRingMaxBytes))),
        committer(Environment(), CommitterOptions(), store.get(), &engine),
        subscriber(
            Environment(), ring.get(), [this] { follower.Wake(); },
            [this](const std::string& event) { this->replica.observer_.on_dropped(event); }),
        follower(Environment(), FollowerOptions(),
                 {ring.get(), &subscriber, store.get(), &committer, &clock, &arrivals, &checkpoints,
                  [this] { return mirror.delivered(); }, [this] { mirror.OnEpochEntered(); }, [this] { mirror.Wake(); },
                  [this](const DeliveredMark& asked) { mirror.OnConfirmed(asked); },
                  [this](const Follower::Status& status) {
                    this->replica.observer_.on_open(status, subscriber.subscribed());
                  },
                  replica->options_.page_changes_max}),
        mirror(Environment(), MirrorOptions(),
               {store.get(), &committer, &clock, [this] { return follower.machine().live(); },
                [this] { follower.WantLook(); }, [this] { follower.WantLook(); }}) {
    feed.Subscribe(Selector(), this);
    feed.SetEarlyListener(this);
    committer.Start();
    subscriber.Wake();
    follower.Wake();
    mirror.Wake();
  }

  SimEnvironment Environment() const {
    return {replica.loop_, replica.dice_, replica.redis_, replica.options_.number, replica.options_.wake_max};
  }

  std::unique_ptr<Store> Open() {
    Store::Options options;
    options.directory = replica.directory_.path();
    options.map_size_bytes = kMapSizeBytes;
    options.write_buffer_bytes = kWriteBufferBytes;
    options.boot_id = absl::StrCat("boot ", replica.power_failures_);
    options.new_store_id = replica.options_.store_id;
    return ValueOrDie(Store::Open(options, &clock));
  }

  GroupCommitter::Options EngineOptions() const {
    GroupCommitter::Options options;
    options.tombstone_horizon = replica.options_.tombstone_horizon;
    options.outbox_quota_bytes = replica.options_.outbox_quota_bytes;
    return options;
  }

  SimCommitter::Options CommitterOptions() {
    return {replica.options_.disk_min, replica.options_.disk_max,
            [this](const StoreState& state) { return replica.OnCommit(state); }};
  }

  Follower::Options FollowerOptions() const {
    const StoreState state = store->state();
    Follower::Options options;
    options.epoch = state.epoch;
    options.applied_sequence = state.applied_sequence;
    options.fleet_id = state.fleet_id;
    options.primary = state.primary;
    options.complete_unix_ms = state.complete_unix_ms;
    options.lease = LeaseRequest{store->store_id(), replica.dice_->Number() | 1};
    options.tombstone_horizon = replica.options_.tombstone_horizon;
    options.seed = replica.dice_->Number();
    return options;
  }

  Mirror::Options MirrorOptions() const {
    const StoreState state = store->state();
    return {store->store_id(),       state.epoch,        state.mirrored_revision,
            replica.dice_->Number(), state.own_revision, replica.options_.tombstone_horizon};
  }

  void OnChanges(absl::Span<const ChangePtr> changes) override {
    replica.observer_.on_changes(changes);
    mirror.OnChanges(changes);
  }

  void OnWritten(absl::Span<const ChangePtr> changes, uint64_t after_revision) override {
    mirror.OnWritten(changes, after_revision);
  }

  SimReplica& replica;
  HybridClock clock;
  ChangeFeed feed;
  const std::unique_ptr<Store> store;
  GroupCommitter engine;
  const std::unique_ptr<EventRing<std::string>> ring;
  SimCommitter committer;
  Arrivals arrivals;
  Checkpoints checkpoints;
  SimSubscriber subscriber;
  SimFollower follower;
  SimMirror mirror;
};

SimReplica::SimReplica(const Options& options, EventLoop* loop, Dice* dice, SimRedis* redis, Observer observer)
    : options_(options), loop_(loop), dice_(dice), redis_(redis), observer_(std::move(observer)) {
  wall_clock_.loop = loop;
  steady_clock_.loop = loop;
}

SimReplica::~SimReplica() = default;

void SimReplica::Start() {
  SimDisk::Get();
  ++lives_;
  life_ = std::make_unique<Life>(this);
  if (std::exchange(has_lost_, false)) {
    observer_.on_power_back(state());
  }
}

void SimReplica::Crash(End end) {
  observer_.on_crash();
  rebuilds_ = rebuilds();
  collected_ = collected();
  reindexed_ = reindexed();
  late_ = late();
  has_lost_ = end == End::kPowerFailure || disk_has_failed();
  life_.reset();
  SetCrashInSync(absl::nullopt);
  if (has_lost_) {
    SimDisk::Get().LosePower(directory_.path(), dice_);
    power_failures_ += end == End::kPowerFailure ? 1 : 0;
  }
}

void SimReplica::SetCrashInSync(absl::optional<End> end) {
  crash_in_sync_ = end;
  if (end.has_value()) {
    SimDisk::Get().FailNextSync(directory_.path());
  } else {
    SimDisk::Get().FailNoSync(directory_.path());
  }
}

// Returns whether callers are to be answered.
bool SimReplica::OnCommit(const StoreState& state) {
  observer_.on_commit(state, SimDisk::Get().IsSynced(directory_.path()));
  if (disk_has_failed() && crash_in_sync_.has_value()) {
    // Time for what was written before the sync to get elsewhere.
    loop_->After(dice_->Between(absl::ZeroDuration(), kCrashDelayMax),
                 [this, life = lives_, end = *std::exchange(crash_in_sync_, absl::nullopt)] {
                   if (running() && lives_ == life) {
                     Crash(end);
                   }
                 });
  }
  const absl::optional<End> end = std::exchange(crash_after_commit_, absl::nullopt);
  if (!end.has_value()) {
    return true;
  }
  // Not from within its own commit.
  loop_->After(absl::ZeroDuration(), [this, end = *end] { Crash(end); });
  return false;
}

void SimReplica::Write(LocalWrite write, WriteCallback done) {
  life_->committer.Enqueue(WriteOperation{std::move(write), std::move(done), absl::UnknownError("not carried out")});
}

void SimReplica::WriteIf(Mutation mutation, const Precondition& precondition, absl::Duration timeout,
                         WriteCallback done) {
  ConditionalWriter::Request request;
  request.mutation = std::move(mutation);
  request.precondition = precondition;
  request.deadline = loop_->Now() + timeout;
  request.done = std::move(done);
  life_->mirror.WriteIf(std::move(request));
}

void SimReplica::WaitForArrival(const Position& position, absl::Duration timeout, StatusCallback done) {
  life_->arrivals.Wait(position, loop_->Now() + timeout, std::move(done));
  life_->follower.OnAwaited();
}

absl::optional<uint64_t> SimReplica::FindCheckpoint(const Position& position) const {
  return life_->checkpoints.Find(position);
}

ChangeFeed* SimReplica::feed() { return &life_->feed; }

void SimReplica::WaitMirrored(std::vector<OutboxItem> writes, absl::Duration timeout, StatusCallback done) {
  life_->mirror.WaitMirrored(std::move(writes), loop_->Now() + timeout, std::move(done));
}

uint64_t SimReplica::reindexed() const { return reindexed_ + (running() ? life_->follower.reindexed() : 0); }
uint64_t SimReplica::late() const { return late_ + (running() ? life_->mirror.late() : 0); }

bool SimReplica::disk_has_failed() const { return !life_->store->failure().ok(); }
StoreState SimReplica::state() const { return life_->store->state(); }
absl::Time SimReplica::fleet_now() const { return life_->clock.Now(); }
const Store& SimReplica::store() const { return *life_->store; }
Follower::Status SimReplica::follower() const { return life_->follower.machine().status(); }
const absl::Status& SimReplica::mirror_error() const { return life_->mirror.machine().error(); }
bool SimReplica::live() const { return life_->follower.machine().live(); }

}  // namespace dunlin
