#ifndef DUNLIN_TESTS_SERVER_REPLICA_TESTER_H_
#define DUNLIN_TESTS_SERVER_REPLICA_TESTER_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "dunlin/v1/kv.grpc.pb.h"
#include "dunlin/v1/replica.grpc.pb.h"
#include "server/kv_service.h"
#include "server/replica_parts.h"
#include "server/replica_service.h"
#include "server/rpc_server.h"
#include "server/serving_gate.h"
#include "server/watch_service.h"
#include "storage/change_feed.h"
#include "storage/committer.h"
#include "storage/hybrid_clock.h"
#include "storage/logger.h"
#include "storage/store.h"
#include "sync/replicator.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace dunlin {

// StoreParts is a store in a directory of its own with its committer and feed, on a clock that stands still until it is
// moved. It does not sync: tests in one process cannot tell.
//
// Thread-safety: Write() is safe for concurrent use; the rest is for one thread.
class StoreParts {
 public:
  StoreParts();

  // Writes and waits for the answer. Puts and deletes abort the test program when they fail.
  absl::StatusOr<WriteResult> Write(std::vector<Mutation> mutations);
  WriteResult Put(absl::string_view key, absl::string_view value, absl::Duration ttl = absl::InfiniteDuration());
  WriteResult Delete(absl::string_view key);

  // Enters an epoch and waits until the store has.
  void EnterEpoch(uint64_t epoch, bool refill);

  // Moves the clock and returns once what has expired by then is swept, up to one sweep's limit.
  void Advance(absl::Duration step);

  // Closes the store, flips a bit in the record of `key`, and opens the store again.
  void Damage(absl::string_view key);

  // Closes the store and opens it on a machine that does not know whether it has everything that was written. Nothing
  // of it is missing.
  void LosePower();

  // Waits until the committer has answered what was given to it before.
  void Apply(RemoteBatch batch);

  FakeClock wall_clock;
  HybridClock clock{&wall_clock};
  TempDir directory;
  std::unique_ptr<Store> store;
  ChangeFeed feed;
  std::unique_ptr<Committer> committer;

 private:
  void Open();

  int boots_ = 0;
};

// ReplicaTester is a stand-alone replica inside the test: real store, services and gRPC server on a port of 127.0.0.1,
// and a channel to it. The gate is open.
//
// Thread-safety: one thread.
class ReplicaTester {
 public:
  struct Options {
    WatchService::Options watch;
    size_t value_size_max_bytes = kValueSizeMaxBytesDefault;
    // Gives it a replicator that never reaches a Redis: it has an outbox.
    bool replicated = false;
    // What happens to the data before anybody is served.
    std::function<void(StoreParts* data)> prepare = [](StoreParts*) {};
  };

  ReplicaTester() : ReplicaTester(Options()) {}
  explicit ReplicaTester(const Options& options);
  ~ReplicaTester();

  // A channel of its own connection.
  std::shared_ptr<grpc::Channel> NewChannel() const;

  StoreParts data;
  ServingGate gate;
  NullLogger logger;
  std::unique_ptr<Replicator> replicator;
  ReplicaParts parts;
  std::unique_ptr<WatchService> watches;
  std::unique_ptr<KVServiceImpl> kv_service;
  std::unique_ptr<ReplicaServiceImpl> replica_service;
  std::unique_ptr<RpcServer> server;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::KVService::Stub> kv;
  std::unique_ptr<v1::ReplicaService::Stub> replica;
};

// A call's context, with a deadline that only a hang reaches.
std::unique_ptr<grpc::ClientContext> NewContext();

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SERVER_REPLICA_TESTER_H_
