#include "tests/simulation/world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/limits.h"
#include "sync/epoch.h"

namespace dunlin {
namespace {

constexpr absl::Duration kTrouble = absl::Seconds(30);
// By then a fleet without faults is equal.
constexpr absl::Duration kPatience = absl::Seconds(120);
constexpr absl::Duration kLookPeriod = absl::Milliseconds(250);
constexpr size_t kTraceLinesMax = 4000;

}  // namespace

World::World(uint64_t seed, bool tracing)
    : tracing_(tracing), dice_(seed), redis_(&loop_, &dice_), oracle_(&redis_.model(), &loop_) {
  redis_.on_publish = [this](const std::string& event) {
    oracle_.OnPublished(event);
    Trace(absl::StrCat("redis is at ", redis_.model().contents().meta.sequence));
  };
  keys_ = 2 + dice_.Below(20);
  ring_slots_ = size_t{4} << dice_.Below(6);
  page_changes_max_ = size_t{2} << dice_.Below(8);
  // Short enough that replicas are away for longer. Data that Redis loses meanwhile are not for such a world: what only
  // a replica holds that has been away for too long is given up by design.
  horizon_ = dice_.Chance(0.25) ? dice_.Between(absl::Seconds(3), absl::Seconds(10)) : kTombstoneHorizonDefault;
  outbox_quota_bytes_ = dice_.Chance(0.2) ? 500 + dice_.Below(5000) : kOutboxQuotaBytesDefault;
  clock_error_max_ = dice_.Chance(0.5) ? absl::Seconds(4) : absl::Minutes(10);
  if (horizon_ != kTombstoneHorizonDefault) {
    // A tombstone's age is told by clocks: whoever shortens the horizon from a week to seconds needs better ones.
    clock_error_max_ = horizon_ / 10;
  }
  oracle_.set_tombstone_horizon(horizon_);
  disk_max_ = dice_.Between(absl::Milliseconds(1), absl::Milliseconds(30));
  redis_.weather.latency_max = dice_.Between(absl::Milliseconds(1), absl::Milliseconds(20));
  redis_.weather.event_lost = dice_.Chance(0.5) ? 0.02 : 0;
  redis_.weather.event_repeated = dice_.Chance(0.5) ? 0.02 : 0;
  for (size_t kind = 0; kind < kFaultKinds; ++kind) {
    fault_weights_.push_back(dice_.Chance(0.5) ? static_cast<int>(1 + dice_.Below(5)) : 0);
  }
  const size_t replicas = 2 + dice_.Below(3);
  for (size_t i = 0; i < replicas; ++i) {
    NewReplica();
  }
}

World::~World() = default;

World::Result& World::Result::operator+=(const Result& other) {
  lived += other.lived;
  acknowledged += other.acknowledged;
  faults += other.faults;
  restamped += other.restamped;
  refused += other.refused;
  rebuilds += other.rebuilds;
  collected += other.collected;
  return *this;
}

World::Result World::Live() {
  Repeat(dice_.Between(absl::Milliseconds(10), absl::Milliseconds(200)), [this] { DoSomeWrite(); });
  Repeat(dice_.Between(absl::Milliseconds(200), absl::Seconds(3)), [this] { DoSomeFault(); });
  Repeat(absl::Milliseconds(500), [this] {
    lagging_.push_back(redis_.model().contents());
    if (lagging_.size() > 4) {
      lagging_.pop_front();
    }
    if (dice_.Chance(0.1)) {
      backup_ = redis_.model().contents();
    }
  });
  const absl::Time end_of_trouble = loop_.Now() + kTrouble;
  while (loop_.Now() < end_of_trouble && oracle_.violation().empty()) {
    loop_.RunUntil(std::min(loop_.Now() + kLookPeriod, end_of_trouble));
  }
  EndTrouble();
  while (loop_.Now() < end_of_trouble + kPatience && oracle_.violation().empty() && !Settled()) {
    loop_.RunUntil(loop_.Now() + kLookPeriod);
  }
  Result result;
  result.violation = oracle_.violation();
  if (result.violation.empty()) {
    std::vector<int> numbers;
    for (const auto& replica : replicas_) {
      numbers.push_back(replica->number());
    }
    oracle_.CheckConverged(numbers, redis_.Now());
    result.violation = oracle_.violation();
    if (!Settled()) {
      result.violation =
          absl::StrCat("without faults the fleet does not come to rest: ", result.violation, "\n  ", Describe());
    }
  }
  result.trace = std::move(trace_);
  result.lived = loop_.Now() - EventLoop::Start();
  result.acknowledged = oracle_.acknowledged();
  result.faults = faults_;
  result.restamped = oracle_.restamped();
  result.refused = refused_;
  for (const auto& replica : replicas_) {
    result.rebuilds += replica->rebuilds();
    result.collected += replica->collected();
  }
  return result;
}

void World::Trace(absl::string_view what) {
  if (!tracing_) {
    return;
  }
  trace_.push_back(absl::StrCat(absl::ToDoubleSeconds(loop_.Now() - EventLoop::Start()), " ", what));
  if (trace_.size() > kTraceLinesMax) {
    trace_.pop_front();
  }
}

void World::TraceState(int number, const StoreState& state) {
  const std::string now = absl::StrCat("replica ", number, " is at ", FormatEpoch(state.epoch), " ",
                                       state.applied_sequence, ", outbox ", state.outbox_depth);
  if (tracing_ && std::exchange(traced_states_[number], now) != now) {
    Trace(now);
  }
}

void World::Repeat(absl::Duration period, std::function<void()> what) {
  loop_.After(dice_.Between(absl::ZeroDuration(), 2 * period), [this, period, what = std::move(what)] {
    if (trouble_) {
      what();
      Repeat(period, what);
    }
  });
}

void World::Soon(absl::Duration max, std::function<void()> what) {
  loop_.After(dice_.Between(absl::ZeroDuration(), max), std::move(what));
}

void World::NewReplica() {
  SimReplica::Options options;
  options.number = static_cast<int>(replicas_.size());
  options.store_id = dice_.Number() | 1;
  options.ring_slots = ring_slots_;
  options.page_changes_max = page_changes_max_;
  options.disk_max = disk_max_;
  options.tombstone_horizon = horizon_;
  options.outbox_quota_bytes = outbox_quota_bytes_;
  SimReplica::Observer observer;
  observer.on_changes = [this, number = options.number](absl::Span<const ChangePtr> changes) {
    oracle_.OnCommitted(number, changes);
    for (const ChangePtr& change : changes) {
      if (tracing_) {
        Trace(absl::StrCat("replica ", number, " has ", change->key, " ", VersionToString(change->version), " at ",
                           change->revision));
      }
    }
  };
  knows_fleet_.push_back(false);
  observer.on_commit = [this, number = options.number](const StoreState& state) {
    knows_fleet_[static_cast<size_t>(number)] = state.fleet_id != 0;
    oracle_.OnState(number, state);
    TraceState(number, state);
  };
  observer.on_dropped = [this, number = options.number](const std::string& event) { oracle_.OnDropped(number, event); };
  observer.on_open = [this, number = options.number](const Follower::Status& status, bool subscribed) {
    oracle_.OnBarrierOpen(number, status.epoch, status.applied_sequence, subscribed);
  };
  oracle_.OnReplica(options.number, options.store_id);
  replicas_.push_back(std::make_unique<SimReplica>(options, &loop_, &dice_, &redis_, std::move(observer)));
  replicas_.back()->Start();
  Trace(absl::StrCat("replica ", options.number, " starts"));
}

// ---- The end ----

void World::EndTrouble() {
  trouble_ = false;
  Trace("no more faults");
  redis_.weather = SimRedis::Weather();
  redis_.Refuse(absl::OkStatus());
  if (!redis_.running()) {
    redis_.Start(redis_.model().contents(), /*new_primary=*/true);
  }
  for (const auto& replica : replicas_) {
    redis_.SetPartition(replica->number(), SimRedis::Partition::kNone);
    replica->SetCrashAfterCommit(false);
    if (!replica->running()) {
      replica->Start();
    }
  }
}

bool World::Settled() const {
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

std::string World::Describe() const {
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

}  // namespace dunlin
