#ifndef DUNLIN_TESTS_SUPPORT_REDIS_SERVER_H_
#define DUNLIN_TESTS_SUPPORT_REDIS_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "sync/redis_reply.h"
#include "sync/redis_url.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace dunlin {

// RedisServer is a real redis-server of the test's own, on a free port of 127.0.0.1 and on a Unix socket, in its own
// directory. Whatever goes wrong with it aborts the test program, with Redis' log.
//
// Thread-safety: one thread uses a RedisServer.
class RedisServer {
 public:
  struct Options {
    // Keep data over Restart() by an append-only file.
    bool append_only = false;
    // What it asks of the default user; empty: nothing.
    std::string password;
    // More of redis-server's command line, such as {"--maxmemory", "1mb"}.
    std::vector<std::string> arguments;
  };

  RedisServer();
  // Starts it and waits until it answers.
  explicit RedisServer(Options options);
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  uint16_t port() const { return port_; }
  // Over TCP and over the Unix socket, as the default user, with the password.
  RedisEndpoint endpoint() const;
  RedisEndpoint unix_endpoint() const;

  // Ends it in good order.
  void Stop();
  // Ends it at once, as a crash does.
  void Kill();
  // Starts it again, on the same port, after Stop() or Kill(), and waits until it answers.
  void Start();
  // As Start(), where it has so much to read from its disk that the test goes on meanwhile: it answers LOADING.
  void StartLoading();
  // Stop() or Kill() and Start().
  void Restart();
  void CrashAndRestart();

  // Throws away what Start() would find, as a Redis without persistence does.
  // REQUIRES: it is not running.
  void EraseData();

  bool IsRunning();

  // Makes it hang (SIGSTOP) and go on (SIGCONT): its connections stay open and silent.
  void Pause();
  void Resume();

  // Runs one command on a connection of its own and returns the reply, which may be an error reply.
  RedisReply Run(absl::Span<const absl::string_view> command);
  // As Run(), where it may not be up or hang. Errors: those of RedisConnection.
  absl::StatusOr<RedisReply> TryRun(absl::Span<const absl::string_view> command, absl::Duration patience);

 private:
  // What a server answers that has come up.
  enum class Awaited { kAnything, kThatItHasRead };
  bool Answers(Awaited awaited);
  // Starts the process; returns whether it came up, which it does not when somebody has taken the port.
  bool TryStart(Awaited awaited = Awaited::kThatItHasRead);

  const Options options_;
  TempDir directory_;
  uint16_t port_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_REDIS_SERVER_H_
