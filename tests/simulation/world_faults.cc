// What befalls a World (world.h).

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "tests/simulation/world.h"

namespace dunlin {
namespace {

constexpr size_t kReplicasMax = 5;
constexpr absl::Duration kRedisClockErrorMax = absl::Minutes(1);

}  // namespace

void World::DoSomeFault() {
  int total = 0;
  for (const int weight : fault_weights_) {
    total += weight;
  }
  if (total == 0) {
    return;
  }
  auto drawn = static_cast<int>(dice_.Below(static_cast<uint64_t>(total)));
  size_t kind = 0;
  while (drawn >= fault_weights_[kind]) {
    drawn -= fault_weights_[kind++];
  }
  ++faults_;
  switch (kind) {
    case 0:
    case 1:
      Trace("connections break");
      return redis_.BreakConnections(0.3);
    case 2:
    case 3:
      return CrashReplica();
    case 4:
      return CutOffReplica();
    case 5:
      return StepClock();
    case 6:
      return AddReplica();
    case 7:
      return RestartRedis();
    case 8:
      return FlushRedis();
    case 9:
      return RollRedisBack();
    case 10:
      return FailOver();
    case 11:
      return RefuseForAWhile();
    default:
      return SlowDown();
  }
}

// Where tombstones live short, replicas are away for longer than that.
absl::Duration World::AbsenceMax(absl::Duration usual) const {
  return horizon_ == kTombstoneHorizonDefault ? usual : 2 * horizon_;
}

void World::CrashReplica() {
  SimReplica& replica = SomeReplica();
  if (!replica.running()) {
    return;
  }
  if (dice_.Chance(0.3)) {
    replica.SetCrashAfterCommit(true);
  } else {
    replica.Crash();
  }
  Trace(absl::StrCat("replica ", replica.number(), " crashes"));
  Soon(AbsenceMax(absl::Seconds(5)), [this, &replica] {
    if (!replica.running()) {
      replica.Start();
      Trace(absl::StrCat("replica ", replica.number(), " restarts"));
    }
  });
}

void World::CutOffReplica() {
  const int number = SomeReplica().number();
  const bool answers_lost = dice_.Chance(0.3);
  redis_.SetPartition(number, answers_lost ? SimRedis::Partition::kAnswersLost : SimRedis::Partition::kBothWays);
  Trace(absl::StrCat("replica ", number, answers_lost ? " gets no answers" : " is cut off"));
  Soon(AbsenceMax(absl::Seconds(12)), [this, number] {
    redis_.SetPartition(number, SimRedis::Partition::kNone);
    Trace(absl::StrCat("replica ", number, " is no longer cut off"));
  });
}

void World::StepClock() {
  SimReplica& replica = SomeReplica();
  const absl::Duration error = dice_.Between(-clock_error_max_, clock_error_max_);
  replica.SetClockError(error);
  Trace(absl::StrCat("the clock of replica ", replica.number(), " is wrong by ", absl::FormatDuration(error)));
}

void World::AddReplica() {
  if (replicas_.size() < kReplicasMax && !redis_.model().contents().meta.fleet_id.empty()) {
    NewReplica();
  }
}

void World::RestartRedis() {
  if (!redis_.running()) {
    return;
  }
  redis_.Stop();
  Trace("redis stops");
  Soon(absl::Seconds(8), [this] {
    if (!redis_.running()) {
      redis_.Start(redis_.model().contents(), /*new_primary=*/true);
      Trace("redis starts again");
    }
  });
}

void World::LoseData(ModelRedis::Contents contents, bool new_primary) {
  oracle_.OnRedisLostData(redis_.model().contents().meta.epoch, contents.meta.epoch);
  redis_.Start(std::move(contents), new_primary);
}

bool World::EverybodyKnowsTheFleet() const {
  return std::all_of(knows_fleet_.begin(), knows_fleet_.end(), [](bool knows) { return knows; });
}

bool World::MayLoseData() const { return EverybodyKnowsTheFleet() && horizon_ == kTombstoneHorizonDefault; }

void World::FlushRedis() {
  if (!redis_.running() || !MayLoseData()) {
    return;
  }
  ModelRedis::Contents left = redis_.model().contents();
  switch (dice_.Below(5)) {
    case 0:
      left.meta = ModelRedis::Contents::Meta();
      // It stood in the meta key.
      left.meta.sum.reset();
      Trace("redis loses its meta key");
      break;
    case 1:
      left.data.clear();
      Trace("redis loses its data hash");
      break;
    case 2:
      left.EraseIndex();
      Trace("redis loses its index");
      break;
    default:
      left = ModelRedis::Contents();
      Trace("redis is flushed");
      break;
  }
  LoseData(std::move(left), /*new_primary=*/false);
}

void World::RollRedisBack() {
  if (!MayLoseData()) {
    return;
  }
  Trace("redis goes back to a backup");
  redis_.Stop();
  LoseData(backup_, /*new_primary=*/true);
}

void World::FailOver() {
  if (lagging_.empty() || !redis_.running() || !MayLoseData()) {
    return;
  }
  Trace("redis fails over");
  redis_.Stop();
  // On another machine, with another clock.
  if (dice_.Chance(0.3)) {
    redis_.SetClockError(dice_.Between(-kRedisClockErrorMax, kRedisClockErrorMax));
  }
  LoseData(lagging_[dice_.Below(lagging_.size())], /*new_primary=*/true);
}

void World::RefuseForAWhile() {
  const absl::Status errors[] = {absl::UnavailableError("LOADING"), absl::AbortedError("READONLY"),
                                 absl::ResourceExhaustedError("OOM"), absl::PermissionDeniedError("NOPERM")};
  redis_.Refuse(errors[dice_.Below(std::size(errors))]);
  Trace("redis refuses");
  Soon(absl::Seconds(5), [this] {
    redis_.Refuse(absl::OkStatus());
    Trace("redis does not refuse any more");
  });
}

void World::SlowDown() {
  const SimRedis::Weather before = redis_.weather;
  redis_.weather.latency_max = dice_.Between(absl::Milliseconds(50), absl::Seconds(3));
  Trace("the network is slow");
  Soon(absl::Seconds(5), [this, before] {
    if (trouble_) {
      redis_.weather = before;
    }
  });
}

}  // namespace dunlin
