#ifndef DUNLIN_SERVER_OPTIONS_H_
#define DUNLIN_SERVER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/connection_limit.h"
#include "server/limits.h"
#include "server/logging.h"
#include "server/secret.h"
#include "storage/limits.h"
#include "storage/store_check.h"

namespace dunlin {

// Whether a write is on disk when it is answered.
enum class Durability {
  kSync,
  // Answers before the disk has the write: a power failure or a crash of the system loses the last ones.
  kLoseOnPowerFailure,
};

// How a replica is to run. Every member is a flag of the same name; `dunlind --help` explains them.
struct Options {
  std::string data_dir;
  std::string listen = "127.0.0.1:7700";
  // Empty: none is written.
  std::string port_file;

  // A URL that ParseRedisUrl() accepts. Empty: stand-alone.
  Secret redis;
  // The first line of --redis-password-file.
  Secret redis_password;
  // The first line of --redis-sentinel-password-file.
  Secret redis_sentinel_password;
  std::string namespace_name = "default";
  std::string replica_id;
  absl::Duration offline_patience = kOfflinePatienceDefault;
  size_t ring_slots = kRingSlotsDefault;
  absl::Duration tombstone_horizon = kTombstoneHorizonDefault;
  size_t outbox_quota_bytes = kOutboxQuotaBytesDefault;
  // Zero: as long as the tombstone horizon.
  absl::Duration outbox_age_max = absl::ZeroDuration();

  LogFormat log_format = LogFormat::kText;
  LogLevel log_level = LogLevel::kInfo;

  Durability durability = Durability::kSync;
  StoreCheck store_check = StoreCheck::kOff;
  size_t value_size_max_bytes = kValueSizeMaxBytesDefault;
  size_t database_quota_bytes = kDatabaseQuotaBytesDefault;
  size_t database_map_size_bytes = kDatabaseMapSizeBytesDefault;

  size_t rpc_threads = RpcThreadsFor(std::thread::hardware_concurrency());
  size_t watch_streams_max = kWatchStreamsMaxDefault;
  absl::Duration watch_heartbeat = kWatchHeartbeatPeriod;
  size_t connections_max = ConnectionsMaxFor(OpenFilesMax());
  uint32_t connection_streams_max = kConnectionStreamsMaxDefault;
  size_t metadata_size_max_bytes = kMetadataSizeMaxBytesDefault;
  absl::Duration drain_timeout = kDrainTimeout;
};

// What was asked for is a text: print it and exit with 0.
struct TextRequest {
  std::string text;
};

using ParsedOptions = std::variant<Options, TextRequest>;

// Returns the value of an environment variable, or null: getenv() or a test's own.
using Environment = std::function<const char*(const char* name)>;

// The exit code for options that cannot be used.
inline constexpr int kUsageExitCode = 2;

// Reads how the replica is to run. A flag counts for more than its environment variable (--data-dir: DUNLIN_DATA_DIR;
// an empty one counts as unset), that more than its key in the file given by --config (`data-dir = "/srv/dunlin"`), and
// that more than the default. Reads the configuration and password files; creates nothing.
//
// `arguments` is the command line without the program's name.
//
// Errors: kInvalidArgument, to be printed before exiting with kUsageExitCode: it names the option and where it was set,
// the value, the limit and the remedy. Passwords are never part of it.
absl::StatusOr<ParsedOptions> ParseOptions(const std::vector<std::string>& arguments, const Environment& environment);

// Returns each option's name and value, for the log; "(set)" in place of secrets.
std::vector<std::pair<std::string, std::string>> DescribeOptions(const Options& options);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_OPTIONS_H_
