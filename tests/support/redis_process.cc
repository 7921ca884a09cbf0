#include "tests/support/redis_process.h"

#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sync/redis_connection.h"
#include "tests/support/eventually.h"

namespace dunlin {

void RedisProcess::StartUntil(Awaited awaited) {
  Process::Options options;
  options.command = Command();
  options.output_path = LogPath();
  absl::StatusOr<std::unique_ptr<Process>> started = Process::Start(options);
  if (!started.ok()) {
    Fail(started.status().message());
  }
  process_ = *std::move(started);
  if (!Eventually([&] { return !process_->IsRunning() || Answers(awaited); })) {
    Fail("does not answer");
  }
  if (!process_->IsRunning()) {
    Fail("does not start");
  }
}

bool RedisProcess::Answers(Awaited awaited) {
  const absl::StatusOr<RedisReply> reply = TryRun({"PING"}, absl::Seconds(1));
  return reply.ok() && (awaited == Awaited::kAnyAnswer || reply->text == "PONG" || reply->text.rfind("NOAUTH", 0) == 0);
}

void RedisProcess::Stop() {
  process_->Signal(SIGTERM);
  if (!process_->Wait(absl::Now() + kTestPatience).ok()) {
    Fail("does not stop");
  }
}

void RedisProcess::Kill() { process_->Kill(); }

void RedisProcess::Pause() { process_->Signal(SIGSTOP); }

void RedisProcess::Resume() { process_->Signal(SIGCONT); }

RedisReply RedisProcess::Run(absl::Span<const absl::string_view> command) {
  absl::StatusOr<RedisReply> reply = TryRun(command, kTestPatience);
  if (!reply.ok()) {
    Fail(reply.status().ToString());
  }
  return *std::move(reply);
}

absl::StatusOr<RedisReply> RedisProcess::TryRun(absl::Span<const absl::string_view> command, absl::Duration patience) {
  RedisConnection connection;
  const absl::Time deadline = absl::Now() + patience;
  const absl::Status status = connection.Connect(CommandEndpoint(), "test", deadline);
  return status.ok() ? connection.Call(command, deadline) : status;
}

std::string RedisProcess::LogPath() const { return directory_.Join(absl::StrCat(name_, ".log")); }

void RedisProcess::Fail(absl::string_view what) const {
  std::cerr << name_ << ": " << what << "\n" << std::ifstream(LogPath()).rdbuf() << std::endl;
  std::abort();
}

}  // namespace dunlin
