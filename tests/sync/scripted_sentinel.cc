#include "tests/sync/scripted_sentinel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace dunlin {
namespace {

// How soon a stop is noticed.
constexpr int kPollMs = 20;

}  // namespace

ScriptedSentinel::ScriptedSentinel() : thread_([this] { Run(); }) {}

ScriptedSentinel::~ScriptedSentinel() {
  stopping_ = true;
  thread_.join();
}

void ScriptedSentinel::Name(uint16_t port) {
  const std::string text = absl::StrCat(port);
  Answer(absl::StrCat("*2\r\n$9\r\n127.0.0.1\r\n$", text.size(), "\r\n", text, "\r\n"));
}

void ScriptedSentinel::Answer(const std::string& bytes) {
  MutexLock lock(&mutex_);
  answer_ = bytes;
}

void ScriptedSentinel::Run() {
  std::vector<pollfd> polled = {{listener_.descriptor(), POLLIN, 0}};
  while (!stopping_) {
    if (poll(polled.data(), polled.size(), kPollMs) <= 0) {
      continue;
    }
    for (size_t i = polled.size() - 1; i > 0; --i) {
      if (polled[i].revents != 0 && !Serve(polled[i].fd)) {
        close(polled[i].fd);
        polled.erase(polled.begin() + static_cast<ptrdiff_t>(i));
      }
    }
    if (polled[0].revents != 0) {
      polled.push_back({accept(listener_.descriptor(), nullptr, nullptr), POLLIN, 0});
    }
  }
  for (size_t i = 1; i < polled.size(); ++i) {
    close(polled[i].fd);
  }
}

bool ScriptedSentinel::Serve(int connection) {
  char bytes[4096];
  // A client sends one command and waits for its answer, so that what comes is one command.
  const ssize_t got = recv(connection, bytes, sizeof(bytes), 0);
  return got > 0 && Reply(std::string(bytes, static_cast<size_t>(got)), connection);
}

bool ScriptedSentinel::Reply(const std::string& request, int connection) {
  std::string reply = "+OK\r\n";
  if (absl::StrContains(request, "SENTINEL")) {
    questions_.fetch_add(1);
    MutexLock lock(&mutex_);
    reply = answer_;
  }
  return reply.empty() ||
         send(connection, reply.data(), reply.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(reply.size());
}

}  // namespace dunlin
