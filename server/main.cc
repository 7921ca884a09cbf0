// dunlind: one replica. The only place that names concrete types and wires them.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/build_info.h"
#include "server/kv_service.h"
#include "server/logging.h"
#include "server/options.h"
#include "server/process_memory.h"
#include "server/readiness_loop.h"
#include "server/replica_parts.h"
#include "server/replica_service.h"
#include "server/rpc_server.h"
#include "server/serving_gate.h"
#include "server/signals.h"
#include "server/watch_service.h"
#include "storage/change_feed.h"
#include "storage/clock.h"
#include "storage/committer.h"
#include "storage/hybrid_clock.h"
#include "storage/limits.h"
#include "storage/logger.h"
#include "storage/status_macros.h"
#include "storage/store.h"
#include "sync/follower.h"
#include "sync/redis_url.h"
#include "sync/replicator.h"

namespace dunlin {
namespace {

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const Options& options, HybridClock* clock, Logger* logger) {
  Store::Options store;
  store.directory = options.data_dir;
  store.replication_namespace = options.namespace_name;
  store.map_size_bytes = options.database_map_size_bytes;
  store.sync = options.durability == Durability::kSync;
  store.check = options.store_check;
  store.logger = logger;
  return Store::Open(store, clock);
}

// Null when the replica stands alone.
absl::StatusOr<std::unique_ptr<Replicator>> MakeReplicator(const Options& options, const Replicator::Parts& parts) {
  if (options.redis.empty()) {
    return nullptr;
  }
  Replicator::Options replicator;
  DUNLIN_ASSIGN_OR_RETURN(replicator.endpoint, ParseRedisUrl(options.redis.Reveal()));
  if (!options.redis_password.empty()) {
    replicator.endpoint.password = options.redis_password.Reveal();
  }
  replicator.endpoint.sentinel_password = options.redis_sentinel_password.Reveal();
  replicator.replication_namespace = options.namespace_name;
  replicator.replica_id = options.replica_id;
  replicator.ring_slots = options.ring_slots;
  replicator.tombstone_horizon = options.tombstone_horizon;
  return Replicator::Create(replicator, parts);
}

Committer::Options CommitterOptions(const Options& options, Logger* logger) {
  Committer::Options committer;
  committer.logger = logger;
  committer.quota_bytes = options.database_quota_bytes;
  committer.standalone = options.redis.empty();
  committer.outbox_quota_bytes = options.outbox_quota_bytes;
  committer.outbox_age_max =
      options.outbox_age_max == absl::ZeroDuration() ? options.tombstone_horizon : options.outbox_age_max;
  committer.tombstone_horizon = options.tombstone_horizon;
  return committer;
}

RpcServerOptions ServerOptions(const Options& options) {
  RpcServerOptions server;
  server.listen = options.listen;
  server.connections_max = options.connections_max;
  server.connection_streams_max = options.connection_streams_max;
  server.rpc_threads = options.rpc_threads;
  server.metadata_size_max_bytes = options.metadata_size_max_bytes;
  return server;
}

absl::Status WritePortFile(const std::string& path, uint16_t port) {
  if (path.empty()) {
    return absl::OkStatus();
  }
  // Renamed into place, so that whoever waits for the file never reads half a number.
  const std::string temporary = path + ".new";
  std::ofstream file(temporary);
  file << port << "\n";
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::PermissionDeniedError(absl::StrCat("--port-file ", path, " cannot be written"));
  }
  return absl::OkStatus();
}

// Gives the outbox a chance to reach Redis. What does not get there is sent after the next start.
void FlushOutbox(const ReplicaParts& parts, absl::Duration patience) {
  if (parts.replicator == nullptr || parts.store->state().outbox_depth == 0 ||
      parts.replicator->status().follower.state == Follower::State::kOffline) {
    return;
  }
  // Shared, so that it outlives whoever is still on the way out of set_value().
  const auto answered = std::make_shared<std::promise<void>>();
  // Whatever Redis does, the answer comes within the patience.
  parts.replicator->WaitForOutbox(parts.store->state().revision, patience,
                                  [answered](const absl::Status&) { answered->set_value(); });
  answered->get_future().wait();
}

// Serves until told to stop. Returns the moment by which all has to have ended.
absl::StatusOr<absl::Time> ServeUntilSignal(const Options& options, const RpcServer& server, StopSignals* signals,
                                            Logger* logger) {
  DUNLIN_RETURN_IF_ERROR(WritePortFile(options.port_file, server.address().port));
  logger->Info("listening", {{"address", server.address().ToString()}});
  const int signal = signals->Wait();
  logger->Info("draining", {{"signal", signal}});
  return absl::Now() + options.drain_timeout;
}

// Runs a replica until it is told to stop. The order of the declarations is the order of the start; the end, in the
// opposite order, is the list in docs/ARCHITECTURE.md.
absl::Status RunReplica(const Options& options, StopSignals* signals, Logger* logger) {
  const MemoryTrimmer trimmer;
  const SystemClock system_clock;
  const BootClock boot_clock;
  HybridClock clock(&system_clock, &boot_clock);
  DUNLIN_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store, OpenStore(options, &clock, logger));
  ChangeFeed feed;
  Committer committer(CommitterOptions(options, logger), store.get(), &clock, &feed);
  DUNLIN_ASSIGN_OR_RETURN(const std::unique_ptr<Replicator> replicator,
                          MakeReplicator(options, {store.get(), &committer, &feed, &clock, logger}));

  ServingGate gate;
  ReplicaParts parts;
  parts.store = store.get();
  parts.committer = &committer;
  parts.feed = &feed;
  parts.clock = &clock;
  parts.replicator = replicator.get();
  parts.gate = &gate;
  parts.value_size_max_bytes = options.value_size_max_bytes;
  WatchService watches({options.watch_streams_max, options.watch_heartbeat}, parts);
  KVServiceImpl kv_service(parts, &watches);
  ReplicaServiceImpl replica_service({options.replica_id, options.namespace_name}, parts, &watches);
  DUNLIN_ASSIGN_OR_RETURN(const std::unique_ptr<RpcServer> server,
                          RpcServer::Start(ServerOptions(options), {&kv_service, &replica_service}, logger));
  server->AtShutdown([&] { watches.Shutdown(options.drain_timeout / 2); });
  // It also answers the calls that wait for Redis to have their writes.
  server->AtShutdown([&] { FlushOutbox(parts, options.drain_timeout / 4); });
  // Who waits for a Redis that does not answer hears why: gRPC would cancel the call without a word of ours.
  server->AtShutdown([&] {
    if (replicator != nullptr) {
      replicator->TurnAway(options.drain_timeout / 8);
    }
  });
  server->AtShutdown([&] { replica_service.Shutdown(); });
  if (replicator != nullptr) {
    replicator->Start();
  }
  ReadinessLoop readiness(options.offline_patience, parts, &gate, server.get(), logger);
  const absl::StatusOr<absl::Time> told = ServeUntilSignal(options, *server, signals, logger);
  // After an error, too, the parts end in this order: calls under way refer to them.
  const absl::Time deadline = told.ok() ? *told : absl::Now();
  readiness.Drain();
  server->Shutdown(deadline);
  FlushOutbox(parts, std::max(absl::ZeroDuration(), deadline - absl::Now()) / 2);
  if (replicator != nullptr) {
    replicator->Stop();
  }
  committer.Stop();
  logger->Info("stopped");
  return told.status();
}

// So that a log tells how the replica was run that wrote it.
void LogOptions(const Options& options, Logger* logger) {
  const std::vector<std::pair<std::string, std::string>> described = DescribeOptions(options);
  std::vector<LogField> fields;
  for (const auto& [name, value] : described) {
    fields.emplace_back(name, value);
  }
  logger->Info("options", fields);
}

int Main(int argc, char** argv) {
  LimitSpareMemory();
  StopSignals signals;
  // The system's Abseil looks for deadlocks at every lock, which costs some percent of all work.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  absl::StatusOr<ParsedOptions> parsed = ParseOptions(arguments, [](const char* name) { return std::getenv(name); });
  if (!parsed.ok()) {
    std::cerr << "dunlind: " << parsed.status().message() << "\n";
    return kUsageExitCode;
  }
  if (const auto* text = std::get_if<TextRequest>(&*parsed)) {
    std::cout << text->text;
    return 0;
  }
  const Options& options = std::get<Options>(*parsed);
  // Never deleted: libraries log until the very end of the process.
  Logger* const logger = MakeLogger(options.log_format, options.log_level).release();
  CaptureLibraryLogs(logger);
  logger->Info("dunlind", {{"version", GetBuildInfo().version}, {"build", DescribeBuild(GetBuildInfo())}});
  LogOptions(options, logger);
  const absl::Status status = RunReplica(options, &signals, logger);
  if (!status.ok()) {
    logger->Error("cannot run", {{"error", status.ToString()}});
    std::cerr << "dunlind: " << status.message() << "\n";
    return kUsageExitCode;
  }
  return 0;
}

}  // namespace
}  // namespace dunlin

int main(int argc, char** argv) { return dunlin::Main(argc, argv); }
