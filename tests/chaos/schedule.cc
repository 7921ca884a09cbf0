#include "tests/chaos/schedule.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace dunlin::chaos {
namespace {

constexpr uint64_t kOverlapPercent = 30;

// A connection that has fallen silent is noticed after kRedisTimeout: some silences last longer, most do not.
constexpr absl::Duration kLongSilence = absl::Seconds(6);

// Whether a fault may be made beside another. A wrong clock may not be joined by a loss of Redis: what is stamped too
// far ahead then gets another, lower version later, which the checker could not tell from a loss. A full disk is always
// the same replica's.
bool IsForItself(FaultKind kind) { return kind == FaultKind::kClockOffset || kind == FaultKind::kDiskFull; }

bool MayOverlap(FaultKind first, FaultKind second) {
  return !IsForItself(first) && !IsForItself(second) && !(BefallsRedis(first) && BefallsRedis(second));
}

}  // namespace

absl::string_view NameOf(FaultKind kind) {
  switch (kind) {
    case FaultKind::kReplicaKill:
      return "replica_kill";
    case FaultKind::kReplicaHang:
      return "replica_hang";
    case FaultKind::kReplicaRestart:
      return "replica_restart";
    case FaultKind::kDiskFull:
      return "disk_full";
    case FaultKind::kClockOffset:
      return "clock_offset";
    case FaultKind::kRedisKill:
      return "redis_kill";
    case FaultKind::kRedisLoseData:
      return "redis_lose_data";
    case FaultKind::kRedisFlush:
      return "redis_flush";
    case FaultKind::kRedisHang:
      return "redis_hang";
    case FaultKind::kFailoverPlanned:
      return "failover_planned";
    case FaultKind::kFailoverByKill:
      return "failover_by_kill";
    case FaultKind::kFailoverLagging:
      return "failover_lagging";
    case FaultKind::kKillFollower:
      return "kill_follower";
    case FaultKind::kKillMirror:
      return "kill_mirror";
    case FaultKind::kKillSubscriber:
      return "kill_subscriber";
    case FaultKind::kPartitionCut:
      return "partition_cut";
    case FaultKind::kPartitionSilent:
      return "partition_silent";
    case FaultKind::kBrokenMessages:
      return "broken_messages";
    case FaultKind::kSlowLink:
      return "slow_link";
    case FaultKind::kClientsCut:
      return "clients_cut";
    case FaultKind::kClientsSilent:
      return "clients_silent";
  }
  return "unknown";
}

bool BefallsRedis(FaultKind kind) {
  switch (kind) {
    case FaultKind::kRedisKill:
    case FaultKind::kRedisLoseData:
    case FaultKind::kRedisFlush:
    case FaultKind::kRedisHang:
    case FaultKind::kFailoverPlanned:
    case FaultKind::kFailoverByKill:
    case FaultKind::kFailoverLagging:
      return true;
    default:
      return false;
  }
}

Round Schedule::Next() {
  Round round;
  round.before = DrawDuration(absl::Milliseconds(100), absl::Milliseconds(500));
  round.during = DrawDuration(absl::Milliseconds(500), absl::Milliseconds(1800));
  round.after = DrawDuration(absl::ZeroDuration(), absl::Milliseconds(500));
  round.faults.push_back(Draw());
  const bool wants_second = options_.overlap && random_() % 100 < kOverlapPercent;
  if (wants_second && !cycle_.empty() && MayOverlap(round.faults[0].kind, cycle_.front())) {
    PlannedFault second = Draw();
    if (second.replica == round.faults[0].replica) {
      second.replica = (second.replica + 1) % options_.replicas;
    }
    round.faults.push_back(second);
  }
  for (const PlannedFault& fault : round.faults) {
    if (fault.kind == FaultKind::kPartitionSilent && fault.variation % 4 == 0) {
      round.during = kLongSilence;
    }
  }
  return round;
}

void Schedule::BeginCycle() {
  for (size_t i = 0; i < kFaultKinds; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    if (std::find(options_.excluded.begin(), options_.excluded.end(), kind) == options_.excluded.end()) {
      cycle_.push_back(kind);
    }
  }
  // Not std::shuffle(), whose result may differ from one library to the next.
  for (size_t left = cycle_.size(); left > 1; --left) {
    std::swap(cycle_[left - 1], cycle_[random_() % left]);
  }
}

PlannedFault Schedule::Draw() {
  if (cycle_.empty()) {
    BeginCycle();
  }
  PlannedFault fault;
  fault.kind = cycle_.front();
  cycle_.pop_front();
  fault.replica = random_() % options_.replicas;
  if (fault.kind == FaultKind::kDiskFull) {
    fault.replica = options_.replicas - 1;
  }
  fault.variation = random_();
  return fault;
}

absl::Duration Schedule::DrawDuration(absl::Duration from, absl::Duration to) {
  const int64_t span_ms = absl::ToInt64Milliseconds(to - from) + 1;
  return from + absl::Milliseconds(static_cast<int64_t>(random_() % static_cast<uint64_t>(span_ms)));
}

std::string Describe(const Round& round) {
  return absl::StrJoin(round.faults, "+", [](std::string* out, const PlannedFault& fault) {
    absl::StrAppend(out, NameOf(fault.kind));
    if (!BefallsRedis(fault.kind)) {
      absl::StrAppend(out, "(r", fault.replica + 1, ")");
    }
  });
}

}  // namespace dunlin::chaos
