#ifndef DUNLIN_TESTS_CLIENT_FAKE_REPLICA_H_
#define DUNLIN_TESTS_CLIENT_FAKE_REPLICA_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "dunlin/v1/kv.pb.h"
#include "dunlin/v1/replica.pb.h"
#include "grpcpp/support/status.h"

namespace dunlin {

// FakeReplica is a replica for tests of clients: real gRPC on a free port of 127.0.0.1, entries in a map, and watch
// streams that say exactly what the test tells them to.
//
// It is faithful in what a client can see of Get, Put, Delete, BatchGet, BatchWrite and List, preconditions included,
// and leaves out the rest: nothing expires, and writes do not reach watch streams.
//
// Thread-safety: safe for concurrent use.
class FakeReplica {
 public:
  FakeReplica();
  // Answers what was held back and ends all streams with UNAVAILABLE.
  ~FakeReplica();
  FakeReplica(const FakeReplica&) = delete;
  FakeReplica& operator=(const FakeReplica&) = delete;

  // "127.0.0.1:PORT"
  const std::string& address() const;

  // Stores an entry as a Put by somebody else would.
  void SetEntry(const std::string& key, const std::string& value);

  // Makes an entry one whose record is damaged, as listings show it.
  void DamageEntry(const std::string& key);

  // Lets the next unary call fail.
  void FailNext(grpc::Status status);

  // Leaves every unary call from now on without an answer.
  void HoldAnswers();

  void SetStatus(v1::Status status);
  // Whatever page is asked for, it has one of these, as long as there are some.
  void SetWatchers(std::vector<v1::WatcherStatus> watchers);
  void SetVerification(v1::VerifyResponse verification);

  // The latest request of each kind, and what its caller's deadline left of the time when it arrived.
  v1::PutRequest last_put() const;
  v1::DeleteRequest last_delete() const;
  v1::BatchWriteRequest last_batch_write() const;
  std::vector<v1::ListRequest> lists() const;
  v1::WatchRequest last_watch() const;
  absl::Duration last_time_left() const;

  // What each watch stream from now on is sent when it opens.
  void SetWatchGreeting(std::vector<v1::WatchResponse> messages);

  // Blocks until exactly `count` watch streams are open.
  void AwaitWatchers(size_t count);

  // Sends a message to every open stream.
  void SendToWatchers(const v1::WatchResponse& message);

  // Ends every open stream, after what was sent before.
  void EndWatches(const grpc::Status& status);

 private:
  class State;
  class KVService;
  class ReplicaService;
  class WatchReactor;
  struct Server;

  const std::unique_ptr<State> state_;
  const std::unique_ptr<Server> server_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_CLIENT_FAKE_REPLICA_H_
