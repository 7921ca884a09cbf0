#ifndef DUNLIN_SERVER_ACCEPTOR_H_
#define DUNLIN_SERVER_ACCEPTOR_H_

#include <functional>
#include <thread>

#include "server/file_descriptor.h"
#include "server/limits.h"
#include "server/listening_sockets.h"
#include "storage/logger.h"

namespace dunlin {

// Acceptor is the thread that takes new connections from listening sockets.
//
// It survives running out of file descriptors or memory, which makes gRPC's own accept loop deaf for good: it says so,
// pauses, and tries again.
//
// Thread-safety: immutable; constructed and destroyed by its owner.
class Acceptor {
 public:
  // Called on the acceptor's thread with each new connection, a non-blocking socket, and the listening socket it came
  // from.
  using ConnectionHandler = std::function<void(int listening_fd, FileDescriptor connection)>;

  // Starts accepting.
  // REQUIRES: `logger` outlives the acceptor.
  Acceptor(ListeningSockets sockets, ConnectionHandler handler, Logger* logger);

  // Stops accepting and closes the sockets; connections in their queue are refused.
  ~Acceptor();

  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  void Run();
  // Takes one waiting connection. Returns false when that failed for want of resources.
  bool AcceptOne(int listening_fd);

  const ListeningSockets sockets_;
  const ConnectionHandler handler_;
  Logger* const logger_;
  LogThrottle shortage_log_;
  // An eventfd, readable once the thread is to stop.
  const FileDescriptor stop_;
  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_ACCEPTOR_H_
