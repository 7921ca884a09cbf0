// Goal: a reserved port is its program's and nobody else's, whether that program is up or down.
// Method: sockets in the place of the program, of its clients and of somebody else's server.

#include "tests/support/reserved_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "gtest/gtest.h"
#include "tests/support/loopback_listener.h"

namespace dunlin {
namespace {

sockaddr_in AddressOf(const ReservedPort& reserved) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(reserved.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A socket that listens on the port, as a server makes it, or -1.
int ListenOn(const ReservedPort& reserved, bool reuse_address) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int reuse = reuse_address ? 1 : 0;
  const sockaddr_in address = AddressOf(reserved);
  if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse)) == 0 &&
      bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      listen(descriptor, 1) == 0) {
    return descriptor;
  }
  close(descriptor);
  return -1;
}

// 0 or errno.
int Connect(const ReservedPort& reserved) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = AddressOf(reserved);
  const int result = connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = result == 0 ? 0 : errno;
  close(descriptor);
  return error;
}

TEST(ReservedPortTest, AServerMayComeAndGoAndConnectionsAreRefusedWhileItIsDown) {
  const ReservedPort reserved;
  for (int life = 0; life < 3; ++life) {
    EXPECT_EQ(Connect(reserved), ECONNREFUSED);
    const int server = ListenOn(reserved, /*reuse_address=*/true);
    ASSERT_GE(server, 0);
    EXPECT_EQ(Connect(reserved), 0);
    close(server);
  }
}

TEST(ReservedPortTest, NobodyElseIsGivenIt) {
  const ReservedPort reserved;
  EXPECT_EQ(ListenOn(reserved, /*reuse_address=*/false), -1);
  std::set<uint16_t> others;
  for (int i = 0; i < 1000; ++i) {
    others.insert(LoopbackListener().port());
    others.insert(ReservedPort().port());
  }
  EXPECT_EQ(others.count(reserved.port()), 0u);
}

}  // namespace
}  // namespace dunlin
