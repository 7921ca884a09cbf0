#ifndef DUNLIN_TESTS_SUPPORT_PROCESS_H_
#define DUNLIN_TESTS_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace dunlin {

// Process is a program that a test started. It does not outlive the object (killed in the destructor), and not the test
// program either, however that ends.
//
// The kernel ties it to the thread that called Start(): start it from a thread that stays.
//
// Thread-safety: one thread uses a Process.
class Process {
 public:
  struct Options {
    // The program, looked up in PATH unless it has a slash, and its arguments.
    std::vector<std::string> command;
    // NAME=value, in addition to the test's own environment.
    std::vector<std::string> environment;
    // Where it runs; empty: where the test runs.
    std::string directory;
    // Takes both its output and its errors; appended to if it exists. Empty: the test's own.
    std::string output_path;
  };

  // How a process ended.
  struct Exit {
    // The exit code, or -1 when it was killed by `signal`.
    int code = 0;
    int signal = 0;
  };

  // Errors: kInternal when there can be no new process; kNotFound when the program cannot be run.
  static absl::StatusOr<std::unique_ptr<Process>> Start(const Options& options);

  // Kills what is still running.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }

  // Whether it has not ended yet.
  bool IsRunning();

  // Waits for the end. Once it has ended, returns the same again.
  // Errors: kDeadlineExceeded; it goes on running then.
  absl::StatusOr<Exit> Wait(absl::Time deadline);

  // Sends `signal` to the process. Does nothing once it has ended.
  void Signal(int signal);

  // SIGKILL, and waits for the end.
  void Kill();

 private:
  explicit Process(pid_t pid) : pid_(pid) {}

  const pid_t pid_;
  std::optional<Exit> exit_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_PROCESS_H_
