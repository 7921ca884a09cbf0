#include "tests/simulation/sim_fleet.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "storage/change.h"
#include "storage/version.h"
#include "sync/epoch.h"
#include "sync/follower.h"

namespace dunlin {
namespace {

constexpr size_t kTraceLinesMax = 4000;

}  // namespace

SimFleet::SimFleet(const WorldTraits& traits, Dice* dice, bool tracing)
    : traits_(traits), dice_(dice), tracing_(tracing), redis_(&loop_, dice), oracle_(&redis_.model(), &loop_) {
  redis_.weather = traits.weather;
  redis_.on_publish = [this](const std::string& event) {
    oracle_.OnPublished(event);
    Trace(absl::StrCat("redis is at ", redis_.model().contents().meta.sequence));
  };
  oracle_.set_tombstone_horizon(traits.tombstone_horizon);
  for (size_t i = 0; i < traits.replicas; ++i) {
    AddReplica();
  }
}

SimFleet::~SimFleet() = default;

void SimFleet::AddReplica() {
  SimReplica::Options options;
  options.number = static_cast<int>(replicas_.size());
  options.store_id = dice_->Number() | 1;
  options.ring_slots = traits_.ring_slots;
  options.page_changes_max = traits_.page_changes_max;
  options.disk_max = traits_.disk_max;
  options.tombstone_horizon = traits_.tombstone_horizon;
  options.outbox_quota_bytes = traits_.outbox_quota_bytes;
  knows_fleet_.push_back(false);
  oracle_.OnReplica(options.number, options.store_id);
  replicas_.push_back(std::make_unique<SimReplica>(options, &loop_, dice_, &redis_, ObserverOf(options.number)));
  replicas_.back()->Start();
  Trace(absl::StrCat("replica ", options.number, " starts"));
}

SimReplica::Observer SimFleet::ObserverOf(int number) {
  SimReplica::Observer observer;
  observer.on_changes = [this, number](absl::Span<const ChangePtr> changes) {
    oracle_.OnCommitted(number, changes);
    for (const ChangePtr& change : changes) {
      if (tracing_) {
        Trace(absl::StrCat("replica ", number, " has ", change->key, " ", VersionToString(change->version), " at ",
                           change->revision));
      }
    }
  };
  observer.on_commit = [this, number](const StoreState& state, bool synced) {
    knows_fleet_[static_cast<size_t>(number)] = state.fleet_id != 0;
    oracle_.OnState(number, state);
    if (synced) {
      oracle_.OnSynced(number);
    }
    TraceState(number, state);
  };
  observer.on_dropped = [this, number](const std::string& event) { oracle_.OnDropped(number, event); };
  observer.on_open = [this, number](const Follower::Status& status, bool subscribed) {
    oracle_.OnBarrierOpen(number, status.epoch, status.applied_sequence, subscribed);
  };
  observer.on_crash = [this, number] { on_crash(number); };
  observer.on_power_back = [this, number](const StoreState& state) {
    const uint64_t lost = oracle_.OnPowerBack(number, state);
    Trace(absl::StrCat("replica ", number, " has lost ", lost, " changes"));
  };
  return observer;
}

bool SimFleet::AllKnowTheFleet() const {
  return std::all_of(knows_fleet_.begin(), knows_fleet_.end(), [](bool knows) { return knows; });
}

bool SimFleet::Settled() const {
  // Replicas see that a part of Redis is lost when they next look, and may be equal until then; so they may while some
  // of its records wait for their place in the index.
  const ModelRedis::Contents& contents = redis_.model().contents();
  if (contents.PartIsLost() || contents.index.size() < contents.data.size()) {
    return false;
  }
  const StoreState first = replicas_[0]->running() ? replicas_[0]->state() : StoreState();
  return std::all_of(replicas_.begin(), replicas_.end(), [&](const auto& replica) {
    if (!replica->running() || !replica->live()) {
      return false;
    }
    const StoreState state = replica->state();
    return state.outbox_depth == 0 && state.epoch == redis_.model().contents().meta.epoch &&
           state.applied_sequence == redis_.model().contents().meta.sequence && state.digest == first.digest;
  });
}

void SimFleet::CheckConverged() {
  std::vector<int> numbers;
  for (const auto& replica : replicas_) {
    numbers.push_back(replica->number());
  }
  oracle_.CheckConverged(numbers, redis_.Now());
}

std::string SimFleet::Describe() const {
  std::vector<std::string> lines;
  const ModelRedis::Contents::Meta& meta = redis_.model().contents().meta;
  lines.push_back(
      absl::StrCat("redis: epoch ", FormatEpoch(meta.epoch), " sequence ", meta.sequence, " fleet ", meta.fleet_id));
  for (const auto& replica : replicas_) {
    if (!replica->running()) {
      lines.push_back(absl::StrCat("replica ", replica->number(), " does not run"));
      continue;
    }
    const StoreState state = replica->state();
    const Follower::Status follower = replica->follower();
    lines.push_back(absl::StrCat("replica ", replica->number(), ": live ", replica->live(), " epoch ",
                                 FormatEpoch(state.epoch), " applied ", state.applied_sequence, " outbox ",
                                 state.outbox_depth, " mirrored ", state.mirrored_revision, " of ", state.revision,
                                 " entries ", state.entries, " follower: ", follower.error.ToString(),
                                 " mirror: ", replica->mirror_error().ToString()));
  }
  return absl::StrJoin(lines, "\n  ");
}

void SimFleet::Trace(absl::string_view what) {
  if (!tracing_) {
    return;
  }
  trace_.push_back(absl::StrCat(absl::ToDoubleSeconds(loop_.Now() - EventLoop::Start()), " ", what));
  if (trace_.size() > kTraceLinesMax) {
    trace_.pop_front();
  }
}

void SimFleet::TraceState(int number, const StoreState& state) {
  const std::string now = absl::StrCat("replica ", number, " is at ", FormatEpoch(state.epoch), " ",
                                       state.applied_sequence, ", outbox ", state.outbox_depth);
  if (tracing_ && std::exchange(traced_states_[number], now) != now) {
    Trace(now);
  }
}

}  // namespace dunlin
