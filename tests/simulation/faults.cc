#include "tests/simulation/faults.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulation/sim_redis.h"
#include "tests/simulation/sim_replica.h"

namespace dunlin {
namespace {

constexpr size_t kReplicasMax = 5;
constexpr absl::Duration kRedisClockErrorMax = absl::Minutes(1);

}  // namespace

void Faults::DoSomeFault() {
  int total = 0;
  for (const int weight : traits_.fault_weights) {
    total += weight;
  }
  if (total == 0) {
    return;
  }
  auto drawn = static_cast<int>(dice_->Below(static_cast<uint64_t>(total)));
  size_t kind = 0;
  while (drawn >= traits_.fault_weights[kind]) {
    drawn -= traits_.fault_weights[kind++];
  }
  ++count_;
  switch (kind) {
    case 0:
    case 1:
      fleet_->Trace("connections break");
      return fleet_->redis().BreakConnections(0.3);
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

void Faults::SaveRedis() {
  lagging_.push_back(fleet_->redis().model().contents());
  if (lagging_.size() > 4) {
    lagging_.pop_front();
  }
  if (dice_->Chance(0.1)) {
    backup_ = fleet_->redis().model().contents();
  }
}

void Faults::Soon(absl::Duration max, std::function<void()> what) {
  fleet_->loop().After(dice_->Between(absl::ZeroDuration(), max), std::move(what));
}

// Where tombstones live short, replicas are away for longer than that.
absl::Duration Faults::AbsenceMax(absl::Duration usual) const {
  return traits_.TombstonesAreShortLived() ? 2 * traits_.tombstone_horizon : usual;
}

void Faults::CrashReplica() {
  SimReplica& replica = fleet_->SomeReplica();
  if (!replica.running()) {
    return;
  }
  const bool fails = dice_->Chance(0.5);
  const SimReplica::End end = fails ? SimReplica::End::kPowerFailure : SimReplica::End::kKill9;
  switch (dice_->Below(4)) {
    case 0:
      replica.SetCrashAfterCommit(end);
      break;
    case 1:
      replica.SetCrashInSync(end);
      break;
    default:
      replica.Crash(end);
  }
  fleet_->Trace(absl::StrCat(fails ? "the power fails under replica " : "killed: replica ", replica.number()));
  Soon(AbsenceMax(absl::Seconds(5)), [this, &replica] {
    if (!replica.running()) {
      replica.Start();
      fleet_->Trace(absl::StrCat("replica ", replica.number(), " restarts"));
    }
  });
}

void Faults::CutOffReplica() {
  const int number = fleet_->SomeReplica().number();
  const bool answers_lost = dice_->Chance(0.3);
  fleet_->redis().SetPartition(number,
                               answers_lost ? SimRedis::Partition::kAnswersLost : SimRedis::Partition::kBothWays);
  fleet_->Trace(absl::StrCat("replica ", number, answers_lost ? " gets no answers" : " is cut off"));
  Soon(AbsenceMax(absl::Seconds(12)), [this, number] {
    fleet_->redis().SetPartition(number, SimRedis::Partition::kNone);
    fleet_->Trace(absl::StrCat("replica ", number, " is no longer cut off"));
  });
}

void Faults::StepClock() {
  SimReplica& replica = fleet_->SomeReplica();
  const absl::Duration error = dice_->Between(-traits_.clock_error_max, traits_.clock_error_max);
  replica.SetClockError(error);
  fleet_->Trace(absl::StrCat("the clock of replica ", replica.number(), " is wrong by ", absl::FormatDuration(error)));
}

void Faults::AddReplica() {
  if (fleet_->replicas().size() < kReplicasMax && !fleet_->redis().model().contents().meta.fleet_id.empty()) {
    fleet_->AddReplica();
  }
}

void Faults::RestartRedis() {
  if (!fleet_->redis().running()) {
    return;
  }
  fleet_->redis().Stop();
  fleet_->Trace("redis stops");
  Soon(absl::Seconds(8), [this] {
    if (!fleet_->redis().running()) {
      fleet_->redis().Start(fleet_->redis().model().contents(), /*new_primary=*/true);
      fleet_->Trace("redis starts again");
    }
  });
}

void Faults::LoseData(ModelRedis::Contents contents, bool new_primary) {
  fleet_->oracle().OnRedisLostData(fleet_->redis().model().contents().meta.epoch, contents.meta.epoch);
  fleet_->redis().Start(std::move(contents), new_primary);
}

// Redis loses nothing while a replica is new, and none is added to an emptied one: what a newcomer does there is told
// in docs/RELIABILITY.md as a limit.
bool Faults::MayLoseData() const { return fleet_->AllKnowTheFleet() && !traits_.TombstonesAreShortLived(); }

void Faults::FlushRedis() {
  if (!fleet_->redis().running() || !MayLoseData()) {
    return;
  }
  ModelRedis::Contents left = fleet_->redis().model().contents();
  switch (dice_->Below(5)) {
    case 0:
      left.meta = ModelRedis::Contents::Meta();
      // It stood in the meta key.
      left.meta.sum.reset();
      fleet_->Trace("redis loses its meta key");
      break;
    case 1:
      left.data.clear();
      fleet_->Trace("redis loses its data hash");
      break;
    case 2:
      left.EraseIndex();
      fleet_->Trace("redis loses its index");
      break;
    default:
      left = ModelRedis::Contents();
      fleet_->Trace("redis is flushed");
      break;
  }
  LoseData(std::move(left), /*new_primary=*/false);
}

void Faults::RollRedisBack() {
  if (!MayLoseData()) {
    return;
  }
  fleet_->Trace("redis goes back to a backup");
  fleet_->redis().Stop();
  LoseData(backup_, /*new_primary=*/true);
}

void Faults::FailOver() {
  if (lagging_.empty() || !fleet_->redis().running() || !MayLoseData()) {
    return;
  }
  fleet_->Trace("redis fails over");
  fleet_->redis().Stop();
  // On another machine, with another clock.
  if (dice_->Chance(0.3)) {
    fleet_->redis().SetClockError(dice_->Between(-kRedisClockErrorMax, kRedisClockErrorMax));
  }
  LoseData(lagging_[dice_->Below(lagging_.size())], /*new_primary=*/true);
}

void Faults::RefuseForAWhile() {
  const absl::Status errors[] = {absl::UnavailableError("LOADING"), absl::AbortedError("READONLY"),
                                 absl::ResourceExhaustedError("OOM"), absl::PermissionDeniedError("NOPERM")};
  fleet_->redis().Refuse(errors[dice_->Below(std::size(errors))]);
  fleet_->Trace("redis refuses");
  Soon(absl::Seconds(5), [this] {
    fleet_->redis().Refuse(absl::OkStatus());
    fleet_->Trace("redis does not refuse any more");
  });
}

void Faults::SlowDown() {
  const SimRedis::Weather before = fleet_->redis().weather;
  fleet_->redis().weather.latency_max = dice_->Between(absl::Milliseconds(50), absl::Seconds(3));
  fleet_->Trace("the network is slow");
  Soon(absl::Seconds(5), [this, before] {
    if (!over_) {
      fleet_->redis().weather = before;
    }
  });
}

void Faults::End() {
  over_ = true;
  fleet_->Trace("no more faults");
  SimRedis& redis = fleet_->redis();
  redis.weather = SimRedis::Weather();
  redis.Refuse(absl::OkStatus());
  if (!redis.running()) {
    redis.Start(redis.model().contents(), /*new_primary=*/true);
  }
  for (const auto& replica : fleet_->replicas()) {
    redis.SetPartition(replica->number(), SimRedis::Partition::kNone);
    replica->SetCrashAfterCommit(absl::nullopt);
    replica->SetCrashInSync(absl::nullopt);
    if (replica->running() && replica->disk_has_failed()) {
      replica->Crash(SimReplica::End::kPowerFailure);
    }
    if (!replica->running()) {
      replica->Start();
    }
  }
}

}  // namespace dunlin
