#ifndef DUNLIN_TESTS_SUPPORT_REDIS_PROCESS_H_
#define DUNLIN_TESTS_SUPPORT_REDIS_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "sync/redis_reply.h"
#include "sync/redis_url.h"
#include "tests/support/process.h"
#include "tests/support/reserved_port.h"
#include "tests/support/temp_dir.h"

namespace dunlin {

// RedisProcess is a process that speaks Redis' protocol on a port of 127.0.0.1 that is its own, also while it is down,
// in a directory of its own: what Redis and Sentinel have in common. Whatever goes wrong with it aborts the test
// program, with its log.
//
// Thread-safety: one thread uses a RedisProcess.
class RedisProcess {
 public:
  virtual ~RedisProcess() = default;
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;

  uint16_t port() const { return port_.port(); }
  // REQUIRES: it has been started.
  pid_t pid() const { return process_->pid(); }

  // Ends it in good order.
  void Stop();
  // Ends it at once, as a crash does.
  void Kill();
  // Starts it, again after Stop() or Kill(), and waits until it answers. What is derived does so when it is made.
  void Start() { StartUntil(Awaited::kReady); }

  bool IsRunning() { return process_->IsRunning(); }

  // Makes it hang (SIGSTOP) and go on (SIGCONT): its connections stay open and silent.
  void Pause();
  void Resume();

  // Runs one command on a connection of its own and returns the reply, which may be an error reply.
  RedisReply Run(absl::Span<const absl::string_view> command);
  // As Run(), where it may not be up or hang. Errors: those of RedisConnection.
  absl::StatusOr<RedisReply> TryRun(absl::Span<const absl::string_view> command, absl::Duration patience);

 protected:
  // What it has to answer before a start counts as done. One that asks for a password is ready, too; one that still
  // reads its data from the disk is not, but answers.
  enum class Awaited { kAnyAnswer, kReady };

  // `name` is what messages and the log are called by.
  explicit RedisProcess(std::string name) : name_(std::move(name)) {}

  void StartUntil(Awaited awaited);

  const TempDir& directory() const { return directory_; }

 private:
  virtual std::vector<std::string> Command() const = 0;
  // Where commands are run.
  virtual RedisEndpoint CommandEndpoint() const = 0;

  bool Answers(Awaited awaited);
  std::string LogPath() const;
  [[noreturn]] void Fail(absl::string_view what) const;

  const std::string name_;
  TempDir directory_;
  const ReservedPort port_;
  std::unique_ptr<Process> process_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_REDIS_PROCESS_H_
