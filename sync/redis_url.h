#ifndef DUNLIN_SYNC_REDIS_URL_H_
#define DUNLIN_SYNC_REDIS_URL_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dunlin {

inline constexpr uint16_t kRedisPortDefault = 6379;

// Where a Redis is and who we are to it.
//
// Thread-safety: a plain value.
struct RedisEndpoint {
  // A name or an address, IPv6 without brackets. Empty when `unix_path` is set.
  std::string host;
  uint16_t port = kRedisPortDefault;
  // The absolute path of a Unix socket; empty for TCP.
  std::string unix_path;
  // Empty: the user "default".
  std::string username;
  // Empty: no AUTH.
  std::string password;
  uint32_t database = 0;

  // The endpoint as a URL with the password hidden, for logs and messages.
  std::string Describe() const;
};

// Reads one of
//   redis://[[user]:password@]host[:port][/database]
//   redis://[[user]:password@][2001:db8::1][:port][/database]
//   unix:///path/to/socket[?db=database]
// where user, password, host and path may be percent-encoded.
//
// Errors: kInvalidArgument, naming the faulty part and the form expected; a message never holds the password.
absl::StatusOr<RedisEndpoint> ParseRedisUrl(absl::string_view url);

}  // namespace dunlin

#endif  // DUNLIN_SYNC_REDIS_URL_H_
