#ifndef DUNLIN_TESTS_SUPPORT_REPLICA_PROCESS_H_
#define DUNLIN_TESTS_SUPPORT_REPLICA_PROCESS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "tests/support/eventually.h"
#include "tests/support/process.h"

namespace dunlin {

// ReplicaProcess is a real dunlind of the test's own: a process on a free port of 127.0.0.1 over a data directory that
// outlives it, so that it can be killed and started again.
//
// The test needs //server:dunlind in its `data`. What should never go wrong aborts the test program, with the replica's
// log.
//
// Thread-safety: one thread uses a ReplicaProcess. client() may be used by many, between Start() and the next.
class ReplicaProcess {
 public:
  struct Options {
    std::string data_dir;
    // Takes what the replica prints, appended.
    std::string log_path;
    // Empty: stand-alone.
    std::string redis_url;
    std::string replica_id = "replica";
    std::string replication_namespace = "test";
    // More of dunlind's command line, such as {"--ring-slots", "2"}.
    std::vector<std::string> arguments;
    // NAME=value, in addition to the test's own environment.
    std::vector<std::string> environment;
  };

  // The program under test, for tests that start it in their own way. DUNLIN_SERVER names it where Bazel does not run
  // the test.
  static std::string ProgramPath();

  // Does not start it yet.
  explicit ReplicaProcess(Options options);
  // Kills what is still running.
  ~ReplicaProcess();
  ReplicaProcess(const ReplicaProcess&) = delete;
  ReplicaProcess& operator=(const ReplicaProcess&) = delete;

  // Starts it and waits until its port is open, which it is before it serves.
  // REQUIRES: it is not running.
  void Start();
  // As Start(), for tests in which it may be the replica that is at fault.
  // Errors: kInternal, with the end of its log.
  absl::Status TryStart();

  // Ends it as a crash does.
  void Kill9();

  // SIGTERM, without waiting for the end.
  void SendTerminate();
  // Waits for the end and tells how it ended.
  Process::Exit WaitForExit();
  // SendTerminate() and WaitForExit().
  Process::Exit Terminate();

  // Makes it hang (SIGSTOP) and go on (SIGCONT).
  void Pause();
  void Resume();

  bool IsRunning() const { return process_ != nullptr && process_->IsRunning(); }
  // REQUIRES: it was started.
  pid_t pid() const { return process_->pid(); }

  // Whether it serves within `patience`.
  bool WaitServing(absl::Duration patience = kTestPatience);

  // A client of the running replica; a new one with every Start().
  Client& client() { return *client_; }
  const std::string& address() const { return address_; }
  // Aborts the test program when there is no answer.
  client::ReplicaStatus Status();

  // For the next Start().
  void set_redis_url(const std::string& url) { options_.redis_url = url; }
  void set_arguments(const std::vector<std::string>& arguments) { options_.arguments = arguments; }
  void set_environment(const std::vector<std::string>& environment) { options_.environment = environment; }

  const Options& options() const { return options_; }

  // What it has printed so far, over all its lives; the end of it where that is enough.
  std::string Log() const;
  std::string LogTail() const;

 private:
  std::vector<std::string> Command(const std::string& port_path) const;

  Options options_;
  std::unique_ptr<Process> process_;
  std::string address_;
  std::unique_ptr<Client> client_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_REPLICA_PROCESS_H_
