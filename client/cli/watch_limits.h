#ifndef DUNLIN_CLIENT_CLI_WATCH_LIMITS_H_
#define DUNLIN_CLIENT_CLI_WATCH_LIMITS_H_

#include <cstdint>
#include <limits>

namespace dunlin::client::cli {

// How much of a watch stream is shown.
struct WatchLimits {
  uint64_t events = std::numeric_limits<uint64_t>::max();  // Ends after so many; markers do not count.
  bool heartbeats = false;                                 // Also shows heartbeats.
};

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_WATCH_LIMITS_H_
