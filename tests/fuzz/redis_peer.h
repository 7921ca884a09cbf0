#ifndef DUNLIN_TESTS_FUZZ_REDIS_PEER_H_
#define DUNLIN_TESTS_FUZZ_REDIS_PEER_H_

#include <atomic>
#include <thread>

#include "absl/strings/string_view.h"
#include "sync/redis_connection.h"
#include "sync/redis_url.h"
#include "tests/support/temp_dir.h"

namespace dunlin {

// RedisPeer is the other end of RedisConnections: it lets one connect, answers the greeting with OK, and then says what
// it is told, in the pieces it is told, and nothing else. All of that happens on the caller's thread but the accepting
// of a connection, during which the caller waits, so that a run is the same each time.
//
// Aborts the program when the system refuses a socket. Thread-safety: one thread at a time.
class RedisPeer {
 public:
  RedisPeer();
  ~RedisPeer();
  RedisPeer(const RedisPeer&) = delete;
  RedisPeer& operator=(const RedisPeer&) = delete;

  // Connects `connection` to this peer; the peer's last connection is closed first.
  absl::Status Connect(RedisConnection* connection, absl::Time deadline);

  // Writes `bytes`, which must fit the socket's buffer.
  void Send(absl::string_view bytes);

  // Says that nothing more will come.
  void HangUp();

 private:
  void Accept();

  const TempDir directory_;
  RedisEndpoint endpoint_;
  const int listener_;
  // The end of the latest connection. Released by the accepting thread before it answers the greeting, acquired by the
  // caller, which has heard that answer then.
  std::atomic<int> socket_{-1};
  std::thread acceptor_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_FUZZ_REDIS_PEER_H_
