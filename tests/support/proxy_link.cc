#include "tests/support/proxy_link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace dunlin {
namespace {

// What waits here each way. Beyond it the sender has to wait.
constexpr size_t kBufferMaxBytes = size_t{256} << 10;
constexpr size_t kChunkMaxBytes = size_t{16} << 10;
// A slow link sends little at a time.
constexpr size_t kPacedWriteMaxBytes = 512;

// A close() that resets the connection in place of ending it in good order.
void ResetSocket(int descriptor) {
  if (descriptor >= 0) {
    const linger abrupt = {1, 0};
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
    close(descriptor);
  }
}

void SetSmallDelay(int descriptor) {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

ProxyLink::ProxyLink(int client, const Rewrite& rewrite) : rewrite_(rewrite), client_(client) {
  fcntl(client_, F_SETFL, fcntl(client_, F_GETFL) | O_NONBLOCK);
  SetSmallDelay(client_);
  to_server_.from = client_;
  to_client_.to = client_;
}

ProxyLink::~ProxyLink() {
  if (finished_) {
    close(client_);
    close(server_);
    return;
  }
  ResetSocket(client_);
  ResetSocket(server_);
}

void ProxyLink::AddInterest(const LinkConditions& conditions, absl::Time now, std::vector<pollfd>* polled,
                            absl::Time* wake) const {
  if (!conditions.forward) {
    return;
  }
  if (connecting_) {
    polled->push_back({server_, POLLOUT, 0});
    return;
  }
  if (server_ < 0) {
    // The next step connects.
    *wake = now;
    return;
  }
  for (const Way* way : {&to_server_, &to_client_}) {
    if (!way->ended && way->buffered_bytes < kBufferMaxBytes) {
      polled->push_back({way->from, POLLIN, 0});
    }
    if (!way->chunks.empty()) {
      const absl::Time due = std::max(way->chunks.front().due, way->paced_until);
      if (due <= now) {
        polled->push_back({way->to, POLLOUT, 0});
      } else {
        *wake = std::min(*wake, due);
      }
    }
  }
}

bool ProxyLink::Step(const LinkConditions& conditions, uint16_t target_port, absl::Time now, size_t* to_client_max) {
  if (!conditions.forward) {
    return true;
  }
  if ((server_ < 0 && !Connect(conditions.source_address, target_port)) || (connecting_ && !FinishConnecting())) {
    return false;
  }
  if (connecting_) {
    return true;
  }
  size_t unlimited = SIZE_MAX;
  if (!Read(&to_server_, conditions, now, /*from_server=*/false) ||
      !Read(&to_client_, conditions, now, /*from_server=*/true) || !Write(&to_server_, conditions, now, &unlimited) ||
      !Write(&to_client_, conditions, now, to_client_max)) {
    return false;
  }
  finished_ = to_server_.passed_on && to_client_.passed_on;
  return !finished_;
}

bool ProxyLink::Connect(uint32_t source_address, uint16_t target_port) {
  server_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  if (source_address != 0) {
    address.sin_addr.s_addr = htonl(source_address);
    if (bind(server_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      return false;
    }
  }
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(target_port);
  SetSmallDelay(server_);
  to_server_.to = server_;
  to_client_.from = server_;
  connecting_ = true;
  return connect(server_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 || errno == EINPROGRESS;
}

bool ProxyLink::FinishConnecting() {
  pollfd polled = {server_, POLLOUT, 0};
  if (poll(&polled, 1, 0) <= 0) {
    return true;
  }
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(server_, SOL_SOCKET, SO_ERROR, &error, &size);
  connecting_ = false;
  sockaddr_in own = {};
  size = sizeof(own);
  getsockname(server_, reinterpret_cast<sockaddr*>(&own), &size);
  source_port_ = ntohs(own.sin_port);
  return error == 0;
}

bool ProxyLink::Read(Way* way, const LinkConditions& conditions, absl::Time now, bool from_server) {
  if (way->ended || way->buffered_bytes >= kBufferMaxBytes) {
    return true;
  }
  std::string bytes(kChunkMaxBytes, '\0');
  const ssize_t got = recv(way->from, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0) {
    return WouldBlock();
  }
  if (got == 0) {
    way->ended = true;
    return true;
  }
  bytes.resize(static_cast<size_t>(got));
  if (from_server && rewrite_) {
    rewrite_(&bytes);
  }
  way->buffered_bytes += bytes.size();
  way->chunks.push_back(Chunk{now + conditions.delay, std::move(bytes)});
  return true;
}

bool ProxyLink::Write(Way* way, const LinkConditions& conditions, absl::Time now, size_t* bytes_max) {
  while (!way->chunks.empty()) {
    Chunk& chunk = way->chunks.front();
    if (chunk.due > now || way->paced_until > now) {
      return true;
    }
    size_t size = std::min(chunk.bytes.size(), *bytes_max);
    if (conditions.bytes_per_second > 0) {
      size = std::min(size, kPacedWriteMaxBytes);
    }
    const ssize_t sent = send(way->to, chunk.bytes.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      return WouldBlock();
    }
    *bytes_max -= static_cast<size_t>(sent);
    way->buffered_bytes -= static_cast<size_t>(sent);
    chunk.bytes.erase(0, static_cast<size_t>(sent));
    if (chunk.bytes.empty()) {
      way->chunks.pop_front();
    }
    if (conditions.bytes_per_second > 0) {
      way->paced_until =
          now + absl::Seconds(static_cast<double>(sent) / static_cast<double>(conditions.bytes_per_second));
    }
    if (*bytes_max == 0) {
      return false;
    }
  }
  if (way->ended && !way->passed_on) {
    shutdown(way->to, SHUT_WR);
    way->passed_on = true;
  }
  return true;
}

}  // namespace dunlin
