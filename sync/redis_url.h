#ifndef DUNLIN_SYNC_REDIS_URL_H_
#define DUNLIN_SYNC_REDIS_URL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dunlin {

inline constexpr uint16_t kRedisPortDefault = 6379;
inline constexpr uint16_t kSentinelPortDefault = 26379;

// Where something listens.
//
// Thread-safety: a plain value.
struct RedisAddress {
  // A name or an address, IPv6 without brackets.
  std::string host;
  uint16_t port = 0;

  friend bool operator==(const RedisAddress& a, const RedisAddress& b) { return a.host == b.host && a.port == b.port; }
  friend bool operator!=(const RedisAddress& a, const RedisAddress& b) { return !(a == b); }

  // "host:port" or "[host]:port".
  std::string Describe() const;
};

// Where a Redis is, or who knows where it is, and who we are to it.
//
// Thread-safety: a plain value.
struct RedisEndpoint {
  // A name or an address, IPv6 without brackets. Empty when `unix_path` or `sentinels` is set.
  std::string host;
  uint16_t port = kRedisPortDefault;
  // The absolute path of a Unix socket; empty for TCP.
  std::string unix_path;
  // Empty: the user "default".
  std::string username;
  // Empty: no AUTH.
  std::string password;
  uint32_t database = 0;

  // Who knows where the Redis is that takes writes; empty when `host` or `unix_path` says it.
  std::vector<RedisAddress> sentinels = {};
  // What the sentinels call it.
  std::string master_name = {};
  // The sentinels' own password; empty: no AUTH to them.
  std::string sentinel_password = {};
  // Whether this is itself a sentinel, not a Redis: messages then call it so.
  bool is_sentinel = false;

  // The endpoint as a URL with the password hidden, for logs and messages.
  std::string Describe() const;
};

// Reads one of
//   redis://[[user]:password@]host[:port][/database]
//   redis://[[user]:password@][2001:db8::1][:port][/database]
//   redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/master-name[/database]
//   unix:///path/to/socket[?db=database]
// where user, password, host, master's name and path may be percent-encoded. The second form is the one that Redis' own
// libraries have adopted from Python's redis-sentinel-url; `sentinel://` is short for it. Its hosts are sentinels,
// while user, password and database are those of the Redis behind them.
//
// Errors: kInvalidArgument, naming the faulty part and the form expected; a message never holds the password.
absl::StatusOr<RedisEndpoint> ParseRedisUrl(absl::string_view url);

}  // namespace dunlin

#endif  // DUNLIN_SYNC_REDIS_URL_H_
