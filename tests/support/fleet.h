#ifndef DUNLIN_TESTS_SUPPORT_FLEET_H_
#define DUNLIN_TESTS_SUPPORT_FLEET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "sync/redis_names.h"
#include "tests/support/eventually.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/redis_group.h"
#include "tests/support/redis_server.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"

namespace dunlin {

// Fleet is a real redis-server, or two behind sentinels, and real replicas over it, all of the test's own. When a test
// has failed, what the replicas logged is printed at the end.
//
// Thread-safety: one thread uses a Fleet. client() may be used by many while that replica runs.
class Fleet {
 public:
  struct Options {
    size_t replicas = 3;
    // More of each replica's command line.
    std::vector<std::string> replica_arguments;
    // NAME=value, for each replica.
    std::vector<std::string> replica_environment;
    RedisServer::Options redis;
    // Above 0: the replicas find Redis through so many sentinels.
    size_t sentinels = 0;
    // "USER:PASSWORD@", for a Redis that has such a user.
    std::string redis_user;
    // The replicas reach Redis through redis_link().
    // REQUIRES: no sentinels.
    bool behind_proxy = false;
  };

  Fleet();
  // Starts everything and waits until every replica serves; aborts the test program if one does not.
  explicit Fleet(Options options);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // The Redis that takes writes.
  RedisServer& redis() { return group_ != nullptr ? group_->primary() : *redis_; }
  // REQUIRES: there are sentinels.
  RedisGroup& redis_group() { return *group_; }
  // REQUIRES: the fleet is behind a proxy.
  FaultProxy& redis_link() { return *redis_link_; }
  std::string redis_url() const;
  const RedisNames& names() const { return names_; }

  size_t size() const { return replicas_.size(); }
  ReplicaProcess& replica(size_t index) { return *replicas_[index]; }
  Client& client(size_t index) { return replicas_[index]->client(); }

  // Starts one more replica with an empty disk, and does not wait until it serves.
  ReplicaProcess& Add(const std::vector<std::string>& arguments = {});
  // Ends the last replica at once and removes its disk.
  void RemoveLast();

  // Whether every running replica has everything, and the same: serving, live, nothing left to send, all that Redis has
  // given out applied, and equal digests.
  bool AllDigestsEqual();
  // AllDigestsEqual(), within `patience`.
  bool Converges(absl::Duration patience = kTestPatience);

  // How many records, tombstones included, Redis holds. Neither this nor anything else here uses HGET, which a test may
  // count.
  uint64_t RedisRecords();
  // The sequence that Redis has given out last.
  uint64_t RedisSequence();

  // The value under `key` in Redis' hash, "(absent)" if there is none, "(deleted)" if there is a tombstone.
  std::string RedisValue(absl::string_view key);

  // Stores an entry in Redis and publishes nothing, as if the event had been lost on its way to everybody.
  void StoreUnpublished(absl::string_view key, absl::string_view value);

  // What each replica says of itself, for messages.
  std::string Describe();

 private:
  // "" when Redis has none, or something else in its place.
  std::string MetaField(absl::string_view field);
  void DumpLogs();

  const Options options_;
  const TempDir directory_;
  const RedisNames names_;
  // One of the two.
  std::unique_ptr<RedisServer> redis_;
  std::unique_ptr<RedisGroup> group_;
  // Null unless it is asked for.
  std::unique_ptr<FaultProxy> redis_link_;
  std::vector<std::unique_ptr<ReplicaProcess>> replicas_;
  size_t started_ = 0;
};

// Whether `client` answers `key` with `value`, or, without one, that there is no such entry.
bool HasValue(Client& client, absl::string_view key, absl::string_view value);
bool IsAbsent(Client& client, absl::string_view key);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_FLEET_H_
