#include "tests/support/loopback_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace dunlin {
namespace {

constexpr int kBacklog = 128;

}  // namespace

LoopbackListener::LoopbackListener(int socket_flags)
    : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | socket_flags, 0)) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(descriptor_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(descriptor_, kBacklog) != 0 ||
      getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("listening on 127.0.0.1");
    std::abort();
  }
  port_ = ntohs(address.sin_port);
}

LoopbackListener::~LoopbackListener() { close(descriptor_); }

}  // namespace dunlin
