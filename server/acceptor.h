#ifndef DUNLIN_SERVER_ACCEPTOR_H_
#define DUNLIN_SERVER_ACCEPTOR_H_

#include <cstddef>
#include <functional>
#include <thread>

#include "server/connection_limit.h"
#include "server/file_descriptor.h"
#include "server/limits.h"
#include "server/listening_sockets.h"
#include "storage/logger.h"

namespace dunlin {

// Acceptor is the thread that takes new connections from listening sockets.
//
// It survives running out of file descriptors or memory, which makes gRPC's own accept loop deaf for good: it says so,
// pauses, and tries again. It does not come to that as long as the limit of connections holds: those beyond it are
// accepted and closed at once. Left waiting instead, they would look established to their clients and to a load
// balancer's check, and hang; closed, they are an error at once, and the client tries another replica.
//
// Thread-safety: immutable; constructed and destroyed by its owner.
class Acceptor {
 public:
  // Called on the acceptor's thread with each new connection, a non-blocking socket, and the listening socket it came
  // from.
  using ConnectionHandler = std::function<void(int listening_fd, FileDescriptor connection)>;

  // Starts accepting; up to `connections_max` connections may be open at once.
  // REQUIRES: `logger` outlives the acceptor.
  Acceptor(ListeningSockets sockets, size_t connections_max, ConnectionHandler handler, Logger* logger);

  // Stops accepting and closes the sockets; connections in their queue are refused.
  ~Acceptor();

  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  void Run();
  // Takes one waiting connection. Returns false when that failed for want of resources.
  bool AcceptOne(int listening_fd);
  // Hands a connection over, or closes it.
  void Take(int listening_fd, FileDescriptor connection);

  const ListeningSockets sockets_;
  const ConnectionHandler handler_;
  Logger* const logger_;
  LogThrottle shortage_log_;
  LogThrottle limit_log_;
  // An eventfd, readable once the thread is to stop.
  const FileDescriptor stop_;
  // Used by the thread alone.
  ConnectionLimit limit_;
  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_ACCEPTOR_H_
