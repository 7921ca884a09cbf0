#ifndef DUNLIN_TESTS_CHAOS_SCHEDULE_H_
#define DUNLIN_TESTS_CHAOS_SCHEDULE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace dunlin::chaos {

enum class FaultKind {
  // A replica: SIGKILL, SIGSTOP and SIGCONT, SIGTERM; a full disk; a wrong clock.
  kReplicaKill,
  kReplicaHang,
  kReplicaRestart,
  kDiskFull,
  kClockOffset,
  // Redis: SIGKILL and its data back from the append-only file, or not; FLUSHALL; SIGSTOP and SIGCONT.
  kRedisKill,
  kRedisLoseData,
  kRedisFlush,
  kRedisHang,
  // Sentinel: as an operator asks; because the primary died; to a server that lacks the last writes.
  kFailoverPlanned,
  kFailoverByKill,
  kFailoverLagging,
  // One of a replica's connections to Redis.
  kKillFollower,
  kKillMirror,
  kKillSubscriber,
  // The network between a replica and Redis, and between clients and a replica.
  kPartitionCut,
  kPartitionSilent,
  kBrokenMessages,
  kSlowLink,
  kClientsCut,
  kClientsSilent,
};
inline constexpr size_t kFaultKinds = static_cast<size_t>(FaultKind::kClientsSilent) + 1;

absl::string_view NameOf(FaultKind kind);
// Whether it befalls Redis, and so all; otherwise one replica.
bool BefallsRedis(FaultKind kind);

// One fault that is to be made.
//
// Thread-safety: a plain value.
struct PlannedFault {
  FaultKind kind = FaultKind::kReplicaKill;
  // The replica that it befalls, if it befalls one.
  size_t replica = 0;
  // Decides what else there is to decide.
  uint64_t variation = 0;
};

// Faults that are made together, and ended together.
//
// Thread-safety: a plain value.
struct Round {
  std::vector<PlannedFault> faults;
  // How long writing goes on before the faults, while they last, and after them.
  absl::Duration before;
  absl::Duration during;
  absl::Duration after;
};

// Schedule draws rounds from a seed: the same seed gives the same rounds. Each kind comes once in every cycle
// of faults, in an order of the cycle's own.
//
// Thread-safety: one thread at a time.
class Schedule {
 public:
  struct Options {
    uint64_t seed = 1;
    size_t replicas = 3;
    // Kinds that are left out.
    std::vector<FaultKind> excluded = {};
    // Whether some rounds have two faults, of different replicas, or of a replica and of Redis.
    bool overlap = false;
  };

  explicit Schedule(const Options& options) : options_(options), random_(options.seed) {}

  Round Next();

 private:
  PlannedFault Draw();
  void BeginCycle();
  absl::Duration DrawDuration(absl::Duration from, absl::Duration to);

  const Options options_;
  std::mt19937_64 random_;
  // What is left of the cycle.
  std::deque<FaultKind> cycle_;
};

// "replica_kill(r2)+slow_link(r1)".
std::string Describe(const Round& round);

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_SCHEDULE_H_
