#include "tests/benchmarks/load/subscribers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"

namespace dunlin::bench {
namespace {

[[noreturn]] void Fail(const char* what) {
  std::cerr << "bench: a subscriber: " << what << ", errno " << errno << std::endl;
  std::abort();
}

FileDescriptor Subscribe(uint16_t port, const std::string& channel) {
  FileDescriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    Fail("does not connect");
  }
  const std::string command = absl::StrCat("SUBSCRIBE ", channel, "\r\n");
  std::array<char, 256> answer;
  // The answer comes in one piece, since nothing has been published yet.
  if (write(connection.get(), command.data(), command.size()) != static_cast<ssize_t>(command.size()) ||
      read(connection.get(), answer.data(), answer.size()) <= 0 || answer[0] != '*') {
    Fail("is not taken");
  }
  return connection;
}

void Watch(int poll, int descriptor) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  if (epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    Fail("epoll_ctl");
  }
}

}  // namespace

Subscribers::Subscribers(uint16_t port, const std::string& channel, size_t count)
    : poll_(epoll_create1(EPOLL_CLOEXEC)), stop_(eventfd(0, EFD_CLOEXEC)) {
  Watch(poll_.get(), stop_.get());
  for (size_t i = 0; i < count; ++i) {
    connections_.push_back(Subscribe(port, channel));
    Watch(poll_.get(), connections_.back().get());
  }
  thread_ = std::thread([this] { Listen(); });
}

Subscribers::~Subscribers() {
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

void Subscribers::Listen() {
  std::vector<char> bytes(size_t{1} << 20);
  std::array<epoll_event, 256> ready;
  while (true) {
    const int count = epoll_wait(poll_.get(), ready.data(), ready.size(), -1);
    for (int i = 0; i < count; ++i) {
      if (ready[i].data.fd == stop_.get()) {
        return;
      }
      if (read(ready[i].data.fd, bytes.data(), bytes.size()) <= 0) {
        Fail("was closed by Redis");
      }
    }
  }
}

}  // namespace dunlin::bench
