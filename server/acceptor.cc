#include "server/acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "storage/this_thread.h"

namespace dunlin {
namespace {

constexpr absl::Duration kLogPeriod = absl::Seconds(10);

bool IsShortage(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

void SendAtOnce(const FileDescriptor& connection) {
  // Without it, a small event waits for the acknowledgement of the one before. Fails on a Unix socket, which has no
  // need.
  const int on = 1;
  setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace

Acceptor::Acceptor(ListeningSockets sockets, size_t connections_max, ConnectionHandler handler, Logger* logger)
    : sockets_(std::move(sockets)),
      handler_(std::move(handler)),
      logger_(logger),
      shortage_log_(kLogPeriod),
      limit_log_(kLogPeriod),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      limit_(connections_max),
      thread_([this] { Run(); }) {}

Acceptor::~Acceptor() {
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

void Acceptor::Run() {
  NameThisThread("acceptor");
  std::vector<pollfd> ready;
  for (const FileDescriptor& socket : sockets_.sockets()) ready.push_back({socket.get(), POLLIN, 0});
  ready.push_back({stop_.get(), POLLIN, 0});
  while (true) {
    poll(ready.data(), ready.size(), -1);
    if (ready.back().revents != 0) return;
    bool shortage = false;
    for (size_t i = 0; i + 1 < ready.size(); ++i) {
      if (ready[i].revents != 0) shortage |= !AcceptOne(ready[i].fd);
    }
    if (shortage) poll(&ready.back(), 1, static_cast<int>(absl::ToInt64Milliseconds(kAcceptPause)));
  }
}

bool Acceptor::AcceptOne(int listening_fd) {
  FileDescriptor connection(accept4(listening_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  const int error = errno;
  if (connection.valid()) {
    Take(listening_fd, std::move(connection));
    return true;
  }
  // Anything else is a connection that broke before it was accepted.
  if (!IsShortage(error)) return true;
  if (std::optional<uint64_t> hidden = shortage_log_.Admit(absl::Now())) {
    logger_->Error("cannot accept connections; raise the limit of open files (ulimit -n) or close some",
                   {{"reason", strerror(error)}, {"not_shown", *hidden}});
  }
  return false;
}

void Acceptor::Take(int listening_fd, FileDescriptor connection) {
  const absl::Time now = absl::Now();
  if (limit_.HasRoom(now)) {
    limit_.Add(connection);
    SendAtOnce(connection);
    handler_(listening_fd, std::move(connection));
  } else if (std::optional<uint64_t> hidden = limit_log_.Admit(now)) {
    logger_->Error("too many connections: closing new ones; raise --connections-max or add replicas",
                   {{"limit", limit_.connections_max()}, {"not_shown", *hidden}});
  }
}

}  // namespace dunlin
