#include "server/listening_sockets.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/limits.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

using Resolved = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

absl::string_view RemedyFor(int error) {
  switch (error) {
    case EADDRINUSE:
      return "stop the program that holds it (ss -ltnp shows it), or choose another address or port 0";
    case EADDRNOTAVAIL:
      return "it is not an address of this machine (ip addr lists them)";
    case EACCES:
    case EPERM:
      return "this user may not use it; choose a port from 1024 on, or a folder that is writable";
    case ENOENT:
    case ENOTDIR:
      return "create the folder of the socket first";
    default:
      return "check the address";
  }
}

absl::Status ListenError(const ListenAddress& address, int error) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot listen on ", address.ToString(), ": ", strerror(error), "; ", RemedyFor(error)));
}

absl::StatusOr<Resolved> Resolve(const ListenAddress& address) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = absl::StrCat(address.port);
  const int error = getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError(absl::StrCat("cannot listen on ", address.ToString(), ": the host \"",
                                                   address.host, "\" cannot be resolved: ", gai_strerror(error),
                                                   "; use a numeric address"));
  }
  return Resolved(found, &freeaddrinfo);
}

void SetPort(sockaddr* address, uint16_t port) {
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  }
}

uint16_t BoundPort(const FileDescriptor& socket) {
  sockaddr_storage bound = {};
  socklen_t size = sizeof(bound);
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  // The port stands at the same place in both families.
  return ntohs(reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

FileDescriptor NewSocket(int family) {
  return FileDescriptor(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// Returns 0 or an errno.
int BindAndListen(const FileDescriptor& socket, const sockaddr* address, socklen_t size) {
  if (!socket.valid()) return errno;
  if (bind(socket.get(), address, size) != 0 || listen(socket.get(), kListenBacklog) != 0) return errno;
  return 0;
}

int BindTcp(const FileDescriptor& socket, const sockaddr* address, socklen_t size) {
  if (!socket.valid()) return errno;
  // So that a restart need not wait for the connections of the previous run to be forgotten. On Linux two listeners on
  // one port still exclude each other, which SO_REUSEPORT would not.
  const int on = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address->sa_family == AF_INET6) {
    // [::] means every interface of either family, whatever the system's default; any other v6 address means itself.
    const int v6_only = IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr) ? 0 : 1;
    setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only));
  }
  return BindAndListen(socket, address, size);
}

// A name may stand for addresses of a family that this machine does not have.
bool FamilyIsMissing(int error) { return error == EADDRNOTAVAIL || error == EAFNOSUPPORT; }

bool SomebodyListens(const sockaddr_un& address) {
  const FileDescriptor probe = NewSocket(AF_UNIX);
  return !probe.valid() || connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
         errno != ECONNREFUSED;
}

bool IsSocket(const std::string& path) {
  struct stat found = {};
  return lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

}  // namespace

absl::StatusOr<ListeningSockets> ListeningSockets::Open(const ListenAddress& address) {
  return address.is_unix() ? OpenUnix(address) : OpenTcp(address);
}

absl::StatusOr<ListeningSockets> ListeningSockets::OpenTcp(const ListenAddress& address) {
  DUNLIN_ASSIGN_OR_RETURN(const Resolved resolved, Resolve(address));
  ListenAddress bound = address;
  std::vector<FileDescriptor> sockets;
  int missing_family_error = EADDRNOTAVAIL;
  for (addrinfo* candidate = resolved.get(); candidate != nullptr; candidate = candidate->ai_next) {
    SetPort(candidate->ai_addr, bound.port);
    FileDescriptor socket = NewSocket(candidate->ai_family);
    const int error = BindTcp(socket, candidate->ai_addr, candidate->ai_addrlen);
    if (FamilyIsMissing(error)) {
      missing_family_error = error;
      continue;
    }
    if (error != 0) return ListenError(bound, error);
    bound.port = BoundPort(socket);
    sockets.push_back(std::move(socket));
  }
  if (sockets.empty()) return ListenError(address, missing_family_error);
  return ListeningSockets(std::move(bound), std::move(sockets));
}

absl::StatusOr<ListeningSockets> ListeningSockets::OpenUnix(const ListenAddress& address) {
  sockaddr_un path = {};
  path.sun_family = AF_UNIX;
  memcpy(path.sun_path, address.unix_path.data(), address.unix_path.size());
  // Left behind by a process that was killed.
  if (IsSocket(address.unix_path) && !SomebodyListens(path)) unlink(address.unix_path.c_str());
  FileDescriptor socket = NewSocket(AF_UNIX);
  const int error = BindAndListen(socket, reinterpret_cast<const sockaddr*>(&path), sizeof(path));
  if (error != 0) return ListenError(address, error);
  std::vector<FileDescriptor> sockets;
  sockets.push_back(std::move(socket));
  return ListeningSockets(address, std::move(sockets));
}

ListeningSockets::ListeningSockets(ListeningSockets&& other) noexcept
    : address_(std::move(other.address_)), sockets_(std::exchange(other.sockets_, {})) {}

ListeningSockets::~ListeningSockets() {
  if (!sockets_.empty() && address_.is_unix()) unlink(address_.unix_path.c_str());
}

}  // namespace dunlin
