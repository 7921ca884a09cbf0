#ifndef DUNLIN_SYNC_PRIMARY_FINDER_H_
#define DUNLIN_SYNC_PRIMARY_FINDER_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/mutex.h"
#include "sync/redis_url.h"

namespace dunlin {

class RedisConnection;

// PrimaryFinder makes connections to the Redis that takes writes. If the endpoint names sentinels, each connection
// begins with a question to them (SENTINEL get-master-addr-by-name) and is whole only when what they named says itself,
// by ROLE, that it is a master. It follows https://redis.io/docs/reference/sentinel-clients/.
//
// The connections of one replica share a PrimaryFinder, so that all ask the same sentinel, the one that answered last,
// and all notice when any of them hears another answer than before: see HasMoved().
//
// What it does not promise: that there is one master at a time. During a failover the old one may take it upon itself
// to go on; whatever it accepts then is lost when Sentinel demotes it, and the follower has Redis refilled.
//
// Thread-safety: safe for concurrent use.
class PrimaryFinder {
 public:
  explicit PrimaryFinder(RedisEndpoint endpoint);

  // Makes `connection` one to the primary. What it returned is to be passed to HasMoved().
  // Errors: those of RedisConnection::Connect() and RedisErrorToStatus(), and with sentinels
  //   kUnavailable         no sentinel answers
  //   kFailedPrecondition  none that answers knows the master's name, or is a sentinel at all
  //   kUnauthenticated     the sentinels want a password
  //   kAborted             what they name is no master: look again
  absl::StatusOr<uint64_t> ConnectToPrimary(absl::string_view client_name, absl::Time deadline,
                                            RedisConnection* connection);

  // Makes `connection` one to the first sentinel that answers, and notes which primary it names.
  // REQUIRES: the endpoint names sentinels.
  absl::Status ConnectToSentinel(absl::string_view client_name, absl::Time deadline, RedisConnection* connection);

  // The sentinel to which ConnectToSentinel() connected last has announced a switch to `primary`.
  void NoteSwitch(const RedisAddress& primary) ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether the sentinels have named another primary since the question that made a connection, so that this
  // connection is to be made anew however well it seems to be.
  bool HasMoved(uint64_t as_of) const { return moves_.load(std::memory_order_relaxed) != as_of; }

  const RedisEndpoint& endpoint() const { return endpoint_; }

 private:
  // What one sentinel answered.
  struct Answer {
    RedisAddress sentinel;
    RedisAddress primary;
    // moves_ before the question.
    uint64_t as_of = 0;
  };

  // Leaves `connection` connected to the sentinel that answered.
  absl::StatusOr<Answer> AskSentinels(absl::string_view client_name, absl::Time deadline, RedisConnection* connection);
  absl::StatusOr<RedisAddress> AskOne(const RedisAddress& sentinel, absl::string_view client_name, absl::Time deadline,
                                      RedisConnection* connection) const;
  absl::Status RequireMaster(absl::Time deadline, RedisConnection* connection) const;

  std::vector<RedisAddress> Order() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Notes which primary was named, and returns what HasMoved() is to compare with.
  uint64_t NoteNamed(const Answer& answer) ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t NoteNamedLocked(const RedisAddress& primary) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AskFirst(const RedisAddress& sentinel) ABSL_LOCKS_EXCLUDED(mutex_);
  void AskFirstLocked(const RedisAddress& sentinel) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AskLast(const RedisAddress& sentinel) ABSL_LOCKS_EXCLUDED(mutex_);

  const RedisEndpoint endpoint_;

  // How often the sentinels have named another primary than before. Changed under mutex_; relaxed, because whoever
  // reads it late only learns of a move at its next look.
  std::atomic<uint64_t> moves_{0};

  mutable Mutex mutex_;
  // The sentinels in the order in which to ask them.
  std::vector<RedisAddress> order_ ABSL_GUARDED_BY(mutex_);
  // The primary named last, and found to be one or announced; an empty host before the first.
  RedisAddress named_ ABSL_GUARDED_BY(mutex_);
  // The sentinel of the last ConnectToSentinel().
  RedisAddress watched_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_PRIMARY_FINDER_H_
