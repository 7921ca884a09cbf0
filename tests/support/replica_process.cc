#include "tests/support/replica_process.h"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/read_file.h"

namespace dunlin {
namespace {

// A log that is longer says the same over and over.
constexpr size_t kLogTailBytes = 20000;

[[noreturn]] void Fail(absl::string_view what, const ReplicaProcess& replica) {
  std::cerr << "replica " << replica.options().replica_id << ": " << what << "\n" << replica.Log() << std::endl;
  std::abort();
}

}  // namespace

// Bazel runs a test in the folder where the files of its `data` lie.
std::string ReplicaProcess::ProgramPath() {
  const char* program = std::getenv("DUNLIN_SERVER");
  return program != nullptr ? program : "server/dunlind";
}

ReplicaProcess::ReplicaProcess(Options options) : options_(std::move(options)) {}

ReplicaProcess::~ReplicaProcess() = default;

std::vector<std::string> ReplicaProcess::Command(const std::string& port_path) const {
  std::vector<std::string> command = {ProgramPath(),  "--data-dir",       options_.data_dir,
                                      "--listen",     "127.0.0.1:0",      "--port-file",
                                      port_path,      "--namespace",      options_.replication_namespace,
                                      "--replica-id", options_.replica_id};
  if (!options_.redis_url.empty()) {
    command.insert(command.end(), {"--redis", options_.redis_url});
  }
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  return command;
}

void ReplicaProcess::Start() {
  if (const absl::Status status = TryStart(); !status.ok()) {
    Fail(status.message(), *this);
  }
}

absl::Status ReplicaProcess::TryStart() {
  const std::string port_path = absl::StrCat(options_.log_path, ".port");
  std::remove(port_path.c_str());
  Process::Options process;
  process.command = Command(port_path);
  process.environment = options_.environment;
  process.output_path = options_.log_path;
  absl::StatusOr<std::unique_ptr<Process>> started = Process::Start(process);
  if (!started.ok()) {
    return started.status();
  }
  process_ = *std::move(started);
  int port = 0;
  if (!Eventually([&] { return !process_->IsRunning() || std::ifstream(port_path) >> port; }) || port == 0) {
    return absl::InternalError(absl::StrCat("did not open its port\n", LogTail()));
  }
  address_ = absl::StrCat("127.0.0.1:", port);
  ClientOptions client;
  client.server = address_;
  client.timeout = kTestPatience;
  client_ = *Client::Create(client);
  return absl::OkStatus();
}

void ReplicaProcess::Kill9() { process_->Kill(); }

void ReplicaProcess::SendTerminate() { process_->Signal(SIGTERM); }

Process::Exit ReplicaProcess::WaitForExit() {
  const absl::StatusOr<Process::Exit> exit = process_->Wait(absl::Now() + kTestPatience);
  if (!exit.ok()) {
    Fail("does not end", *this);
  }
  return *exit;
}

Process::Exit ReplicaProcess::Terminate() {
  SendTerminate();
  return WaitForExit();
}

void ReplicaProcess::Pause() { process_->Signal(SIGSTOP); }

void ReplicaProcess::Resume() { process_->Signal(SIGCONT); }

bool ReplicaProcess::WaitServing(absl::Duration patience) {
  return Eventually([this] { return Status().serving; }, patience);
}

client::ReplicaStatus ReplicaProcess::Status() {
  const absl::StatusOr<client::ReplicaStatus> status = client_->GetStatus();
  if (!status.ok()) {
    Fail(status.status().ToString(), *this);
  }
  return *status;
}

std::string ReplicaProcess::Log() const { return ReadFile(options_.log_path); }

std::string ReplicaProcess::LogTail() const {
  const std::string log = Log();
  return log.size() > kLogTailBytes ? log.substr(log.size() - kLogTailBytes) : log;
}

}  // namespace dunlin
