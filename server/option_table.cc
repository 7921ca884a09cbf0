#include "server/option_table.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/listen_address.h"
#include "server/option_values.h"
#include "server/small_file.h"
#include "storage/status_macros.h"
#include "sync/redis_url.h"

namespace dunlin {
namespace {

constexpr char kGeneral[] = "General";
constexpr char kFleet[] = "Fleet";
constexpr char kStore[] = "Store";
constexpr char kClients[] = "Clients";

// The sane range of what can be set; each end is far from where anybody should be.
constexpr uint64_t kRingSlotsMin = 2;
constexpr uint64_t kRingSlotsMax = uint64_t{1} << 24;
constexpr uint64_t kWatchStreamsMax = 1000000;
constexpr uint64_t kConnectionStreamsMax = 1000000;
constexpr uint64_t kMetadataSizeMinBytes = uint64_t{1} << 10;
constexpr uint64_t kMetadataSizeMaxBytes = uint64_t{1} << 20;
constexpr uint64_t kDatabaseSizeMinBytes = uint64_t{16} << 20;
// The address space of a process is 128 TiB.
constexpr uint64_t kDatabaseSizeMaxBytes = uint64_t{64} << 40;
constexpr absl::Duration kHeartbeatMin = absl::Milliseconds(100);
constexpr absl::Duration kHeartbeatMax = absl::Hours(1);
constexpr absl::Duration kDrainTimeoutMax = absl::Hours(1);
constexpr size_t kPasswordFileMaxBytes = size_t{4} << 10;

// The positions agree with the enumerations.
constexpr absl::string_view kLogFormats[] = {"text", "json"};
constexpr absl::string_view kLogLevels[] = {"debug", "info", "warning", "error"};
constexpr absl::string_view kDurabilities[] = {"sync", "lose-on-power-failure"};
constexpr absl::string_view kStoreChecks[] = {"off", "refuse", "rebuild"};

template <typename Value, typename Target>
absl::Status Assign(const absl::StatusOr<Value>& value, Target* target) {
  if (value.ok()) *target = static_cast<Target>(*value);
  return value.status();
}

absl::Status Assign(const absl::Status& check, absl::string_view value, std::string* target) {
  if (check.ok()) *target = std::string(value);
  return check;
}

template <size_t kCount, typename Enum>
absl::Status AssignChoice(absl::string_view value, const absl::string_view (&choices)[kCount], Enum* target) {
  return Assign(ParseChoice(value, {choices, choices + kCount}), target);
}

template <size_t kCount, typename Enum>
std::string ShowChoice(Enum value, const absl::string_view (&choices)[kCount]) {
  return std::string(choices[static_cast<size_t>(value)]);
}

std::string ShowSecret(const Secret& secret) { return secret.empty() ? "" : "(set)"; }

absl::Status CheckListen(absl::string_view value) {
  const absl::Status status = ParseListenAddress(value).status();
  return status.ok() ? status : absl::InvalidArgumentError(absl::StrCat("\"", value, "\": ", status.message()));
}

absl::Status ReadPassword(absl::string_view path, Secret* password) {
  DUNLIN_ASSIGN_OR_RETURN(const std::string content, ReadSmallFile(std::string(path), kPasswordFileMaxBytes));
  const std::vector<absl::string_view> lines = absl::StrSplit(content, '\n');
  // A file written on Windows ends its lines in two characters.
  const absl::string_view line = absl::StripSuffix(lines[0], "\r");
  if (line.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("the first line of ", path, " is empty; write the password there"));
  }
  *password = Secret(std::string(line));
  return absl::OkStatus();
}

std::vector<OptionRow> GeneralRows() {
  return {
      {"data-dir", "FOLDER", kGeneral, "Where the data is kept; created in an existing folder if need be. Required.",
       [](absl::string_view value, Options* options) {
         return Assign(CheckDataDirectory(std::string(value)), value, &options->data_dir);
       },
       [](const Options& options) { return options.data_dir; }},
      {"listen", "ADDRESS", kGeneral, "Where to serve: host:port, [v6 address]:port or unix:path; port 0 takes any.",
       [](absl::string_view value, Options* options) { return Assign(CheckListen(value), value, &options->listen); },
       [](const Options& options) { return options.listen; }},
      {"port-file", "FILE", kGeneral, "Written with the port once it is open, for scripts that start with port 0.",
       [](absl::string_view value, Options* options) {
         return Assign(CheckFolderOf(std::string(value)), value, &options->port_file);
       },
       [](const Options& options) { return options.port_file; }},
      {"log-format", "FORMAT", kGeneral, "text or json: one line a message on standard error.",
       [](absl::string_view value, Options* options) { return AssignChoice(value, kLogFormats, &options->log_format); },
       [](const Options& options) { return ShowChoice(options.log_format, kLogFormats); }},
      {"log-level", "LEVEL", kGeneral, "debug, info, warning or error.",
       [](absl::string_view value, Options* options) { return AssignChoice(value, kLogLevels, &options->log_level); },
       [](const Options& options) { return ShowChoice(options.log_level, kLogLevels); }},
      {"drain-timeout", "DURATION", kGeneral, "How long SIGTERM lets calls under way finish.",
       [](absl::string_view value, Options* options) {
         return Assign(ParsePeriod(value, absl::ZeroDuration(), kDrainTimeoutMax), &options->drain_timeout);
       },
       [](const Options& options) { return absl::FormatDuration(options.drain_timeout); }},
  };
}

std::vector<OptionRow> FleetRows() {
  return {
      {"redis", "URL", kFleet,
       "redis://[user:password@]host[:port][/db], "
       "redis+sentinel://[user:password@]sentinel[:port],.../master-name[/db] "
       "or unix:///path. Empty: stand-alone.",
       [](absl::string_view value, Options* options) {
         options->redis = Secret(std::string(value));
         return value.empty() ? absl::OkStatus() : ParseRedisUrl(value).status();
       },
       [](const Options& options) { return ShowSecret(options.redis); }},
      {"redis-password-file", "FILE", kFleet, "Its first line is the password, which then need not be in the URL.",
       [](absl::string_view value, Options* options) { return ReadPassword(value, &options->redis_password); },
       [](const Options& options) { return ShowSecret(options.redis_password); }},
      {"redis-sentinel-password-file", "FILE", kFleet, "Its first line is the password of the sentinels themselves.",
       [](absl::string_view value, Options* options) { return ReadPassword(value, &options->redis_sentinel_password); },
       [](const Options& options) { return ShowSecret(options.redis_sentinel_password); }},
      {"namespace", "NAME", kFleet, "Replicas of one namespace share their data: 1 to 64 of A-Z a-z 0-9 _ . -",
       [](absl::string_view value, Options* options) {
         return Assign(CheckNamespace(value), value, &options->namespace_name);
       },
       [](const Options& options) { return options.namespace_name; }},
      {"replica-id", "NAME", kFleet, "What this replica is called in its status. Default: the host's name.",
       [](absl::string_view value, Options* options) {
         return Assign(CheckReplicaId(value), value, &options->replica_id);
       },
       [](const Options& options) { return options.replica_id; }},
      {"offline-patience", "DURATION", kFleet,
       "How long a replica with data waits for Redis before it serves alone; inf: for ever.",
       [](absl::string_view value, Options* options) {
         return Assign(ParsePeriod(value, absl::ZeroDuration(), absl::InfiniteDuration()), &options->offline_patience);
       },
       [](const Options& options) { return absl::FormatDuration(options.offline_patience); }},
      {"ring-slots", "COUNT", kFleet, "Events from Redis that may wait to be applied; a power of two.",
       [](absl::string_view value, Options* options) {
         return Assign(ParsePowerOfTwo(value, kRingSlotsMin, kRingSlotsMax), &options->ring_slots);
       },
       [](const Options& options) { return absl::StrCat(options.ring_slots); }},
      {"tombstone-horizon", "DURATION", kFleet,
       "How long deleted keys are remembered; the same for all replicas. Who is away for longer rebuilds.",
       [](absl::string_view value, Options* options) {
         return Assign(ParsePeriod(value, kTombstoneHorizonMin, kTombstoneHorizonMax), &options->tombstone_horizon);
       },
       [](const Options& options) { return absl::FormatDuration(options.tombstone_horizon); }},
      {"outbox-quota", "SIZE", kFleet, "Writes are refused while more than this waits for Redis; deletes still pass.",
       [](absl::string_view value, Options* options) {
         return Assign(ParseSize(value, kOutboxQuotaMinBytes, kDatabaseSizeMaxBytes), &options->outbox_quota_bytes);
       },
       [](const Options& options) { return FormatSize(options.outbox_quota_bytes); }},
      {"outbox-age-max", "DURATION", kFleet,
       "Writes are refused while one has been waiting for Redis for longer. Default: the tombstone horizon.",
       [](absl::string_view value, Options* options) {
         return Assign(ParsePeriod(value, absl::Seconds(1), absl::InfiniteDuration()), &options->outbox_age_max);
       },
       [](const Options& options) {
         return absl::FormatDuration(options.outbox_age_max == absl::ZeroDuration() ? options.tombstone_horizon
                                                                                    : options.outbox_age_max);
       }},
  };
}

std::vector<OptionRow> StoreRows() {
  return {
      {"durability", "MODE", kStore,
       "sync: a write is on disk when answered. lose-on-power-failure: losing power may cost the latest writes, or "
       "all.",
       [](absl::string_view value, Options* options) {
         return AssignChoice(value, kDurabilities, &options->durability);
       },
       [](const Options& options) { return ShowChoice(options.durability, kDurabilities); }},
      {"store-check", "ACTION", kStore,
       "What to do at the start with a store that is damaged, which takes reading all of it. off: nothing. refuse: "
       "end. rebuild: set it aside and take all data from the fleet.",
       [](absl::string_view value, Options* options) {
         return AssignChoice(value, kStoreChecks, &options->store_check);
       },
       [](const Options& options) { return ShowChoice(options.store_check, kStoreChecks); }},
      {"value-size-max", "SIZE", kStore, "The largest value accepted, up to 3MiB.",
       [](absl::string_view value, Options* options) {
         return Assign(ParseSize(value, 1, kValueSizeMaxBytesHard), &options->value_size_max_bytes);
       },
       [](const Options& options) { return FormatSize(options.value_size_max_bytes); }},
      {"database-quota", "SIZE", kStore, "The size above which writes are refused; deletes still pass.",
       [](absl::string_view value, Options* options) {
         return Assign(ParseSize(value, kDatabaseSizeMinBytes, kDatabaseSizeMaxBytes), &options->database_quota_bytes);
       },
       [](const Options& options) { return FormatSize(options.database_quota_bytes); }},
      {"database-map-size", "SIZE", kStore, "The address space for the database; at least the quota.",
       [](absl::string_view value, Options* options) {
         return Assign(ParseSize(value, kDatabaseSizeMinBytes, kDatabaseSizeMaxBytes),
                       &options->database_map_size_bytes);
       },
       [](const Options& options) { return FormatSize(options.database_map_size_bytes); }},
  };
}

std::vector<OptionRow> ClientRows() {
  return {
      {"rpc-threads", "COUNT", kClients,
       "Threads that answer calls, each those of its own connections. Default: half the processors.",
       [](absl::string_view value, Options* options) {
         return Assign(ParseCount(value, 1, kRpcThreadsMax), &options->rpc_threads);
       },
       [](const Options& options) { return absl::StrCat(options.rpc_threads); }},
      {"watch-streams-max", "COUNT", kClients, "Watch streams served at once.",
       [](absl::string_view value, Options* options) {
         return Assign(ParseCount(value, 1, kWatchStreamsMax), &options->watch_streams_max);
       },
       [](const Options& options) { return absl::StrCat(options.watch_streams_max); }},
      {"watch-heartbeat", "DURATION", kClients, "How often an idle watch stream shows that it is alive.",
       [](absl::string_view value, Options* options) {
         return Assign(ParsePeriod(value, kHeartbeatMin, kHeartbeatMax), &options->watch_heartbeat);
       },
       [](const Options& options) { return absl::FormatDuration(options.watch_heartbeat); }},
      {"connections-max", "COUNT", kClients,
       "Connections open at once; more are closed at once. Default: what ulimit -n leaves.",
       [](absl::string_view value, Options* options) {
         return Assign(ParseCount(value, 1, kConnectionsMaxHard), &options->connections_max);
       },
       [](const Options& options) { return absl::StrCat(options.connections_max); }},
      {"max-connection-streams", "COUNT", kClients, "Calls under way on one connection; more have to wait.",
       [](absl::string_view value, Options* options) {
         return Assign(ParseCount(value, 1, kConnectionStreamsMax), &options->connection_streams_max);
       },
       [](const Options& options) { return absl::StrCat(options.connection_streams_max); }},
      {"max-metadata-size", "SIZE", kClients, "The most metadata that a call may carry.",
       [](absl::string_view value, Options* options) {
         return Assign(ParseSize(value, kMetadataSizeMinBytes, kMetadataSizeMaxBytes),
                       &options->metadata_size_max_bytes);
       },
       [](const Options& options) { return FormatSize(options.metadata_size_max_bytes); }},
  };
}

}  // namespace

const std::vector<OptionRow>& OptionTable() {
  static const auto* const kTable = [] {
    auto* table = new std::vector<OptionRow>;
    for (const std::vector<OptionRow>& rows : {GeneralRows(), FleetRows(), StoreRows(), ClientRows()}) {
      table->insert(table->end(), rows.begin(), rows.end());
    }
    return table;
  }();
  return *kTable;
}

absl::Status CheckTogether(const Options& options) {
  if (options.data_dir.empty()) {
    return absl::InvalidArgumentError("--data-dir is missing; name the folder to keep the data in");
  }
  if (options.database_quota_bytes > options.database_map_size_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("--database-quota ", FormatSize(options.database_quota_bytes), " is above --database-map-size ",
                     FormatSize(options.database_map_size_bytes), "; raise the map size or lower the quota"));
  }
  if (const size_t open_files = OpenFilesMax(); options.connections_max > ConnectionsMaxFor(open_files)) {
    return absl::InvalidArgumentError(absl::StrCat("--connections-max ", options.connections_max, " is above the ",
                                                   ConnectionsMaxFor(open_files), " for which the limit of ",
                                                   open_files, " open files leaves room; raise it (ulimit -n, or ",
                                                   "LimitNOFILE of systemd) or lower --connections-max"));
  }
  if (options.redis.empty() && !options.redis_password.empty()) {
    return absl::InvalidArgumentError("--redis-password-file is given, but --redis is not; give both or neither");
  }
  if (options.redis.empty() && options.store_check == StoreCheck::kRebuild) {
    return absl::InvalidArgumentError(
        "--store-check rebuild is given, but --redis is not: there is no fleet to rebuild from; give both, or refuse");
  }
  const absl::StatusOr<RedisEndpoint> endpoint = ParseRedisUrl(options.redis.Reveal());
  if (!options.redis_sentinel_password.empty() && (!endpoint.ok() || endpoint->sentinels.empty())) {
    return absl::InvalidArgumentError(
        "--redis-sentinel-password-file is given, but --redis names no sentinels; leave it out, or give a URL such as "
        "redis+sentinel://host:26379/mymaster");
  }
  return absl::OkStatus();
}

}  // namespace dunlin
