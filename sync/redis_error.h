#ifndef DUNLIN_SYNC_REDIS_ERROR_H_
#define DUNLIN_SYNC_REDIS_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dunlin {

// What to do about an error of Redis or of the connection to it.
enum class RedisRemedy {
  kRetry,        // It passes: try again, on a new connection if this one is broken.
  kFindPrimary,  // This Redis takes no writes: resolve the endpoint and connect anew.
  kLoadScript,   // Redis does not know the script: load it and repeat the call.
  kStopAndTell,  // It stays until somebody acts: tell the operator, and try again slowly.
};

// Turns the text of an error reply into a status whose message says where (`where`, such as an endpoint), what Redis
// said and what to do. Never OK. The codes:
//   kUnavailable        kRetry        LOADING, BUSY, MASTERDOWN, TRYAGAIN, CLUSTERDOWN, NOREPLICAS, too many clients
//   kAborted            kFindPrimary  READONLY
//   kNotFound           kLoadScript   NOSCRIPT
//   kUnauthenticated    kStopAndTell  NOAUTH, WRONGPASS
//   kPermissionDenied   kStopAndTell  NOPERM, DENIED
//   kResourceExhausted  kStopAndTell  OOM
//   kFailedPrecondition kStopAndTell  WRONGTYPE, MISCONF, MOVED, ASK, DUNLINFORMAT, ...
//   kInternal           kStopAndTell  EXECABORT and whatever is not in the table
absl::Status RedisErrorToStatus(absl::string_view error, absl::string_view where);

// Whether Redis says this in place of its first answer, whatever was asked, and closes the connection.
bool IsTurnedAway(absl::string_view error);

// What to tell of a Redis whose maxmemory-policy, `policy`, lets it throw Dunlin's keys away: which thing is wrong,
// what comes of it and what to do. It is no error of any call.
std::string EvictionWarning(absl::string_view policy);

// The remedy for a status of RedisErrorToStatus(), RedisConnection or Relay: decided by its code.
// REQUIRES: `status` is not OK.
RedisRemedy RemedyOf(const absl::Status& status);

}  // namespace dunlin

#endif  // DUNLIN_SYNC_REDIS_ERROR_H_
