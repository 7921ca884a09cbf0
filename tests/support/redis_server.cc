#include "tests/support/redis_server.h"

#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "sync/redis_connection.h"
#include "tests/support/eventually.h"
#include "tests/support/free_port.h"

namespace dunlin {
namespace {

constexpr absl::string_view kSocketName = "redis.sock";
constexpr absl::string_view kLogName = "redis.log";

// Another program may take a port between our finding it free and Redis' binding it.
constexpr int kPortAttempts = 10;

[[noreturn]] void Fail(absl::string_view what, const std::string& log_path) {
  std::cerr << "redis-server: " << what << "\n" << std::ifstream(log_path).rdbuf() << std::endl;
  std::abort();
}

}  // namespace

RedisServer::RedisServer() : RedisServer(Options()) {}

RedisServer::RedisServer(Options options) : options_(std::move(options)) {
  for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
    port_ = FindFreePort();
    if (TryStart()) {
      return;
    }
  }
  Fail("found no port to listen on", directory_.Join(kLogName));
}

RedisServer::~RedisServer() = default;

RedisEndpoint RedisServer::endpoint() const {
  RedisEndpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = port_;
  endpoint.password = options_.password;
  return endpoint;
}

RedisEndpoint RedisServer::unix_endpoint() const {
  RedisEndpoint endpoint;
  endpoint.unix_path = directory_.Join(kSocketName);
  endpoint.password = options_.password;
  return endpoint;
}

bool RedisServer::TryStart(Awaited awaited) {
  Process::Options process;
  process.command = {"redis-server",
                     "--port",
                     absl::StrCat(port_),
                     "--bind",
                     "127.0.0.1",
                     "--unixsocket",
                     directory_.Join(kSocketName),
                     "--dir",
                     directory_.path(),
                     "--save",
                     "",
                     "--appendonly",
                     options_.append_only ? "yes" : "no",
                     "--appendfsync",
                     "always"};
  if (!options_.password.empty()) {
    process.command.insert(process.command.end(), {"--requirepass", options_.password});
  }
  process.command.insert(process.command.end(), options_.arguments.begin(), options_.arguments.end());
  process.output_path = directory_.Join(kLogName);
  absl::StatusOr<std::unique_ptr<Process>> started = Process::Start(process);
  if (!started.ok()) {
    Fail(started.status().message(), directory_.Join(kLogName));
  }
  process_ = *std::move(started);
  if (!Eventually([&] { return !process_->IsRunning() || Answers(awaited); })) {
    Fail("does not answer", directory_.Join(kLogName));
  }
  return process_->IsRunning();
}

bool RedisServer::Answers(Awaited awaited) {
  RedisConnection connection;
  const absl::Time deadline = absl::Now() + absl::Seconds(1);
  // By the socket in our own directory: on the port, somebody else's server might answer.
  if (!connection.Connect(unix_endpoint(), "test", deadline).ok()) {
    return false;
  }
  const absl::StatusOr<RedisReply> reply = connection.Call({"PING"}, deadline);
  // A server that asks for a password has come up, too.
  return reply.ok() && (awaited == Awaited::kAnything || reply->text == "PONG" || reply->text.rfind("NOAUTH", 0) == 0);
}

void RedisServer::Start() {
  if (!TryStart()) {
    Fail("does not start again", directory_.Join(kLogName));
  }
}

void RedisServer::StartLoading() {
  if (!TryStart(Awaited::kAnything)) {
    Fail("does not start again", directory_.Join(kLogName));
  }
}

void RedisServer::Stop() {
  process_->Signal(SIGTERM);
  if (!process_->Wait(absl::Now() + kTestPatience).ok()) {
    Fail("does not stop", directory_.Join(kLogName));
  }
}

void RedisServer::Kill() { process_->Kill(); }

void RedisServer::Restart() {
  Stop();
  Start();
}

void RedisServer::CrashAndRestart() {
  Kill();
  Start();
}

void RedisServer::EraseData() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_.Join("appendonlydir"), ignored);
  std::filesystem::remove(directory_.Join("dump.rdb"), ignored);
}

bool RedisServer::IsRunning() { return process_->IsRunning(); }

void RedisServer::Pause() { process_->Signal(SIGSTOP); }

void RedisServer::Resume() { process_->Signal(SIGCONT); }

RedisReply RedisServer::Run(absl::Span<const absl::string_view> command) {
  absl::StatusOr<RedisReply> reply = TryRun(command, kTestPatience);
  if (!reply.ok()) {
    Fail(reply.status().ToString(), directory_.Join(kLogName));
  }
  return *std::move(reply);
}

absl::StatusOr<RedisReply> RedisServer::TryRun(absl::Span<const absl::string_view> command, absl::Duration patience) {
  RedisConnection connection;
  const absl::Time deadline = absl::Now() + patience;
  const absl::Status status = connection.Connect(unix_endpoint(), "test", deadline);
  return status.ok() ? connection.Call(command, deadline) : status;
}

}  // namespace dunlin
