#ifndef DUNLIN_TESTS_SUPPORT_REDIS_SERVER_H_
#define DUNLIN_TESTS_SUPPORT_REDIS_SERVER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "sync/redis_url.h"
#include "tests/support/redis_process.h"
#include "tests/support/reserved_port.h"

namespace dunlin {

// RedisServer is a real redis-server of the test's own, on a port of 127.0.0.1 and on a Unix socket.
//
// Thread-safety: one thread uses a RedisServer.
class RedisServer final : public RedisProcess {
 public:
  struct Options {
    // Keep data over Restart() by an append-only file.
    bool append_only = false;
    // What it asks of the default user; empty: nothing.
    std::string password;
    // Be a node of a Redis Cluster, with a second port of its own for the others.
    bool cluster_node = false;
    // More of redis-server's command line, such as {"--maxmemory", "1mb"}.
    std::vector<std::string> arguments;
  };

  RedisServer();
  // Starts it and waits until it answers.
  explicit RedisServer(Options options);

  // Over TCP and over the Unix socket, as the default user, with the password.
  RedisEndpoint endpoint() const;
  RedisEndpoint unix_endpoint() const;

  // REQUIRES: it is a node of a cluster.
  uint16_t cluster_port() const { return cluster_port_->port(); }

  // As Start(), where it has so much to read from its disk that the test goes on meanwhile: it answers LOADING.
  void StartLoading() { StartUntil(Awaited::kAnyAnswer); }
  // Stop() or Kill() and Start().
  void Restart();
  void CrashAndRestart();

  // Throws away what Start() would find, as a Redis without persistence does.
  // REQUIRES: it is not running.
  void EraseData();

 private:
  std::vector<std::string> Command() const override;
  // By the socket in our own directory: on the port, somebody else's server might answer.
  RedisEndpoint CommandEndpoint() const override { return unix_endpoint(); }

  const Options options_;
  // Only of a node. Redis' own choice is so far above its port that there may be none.
  std::optional<ReservedPort> cluster_port_;
};

// The number that an answer to INFO tells under `field`, such as "total_net_input_bytes". Aborts the test program if
// there is none.
uint64_t InfoNumber(absl::string_view info, absl::string_view field);

// How often an answer to INFO commandstats says that `command`, such as "hget", has been called.
uint64_t CommandCalls(absl::string_view commandstats, absl::string_view command);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_REDIS_SERVER_H_
