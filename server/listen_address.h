#ifndef DUNLIN_SERVER_LISTEN_ADDRESS_H_
#define DUNLIN_SERVER_LISTEN_ADDRESS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dunlin {

// Where a server listens: a TCP port of a host, or a Unix socket.
struct ListenAddress {
  // A name or a numeric address, without brackets. Empty for a Unix socket.
  std::string host;
  // 0 lets the system choose.
  uint16_t port = 0;
  // The path of a Unix socket; empty for TCP.
  std::string unix_path;

  bool is_unix() const { return !unix_path.empty(); }

  // The address in the form that ParseListenAddress() reads.
  std::string ToString() const;
};

// Reads `host:port`, `[v6 address]:port` or `unix:path`. The host is required: listening on every interface has to be
// asked for, as 0.0.0.0 or [::], because a server may have no other protection than its address.
//
// Errors: kInvalidArgument, saying which form is expected; the text itself is left for the caller to name.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_LISTEN_ADDRESS_H_
