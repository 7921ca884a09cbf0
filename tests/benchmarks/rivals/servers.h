#ifndef DUNLIN_TESTS_BENCHMARKS_RIVALS_SERVERS_H_
#define DUNLIN_TESTS_BENCHMARKS_RIVALS_SERVERS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/replica_process.h"
#include "tests/support/reserved_port.h"
#include "tests/support/temp_dir.h"

// The servers that are measured: each is a process of its own on 127.0.0.1, with data of its own on the disk that the
// tests' directories lie on, and ends with its object. All abort the program when they do not come up.
namespace dunlin::bench {

// Thread-safety: one thread at a time; so of those below.
class Server {
 public:
  virtual ~Server() = default;
  virtual pid_t pid() const = 0;
  // HOST:PORT of its gRPC service.
  virtual std::string address() const = 0;
};

// A replica that stands alone, or one of a fleet.
class DunlinServer final : public Server {
 public:
  enum class Begin { kNow, kLater };

  // Started later, it is by process().
  explicit DunlinServer(const std::vector<std::string>& arguments = {}, const std::string& redis_url = "",
                        const std::string& replica_id = "replica", Begin begin = Begin::kNow);

  pid_t pid() const override { return process_->pid(); }
  std::string address() const override { return process_->address(); }
  ReplicaProcess& process() { return *process_; }

 private:
  const TempDir directory_;
  std::unique_ptr<ReplicaProcess> process_;
};

// A program of tests/benchmarks/floor, which is given `arguments` after the file that it writes its port to.
class FloorServer final : public Server {
 public:
  explicit FloorServer(const std::string& program, const std::vector<std::string>& arguments = {});

  pid_t pid() const override { return process_->pid(); }
  std::string address() const override;

 private:
  const TempDir directory_;
  std::unique_ptr<Process> process_;
  uint16_t port_ = 0;
};

// A cluster of one etcd, as etcd itself sets it up, which syncs each write.
class EtcdServer final : public Server {
 public:
  // Where etcd is: DUNLIN_ETCD, or in PATH; "" where there is none.
  static std::string Program();

  // REQUIRES: there is one.
  EtcdServer();

  pid_t pid() const override { return process_->pid(); }
  std::string address() const override;

  // Ends it in good order and starts it again with its data.
  void Restart();

 private:
  void Start();

  const TempDir directory_;
  const ReservedPort client_port_;
  const ReservedPort peer_port_;
  std::unique_ptr<Process> process_;
};

// A NATS server with JetStream, which syncs what it has written every two minutes.
class NatsServer {
 public:
  // Where it is: DUNLIN_NATS, or in PATH; "" where there is none.
  static std::string Program();

  // REQUIRES: there is one. Returns before it listens.
  NatsServer();

  pid_t pid() const { return process_->pid(); }
  // HOST:PORT.
  std::string address() const;

  // Stops it while others are measured, and lets it go on. It works for itself after a load, for tens of milliseconds
  // at a time, and what it has left to the kernel to write is written when others sync: the disk takes that over first.
  void Pause() const;
  void Continue() const;

 private:
  const TempDir directory_;
  const ReservedPort port_;
  std::unique_ptr<Process> process_;
};

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_RIVALS_SERVERS_H_
