#ifndef DUNLIN_TESTS_SUPPORT_SENTINEL_SERVER_H_
#define DUNLIN_TESTS_SUPPORT_SENTINEL_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "sync/redis_reply.h"
#include "sync/redis_url.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace dunlin {

// SentinelServer is a real Redis Sentinel of the test's own, on a free port of 127.0.0.1. It keeps what it learns over
// Restart(). Whatever goes wrong with it aborts the test program, with its log.
//
// Thread-safety: one thread uses a SentinelServer.
class SentinelServer {
 public:
  struct Options {
    std::string master_name = "mymaster";
    // On 127.0.0.1.
    uint16_t master_port = 0;
    // How many sentinels have to agree that the master is gone.
    int quorum = 1;
    // How long the master is silent before it counts as gone.
    absl::Duration down_after = absl::Seconds(1);
    // Empty: none is asked for.
    std::string password;
  };

  // Starts it and waits until it answers.
  explicit SentinelServer(Options options);
  ~SentinelServer();
  SentinelServer(const SentinelServer&) = delete;
  SentinelServer& operator=(const SentinelServer&) = delete;

  uint16_t port() const { return port_; }
  RedisEndpoint endpoint() const;

  void Kill();
  // REQUIRES: Kill() has been called.
  void Start();
  bool IsRunning();
  // Makes it hang (SIGSTOP) and go on (SIGCONT).
  void Pause();
  void Resume();

  // Runs one command on a connection of its own and returns the reply, which may be an error reply.
  RedisReply Run(absl::Span<const absl::string_view> command);

 private:
  void WriteConfiguration() const;
  bool TryStart();
  bool Answers();

  const Options options_;
  TempDir directory_;
  uint16_t port_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_SENTINEL_SERVER_H_
