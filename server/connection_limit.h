#ifndef DUNLIN_SERVER_CONNECTION_LIMIT_H_
#define DUNLIN_SERVER_CONNECTION_LIMIT_H_

#include <sys/types.h>

#include <cstddef>
#include <vector>

#include "absl/time/time.h"
#include "server/file_descriptor.h"

namespace dunlin {

// How many files and sockets the system lets this process have open at once (ulimit -n).
size_t OpenFilesMax();

// How many connections of clients leave room for everything else, of `open_files_max`.
size_t ConnectionsMaxFor(size_t open_files_max);

// ConnectionLimit knows which of the connections that were handed to gRPC are still open, and whether one more may be.
//
// gRPC takes a descriptor over and closes it without telling anybody. So a connection is known by its descriptor and
// its inode: as long as the two belong together, it is open, for the system gives a socket's inode to no other file. It
// is looked at only when there seems to be no room, and then not more often than every kConnectionCheckPeriod: a
// connection that has ended may make room that much later.
//
// Thread-safety: one thread at a time.
class ConnectionLimit {
 public:
  explicit ConnectionLimit(size_t connections_max) : connections_max_(connections_max) {}

  // Whether another connection may be open.
  bool HasRoom(absl::Time now);

  // Counts `connection` until somebody closes it.
  void Add(const FileDescriptor& connection);

  size_t connections_max() const { return connections_max_; }

 private:
  struct Connection {
    int fd = -1;
    ino_t inode = 0;
  };

  const size_t connections_max_;
  // Those open at the last look, and those added since.
  std::vector<Connection> connections_;
  absl::Time next_check_ = absl::InfinitePast();
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_CONNECTION_LIMIT_H_
