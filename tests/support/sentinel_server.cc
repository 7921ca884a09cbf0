#include "tests/support/sentinel_server.h"

#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "sync/redis_connection.h"
#include "tests/support/eventually.h"
#include "tests/support/free_port.h"

namespace dunlin {
namespace {

constexpr absl::string_view kConfigurationName = "sentinel.conf";
constexpr absl::string_view kLogName = "sentinel.log";

// Another program may take a port between our finding it free and Sentinel's binding it.
constexpr int kPortAttempts = 10;

[[noreturn]] void Fail(absl::string_view what, const std::string& log_path) {
  std::cerr << "sentinel: " << what << "\n" << std::ifstream(log_path).rdbuf() << std::endl;
  std::abort();
}

}  // namespace

SentinelServer::SentinelServer(Options options) : options_(std::move(options)) {
  for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
    port_ = FindFreePort();
    WriteConfiguration();
    if (TryStart()) {
      return;
    }
  }
  Fail("found no port to listen on", directory_.Join(kLogName));
}

SentinelServer::~SentinelServer() = default;

void SentinelServer::WriteConfiguration() const {
  std::ofstream file(directory_.Join(kConfigurationName));
  const std::string& name = options_.master_name;
  file << "port " << port_ << "\nbind 127.0.0.1\ndir " << directory_.path() << "\n"
       << "sentinel monitor " << name << " 127.0.0.1 " << options_.master_port << " " << options_.quorum << "\n"
       << "sentinel down-after-milliseconds " << name << " " << absl::ToInt64Milliseconds(options_.down_after)
       << "\n"
       // Twice this has to pass before the same master is failed over again.
       << "sentinel failover-timeout " << name << " " << absl::ToInt64Milliseconds(2 * options_.down_after) << "\n";
  if (!options_.password.empty()) {
    file << "requirepass " << options_.password << "\n";
  }
}

bool SentinelServer::TryStart() {
  Process::Options process;
  process.command = {"redis-server", directory_.Join(kConfigurationName), "--sentinel"};
  process.output_path = directory_.Join(kLogName);
  absl::StatusOr<std::unique_ptr<Process>> started = Process::Start(process);
  if (!started.ok()) {
    Fail(started.status().message(), directory_.Join(kLogName));
  }
  process_ = *std::move(started);
  if (!Eventually([this] { return !process_->IsRunning() || Answers(); })) {
    Fail("does not answer", directory_.Join(kLogName));
  }
  return process_->IsRunning();
}

RedisEndpoint SentinelServer::endpoint() const {
  RedisEndpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = port_;
  endpoint.password = options_.password;
  endpoint.is_sentinel = true;
  return endpoint;
}

bool SentinelServer::Answers() {
  RedisConnection connection;
  return connection.Connect(endpoint(), "test", absl::Now() + absl::Seconds(1)).ok();
}

void SentinelServer::Start() {
  if (!TryStart()) {
    Fail("does not start again", directory_.Join(kLogName));
  }
}

void SentinelServer::Kill() { process_->Kill(); }

bool SentinelServer::IsRunning() { return process_->IsRunning(); }

void SentinelServer::Pause() { process_->Signal(SIGSTOP); }

void SentinelServer::Resume() { process_->Signal(SIGCONT); }

RedisReply SentinelServer::Run(absl::Span<const absl::string_view> command) {
  RedisConnection connection;
  const absl::Time deadline = absl::Now() + kTestPatience;
  absl::Status status = connection.Connect(endpoint(), "test", deadline);
  if (status.ok()) {
    absl::StatusOr<RedisReply> reply = connection.Call(command, deadline);
    if (reply.ok()) {
      return *std::move(reply);
    }
    status = reply.status();
  }
  Fail(status.ToString(), directory_.Join(kLogName));
}

}  // namespace dunlin
