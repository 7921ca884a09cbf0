#ifndef DUNLIN_SERVER_READINESS_H_
#define DUNLIN_SERVER_READINESS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace dunlin {

// What is known about a replica at one moment.
struct ReadinessFacts {
  // No Redis is configured.
  bool standalone = false;
  // How often the snapshot-complete barrier has opened since the start.
  uint64_t barrier_generation = 0;
  // The store is worth reading without Redis: it has once had everything that its fleet had, or, where it has never met
  // one, holds entries or tombstones of its own. Half a first snapshot does not count.
  bool holds_data = false;
  bool redis_reachable = false;
  // Why the store takes no writes any more; empty while it does.
  std::string store_failure;
  // The replica is shutting down.
  bool draining = false;
};

struct ReadinessVerdict {
  // What health checks are told.
  bool serving = false;
  // Whether data calls are answered.
  bool answering = false;
  // Why, in words for the status.
  std::string reason;
};

// Readiness decides whether a replica answers health checks with SERVING, and data calls. It does no I/O and reads no
// clock.
//
// A replica is ready
//   - when it stands alone;
//   - from the first opening of its barrier on: it then has everything its fleet had at that moment;
//   - when it holds data and has gone without Redis for longer than `patience` since it was constructed, all
//     interruptions together, so that a connection that keeps breaking cannot put it off for ever.
// Ready once, it stays ready until it drains. Reads and writes go on when Redis goes away; and if they had begun
// without Redis, its return must not turn all replicas of a fleet unready at once, while each of them catches up.
//
// A replica without data that has never got through to Redis is not ready however long that lasts: it would answer
// NOT_FOUND for every key, and callers would believe it.
//
// Data calls are answered while the replica is ready. It then also serves, unless its store has failed: balancers and
// supervisors have to look for another, while whoever reads here may go on.
//
// Thread-safety: one thread at a time.
class Readiness {
 public:
  Readiness(absl::Duration patience, absl::Time start) : patience_(patience), last_update_(start) {}

  // Takes in what is true from `now` on and decides. Call it when facts change, and once in a while when they do not,
  // as patience runs out by itself. A clock that steps back counts as one that stands still.
  ReadinessVerdict Update(const ReadinessFacts& facts, absl::Time now);

 private:
  // Adds the time since the last update to how long Redis has been away.
  void Advance(absl::Time now);

  std::string UnreadyReason(const ReadinessFacts& facts) const;

  const absl::Duration patience_;

  absl::Time last_update_;
  bool redis_was_reachable_ = false;
  absl::Duration time_without_redis_ = absl::ZeroDuration();
  // Why the replica serves; empty while it never has.
  std::string ready_reason_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_READINESS_H_
