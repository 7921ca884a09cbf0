#ifndef DUNLIN_TESTS_SUPPORT_PROXY_LINK_H_
#define DUNLIN_TESTS_SUPPORT_PROXY_LINK_H_

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace dunlin {

// How a link is treated at the moment.
//
// Thread-safety: a plain value.
struct LinkConditions {
  // Otherwise nothing is read, written or connected: whatever is sent waits where it is.
  bool forward = true;
  // How long each byte stays here, each way.
  absl::Duration delay;
  // Bytes that leave here in a second, each way; 0: as many as come.
  size_t bytes_per_second = 0;
  // From which address of this machine, in host order, a new link comes to the server; 0: from the usual one.
  uint32_t source_address = 0;
};

// ProxyLink carries bytes between a client that has connected and a server on 127.0.0.1, each way for itself, with a
// bounded buffer. FaultProxy drives it: it never blocks.
//
// Thread-safety: one thread at a time.
class ProxyLink {
 public:
  using Rewrite = std::function<void(std::string*)>;

  // Takes `client`, a connected socket. `rewrite`, which may be empty, changes what the server sends, piece by piece.
  ProxyLink(int client, const Rewrite& rewrite);
  // Resets what is still open.
  ~ProxyLink();
  ProxyLink(const ProxyLink&) = delete;
  ProxyLink& operator=(const ProxyLink&) = delete;

  // Adds what the next Step() waits for, and brings `wake` forward to when it is due anyway.
  void AddInterest(const LinkConditions& conditions, absl::Time now, std::vector<pollfd>* polled,
                   absl::Time* wake) const;

  // The port from which the link comes to the server, by which the server knows it; 0 until it is connected.
  uint16_t source_port() const { return source_port_; }

  // Moves what can be moved, connecting to `target_port` first. Of what goes to the client no more than
  // `*to_client_max` bytes, which are deducted. Returns whether the link goes on.
  bool Step(const LinkConditions& conditions, uint16_t target_port, absl::Time now, size_t* to_client_max);

 private:
  struct Chunk {
    absl::Time due;
    std::string bytes;
  };
  // One way through the link.
  struct Way {
    int from = -1;
    int to = -1;
    std::deque<Chunk> chunks;
    size_t buffered_bytes = 0;
    // The sender has closed its side.
    bool ended = false;
    // That was passed on.
    bool passed_on = false;
    // When the rate allows the next bytes.
    absl::Time paced_until;
  };

  bool Connect(uint32_t source_address, uint16_t target_port);
  bool FinishConnecting();
  bool Read(Way* way, const LinkConditions& conditions, absl::Time now, bool from_server);
  bool Write(Way* way, const LinkConditions& conditions, absl::Time now, size_t* bytes_max);

  const Rewrite& rewrite_;
  const int client_;
  int server_ = -1;
  uint16_t source_port_ = 0;
  bool connecting_ = false;
  bool finished_ = false;
  Way to_server_;
  Way to_client_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_PROXY_LINK_H_
