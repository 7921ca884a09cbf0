#ifndef DUNLIN_TESTS_CHAOS_WORLD_H_
#define DUNLIN_TESTS_CHAOS_WORLD_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sync/redis_names.h"
#include "tests/chaos/chaos_replica.h"
#include "tests/chaos/checker.h"
#include "tests/support/redis_group.h"
#include "tests/support/temp_dir.h"

namespace dunlin::chaos {

// World is all that runs: two Redis behind three sentinels, and replicas. It starts everything, tells how it stands and
// reads what is stored; what befalls it is others' business.
//
// Thread-safety: one thread uses a World; it has to last as long as its processes.
class World {
 public:
  struct Options {
    size_t replicas = 3;
    // Whether the last replica's disk can be filled up; else its --database-quota is made small. Needs
    // EnterOwnMountNamespace().
    bool small_disk = false;
  };

  // Starts everything and waits until the replicas serve; aborts the program if they do not.
  explicit World(const Options& options);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  RedisGroup& redis() { return redis_; }
  size_t size() const { return replicas_.size(); }
  ChaosReplica& replica(size_t index) { return *replicas_[index]; }
  // The one whose disk, or quota, is small.
  size_t small_replica() const { return replicas_.size() - 1; }

  // "" when all replicas are live, have nothing left to send, have all that Redis has given out, and have equal
  // digests; else what each of them is missing. REQUIRES: all run.
  std::string WhyNotConverged();

  // Where the fleet stood at the last WhyNotConverged(): if it is the same later, nothing was written meanwhile, and
  // Redis is the same.
  const std::string& position() const { return position_; }
  // The digest of each replica at that time.
  const std::vector<std::string>& digests() const { return digests_; }

  // What Redis, or a replica, holds, but for the digest, which changes with what expires meanwhile.
  // Errors: those of the calls; kDataLoss for a record that makes no sense.
  absl::StatusOr<Holdings> ReadRedis();
  absl::StatusOr<Holdings> ReadReplica(size_t index);

  // What is wrong with the processes: one that has ended by itself.
  absl::Status CheckAlive();
  // The memory of the largest replica at the moment.
  size_t LargestResidentBytes();
  // What every replica and the machine are doing, a line each, for whoever wonders why it takes so long.
  std::vector<std::string> DescribeActivity();

 private:
  static RedisGroup::Options RedisOptions();
  // "" when the replica has come as far as Redis and has the digest of the first.
  std::string WhyNotEqual(size_t index, const absl::StatusOr<client::ReplicaStatus>& status, const std::string& epoch,
                          uint64_t sequence) const;

  const TempDir directory_;
  const RedisNames names_;
  RedisGroup redis_;
  std::vector<std::unique_ptr<ChaosReplica>> replicas_;
  // As of the last WhyNotConverged().
  std::string position_;
  std::vector<std::string> digests_;
};

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_WORLD_H_
