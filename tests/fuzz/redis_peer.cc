#include "tests/fuzz/redis_peer.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace dunlin {
namespace {

void RequireSystem(bool done, const char* what) {
  if (!done) {
    std::perror(what);
    std::abort();
  }
}

}  // namespace

RedisPeer::RedisPeer() : listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  endpoint_.unix_path = directory_.Join("redis");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, endpoint_.unix_path.c_str(), sizeof(address.sun_path) - 1);
  RequireSystem(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0, "bind");
  RequireSystem(listen(listener_, 1) == 0, "listen");
  acceptor_ = std::thread([this] { Accept(); });
}

RedisPeer::~RedisPeer() {
  // Wakes the thread, for which there is nothing to accept any more.
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  if (const int socket = socket_.load(std::memory_order_relaxed); socket >= 0) {
    close(socket);
  }
}

void RedisPeer::Accept() {
  while (true) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0 && errno == EINTR) {
      continue;
    }
    if (socket < 0) {
      return;
    }
    // A socket that is closed with unread bytes is reset, which the other end would take for an error of its own.
    char greeting[1024];
    RequireSystem(recv(socket, greeting, sizeof(greeting), 0) > 0, "recv");
    socket_.store(socket, std::memory_order_release);
    RequireSystem(send(socket, "+OK\r\n", 5, MSG_NOSIGNAL) == 5, "send");
  }
}

absl::Status RedisPeer::Connect(RedisConnection* connection, absl::Time deadline) {
  if (const int socket = socket_.exchange(-1, std::memory_order_acquire); socket >= 0) {
    close(socket);
  }
  return connection->Connect(endpoint_, "fuzz", deadline);
}

void RedisPeer::Send(absl::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  const ssize_t sent =
      send(socket_.load(std::memory_order_acquire), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  // The other end may have closed the connection upon what it got before.
  RequireSystem(sent == static_cast<ssize_t>(bytes.size()) || (sent < 0 && errno == EPIPE), "send");
}

void RedisPeer::HangUp() { shutdown(socket_.load(std::memory_order_acquire), SHUT_WR); }

}  // namespace dunlin
