#ifndef DUNLIN_SERVER_LISTENING_SOCKETS_H_
#define DUNLIN_SERVER_LISTENING_SOCKETS_H_

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/file_descriptor.h"
#include "server/listen_address.h"

namespace dunlin {

// ListeningSockets are the sockets of one address. A host name such as localhost may stand for several addresses of the
// machine; all of them get the same port.
//
// gRPC could bind by itself, but then the reason of a failure is only known to its own log; here it is a Status.
//
// Thread-safety: immutable.
class ListeningSockets {
 public:
  // Binds and listens. A Unix socket on which nobody listens any more is replaced.
  //
  // Errors, each naming the address, the reason and the remedy: kFailedPrecondition when the address is in use, not one
  // of this machine, or not allowed; kInvalidArgument when the host cannot be resolved.
  static absl::StatusOr<ListeningSockets> Open(const ListenAddress& address);

  ListeningSockets(ListeningSockets&& other) noexcept;
  ListeningSockets& operator=(ListeningSockets&&) = delete;

  // Closes the sockets and removes the path of a Unix socket.
  ~ListeningSockets();

  // The address with the port that was bound.
  const ListenAddress& address() const { return address_; }

  const std::vector<FileDescriptor>& sockets() const { return sockets_; }

 private:
  ListeningSockets(ListenAddress address, std::vector<FileDescriptor> sockets)
      : address_(std::move(address)), sockets_(std::move(sockets)) {}

  static absl::StatusOr<ListeningSockets> OpenTcp(const ListenAddress& address);
  static absl::StatusOr<ListeningSockets> OpenUnix(const ListenAddress& address);

  ListenAddress address_;
  // Empty once moved from.
  std::vector<FileDescriptor> sockets_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_LISTENING_SOCKETS_H_
