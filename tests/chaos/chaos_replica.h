#ifndef DUNLIN_TESTS_CHAOS_CHAOS_REPLICA_H_
#define DUNLIN_TESTS_CHAOS_CHAOS_REPLICA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "tests/chaos/small_disk.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/redis_group.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"

namespace dunlin::chaos {

// ChaosReplica is a real replica, with a proxy of its own before every Redis and every sentinel and one before itself,
// so that each of its links can be broken by itself. The sentinels' answers are changed on their way to it: they name
// its proxies.
//
// Thread-safety: one thread uses a ChaosReplica; the addresses may be used by all.
class ChaosReplica {
 public:
  struct Options {
    // From 0.
    size_t index = 0;
    std::string replication_namespace;
    // More of dunlind's command line.
    std::vector<std::string> arguments;
    // Above 0: its data lie on a disk of this size. Needs EnterOwnMountNamespace().
    size_t disk_bytes = 0;
  };

  // `redis` and `directory` must outlive this object. Does not start it yet.
  ChaosReplica(const Options& options, RedisGroup* redis, const TempDir& directory);
  ~ChaosReplica();
  ChaosReplica(const ChaosReplica&) = delete;
  ChaosReplica& operator=(const ChaosReplica&) = delete;

  const std::string& name() const { return process_->options().replica_id; }
  // For clients: leads through the proxy, and stays the same.
  std::string address() const;
  // Goes past the proxy, to the process that runs.
  Client& client() { return process_->client(); }

  // Errors: kInternal when it does not come up.
  absl::Status Start();
  // As Start(), with a clock that is wrong by `offset`.
  // REQUIRES: HasWrongClocks().
  absl::Status StartWithClock(absl::Duration offset);
  void Kill();
  // Errors: kInternal unless it ends by itself, in time and in good order.
  absl::Status Terminate();
  void Hang();
  void GoOn();

  // What is wrong: it should run, but has ended by itself.
  absl::Status CheckAlive();
  // The memory that it takes at the moment; 0 when it does not run.
  size_t ResidentBytes();
  // See tests/support/process_usage.h.
  std::string DescribeThreads();

  FaultProxy& client_link() { return *client_link_; }
  // Calls `handle` with each proxy between it and a Redis or a sentinel.
  void ForEachRedisLink(absl::FunctionRef<void(FaultProxy&)> handle);

  // Null when its data lie on an ordinary disk.
  SmallDisk* disk() { return disk_.get(); }

  std::string LogTail() const { return process_->LogTail(); }

 private:
  // The URL of the sentinels' proxies, which are made here.
  std::string MakeLinks(RedisGroup* redis);

  std::unique_ptr<SmallDisk> disk_;
  std::vector<std::unique_ptr<FaultProxy>> redis_links_;
  std::vector<std::unique_ptr<FaultProxy>> sentinel_links_;
  std::unique_ptr<FaultProxy> client_link_;
  std::unique_ptr<ReplicaProcess> process_;
  bool should_run_ = false;
};

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_CHAOS_REPLICA_H_
