// Watching: what it costs a replica beside a gRPC server that does nothing but write to streams, and beside etcd. Each
// server is started anew for each round, since what a process once took for streams it seldom gives back.

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/benchmarks/bench.h"
#include "tests/benchmarks/data_set.h"
#include "tests/benchmarks/load/grpc_target.h"
#include "tests/benchmarks/load/stream_load.h"
#include "tests/benchmarks/rivals/dialect.h"
#include "tests/benchmarks/rivals/servers.h"
#include "tests/support/process_usage.h"

namespace dunlin::bench {
namespace {

constexpr size_t kManyStreams = 10'000;
constexpr size_t kHotStreams = 1'000;
constexpr int kHotPuts = 100;
// Ten thousand streams that have just been opened leave the server, and the machine, with work that is none of the
// writes'.
constexpr absl::Duration kSettling = absl::Seconds(2);

// What was measured of one server, by name: a value for each round.
using Figures = std::map<std::string, std::vector<double>>;

class WatchedServer {
 public:
  WatchedServer(const BenchOptions& options, const Server& server, const Dialect& dialect, Figures* figures)
      : options_(options), server_(server), dialect_(dialect), figures_(*figures), put_(PutTarget()) {
    // The first calls make what the server keeps for all.
    PutFor(absl::Milliseconds(200), [](uint64_t) { return "warm"; });
  }

  void MeasureAll() {
    MeasureIdle();
    MeasureWrites();
    MeasureHotKey();
  }

  // What a write costs that one stream is told of: the same writes, first with one stream that watches all of the keys,
  // then with one for each. And writes of one key, whose stream is the only one, or one of those.
  void MeasureWrites() {
    PutAll();
    const auto own_key = [this](size_t i) { return dialect_.watch(DataSetKey(i)); };
    const auto first_key = [](uint64_t) { return DataSetKey(0); };
    figures_["write of one key with 1 stream, us"].push_back(WriteCost(Streams(1, own_key), first_key));
    figures_["write of one key with 10,000 streams, us"].push_back(
        WriteCost(Streams(kManyStreams, own_key), first_key));
    const auto any_key = [](uint64_t i) { return DataSetKey(i * 7919 % kManyStreams); };
    figures_["write with 1 stream, us"].push_back(
        WriteCost(Streams(1, [this](size_t) { return dialect_.watch_prefix(kDataSetPrefix); }), any_key));
    figures_["write with 10,000 streams, us"].push_back(WriteCost(Streams(kManyStreams, own_key), any_key));
  }

 private:
  // One call at a time, of the key that next_key_ names.
  GrpcTarget::Options PutTarget() {
    GrpcTarget::Options target;
    target.address = server_.address();
    target.method = dialect_.put_method;
    target.connections = 1;
    target.slots = 1;
    target.next_request = [this]() -> const grpc::ByteBuffer& {
      request_ = dialect_.put(next_key_(puts_), DataSetValue(puts_));
      ++puts_;
      return request_;
    };
    return target;
  }

  StreamLoad::Options Streams(size_t streams, std::function<grpc::ByteBuffer(size_t stream)> request_of) const {
    StreamLoad::Options load;
    load.address = server_.address();
    load.method = dialect_.watch_method;
    load.streams = streams;
    load.request_of = std::move(request_of);
    load.read = dialect_.read;
    return load;
  }

  LoadResult PutFor(absl::Duration duration, std::function<std::string(uint64_t)> next_key) {
    next_key_ = std::move(next_key);
    LoadPlan plan;
    plan.outstanding = 1;
    plan.warm_up = absl::Milliseconds(100);
    plan.duration = duration;
    return RunLoad(plan, {server_.pid()}, &put_);
  }

  // Puts each key once: what follows replaces.
  void PutAll() {
    next_key_ = DataSetKey;
    for (puts_ = 0; puts_ < kManyStreams;) {
      put_.Start(0);
      put_.Next(absl::InfiniteFuture());
    }
  }

  double WriteCost(const StreamLoad::Options& streams, std::function<std::string(uint64_t)> next_key) {
    StreamLoad load(streams);
    // Nothing is written, so that this is the time that passes.
    load.AwaitEvents(1, kSettling);
    const uint64_t before = puts_;
    const LoadResult result = PutFor(options_.window, std::move(next_key));
    // Each write has reached exactly one stream, unless some were made one.
    load.AwaitEvents(puts_ - before, absl::Seconds(5));
    return result.ServerCpuMicroseconds();
  }

  void MeasureIdle() {
    const int64_t before = AnonymousBytes(server_.pid());
    StreamLoad load(Streams(kManyStreams, [this](size_t i) { return dialect_.watch(DataSetKey(i)); }));
    figures_["memory of an idle stream, KiB"].push_back(static_cast<double>(AnonymousBytes(server_.pid()) - before) /
                                                        kManyStreams / 1024);
    const absl::Duration idle = 5 * options_.window;
    const absl::Duration cpu_before = ProcessorTime(server_.pid());
    load.AwaitEvents(1, idle);
    figures_["CPU of 10,000 idle streams, ms/s"].push_back(
        absl::FDivDuration(ProcessorTime(server_.pid()) - cpu_before, idle) * 1000);
  }

  void MeasureHotKey() {
    StreamLoad load(Streams(kHotStreams, [this](size_t) { return dialect_.watch("hot"); }));
    next_key_ = [](uint64_t) { return "hot"; };
    const absl::Duration cpu_before = ProcessorTime(server_.pid());
    const absl::Time start = absl::Now();
    for (int i = 0; i < kHotPuts; ++i) {
      put_.Start(0);
      put_.Next(absl::InfiniteFuture());
      // One at a time, so that nothing is made one.
      load.AwaitEvents((static_cast<uint64_t>(i) + 1) * kHotStreams);
    }
    figures_["event to 1 of 1,000 streams, us"].push_back(
        absl::ToDoubleMicroseconds(ProcessorTime(server_.pid()) - cpu_before) / (1.0 * kHotPuts * kHotStreams));
    figures_["until 1,000 streams have it, ms"].push_back(absl::ToDoubleMilliseconds(absl::Now() - start) / kHotPuts);
  }

  const BenchOptions& options_;
  const Server& server_;
  const Dialect& dialect_;
  Figures& figures_;
  std::function<std::string(uint64_t)> next_key_;
  uint64_t puts_ = 0;
  grpc::ByteBuffer request_;
  GrpcTarget put_;
};

// What was measured of each server.
struct Sides {
  Figures dunlin;
  // Without heartbeats.
  Figures quiet;
  Figures bare;
  Figures etcd;
};

std::vector<Result> ResultsOf(bool has_etcd, Sides* sides) {
  auto& [dunlin, quiet, bare, etcd] = *sides;
  const auto beside = [](const char* name, const char* unit, const std::string& figure, Figures* ours,
                         const char* baseline, Figures* theirs, Goal goal = {}) {
    return Compare(name, unit, (*ours)[figure], baseline, (*theirs)[figure], goal);
  };
  const std::string one_key_one = "write of one key with 1 stream, us";
  const std::string one_key_many = "write of one key with 10,000 streams, us";
  const std::string one = "write with 1 stream, us";
  const std::string many = "write with 10,000 streams, us";
  std::vector<Result> results = {
      beside("watcher_memory", "KiB", "memory of an idle stream, KiB", &dunlin, "bare gRPC stream", &bare,
             Goal::AtMost(1.4)),
      beside("watcher_idle_cpu", "ms/s", "CPU of 10,000 idle streams, ms/s", &dunlin, "10,000 bare gRPC streams",
             &bare),
      Compare("fanout_routes", "us", quiet[many], "the same with 1 watcher", quiet[one], Goal::AtMost(1.1)),
      Compare("fanout_routes_one_key", "us", quiet[one_key_many], "the same with 1 watcher", quiet[one_key_one],
              Goal::AtMost(1.1)),
      Compare("fanout_routes_one_key_bare", "us", bare[one_key_many], "the same with 1 watcher", bare[one_key_one]),
      Compare("fanout_routes_heartbeats", "us", dunlin[many], "the same with 1 watcher", dunlin[one]),
      Compare("fanout_routes_bare", "us", bare[many], "the same with 1 watcher", bare[one]),
      beside("hot_key_cpu", "us", "event to 1 of 1,000 streams, us", &dunlin, "bare gRPC stream", &bare),
      beside("hot_key_latency", "ms", "until 1,000 streams have it, ms", &dunlin, "bare gRPC streams", &bare),
  };
  if (has_etcd) {
    const std::vector<Result> more = {
        beside("watcher_memory_vs_etcd", "KiB", "memory of an idle stream, KiB", &dunlin, "etcd", &etcd),
        beside("watcher_idle_vs_etcd", "ms/s", "CPU of 10,000 idle streams, ms/s", &dunlin, "etcd", &etcd),
        Compare("fanout_routes_etcd", "us", etcd[many], "the same with 1 watcher", etcd[one]),
        beside("hot_key_cpu_vs_etcd", "us", "event to 1 of 1,000 streams, us", &dunlin, "etcd", &etcd),
        beside("hot_key_latency_vs_etcd", "ms", "until 1,000 streams have it, ms", &dunlin, "etcd", &etcd),
    };
    results.insert(results.end(), more.begin(), more.end());
  }
  return results;
}

}  // namespace

Report MeasureWatch(const BenchOptions& options) {
  const Dialect dunlin_dialect = DunlinDialect();
  const Dialect etcd_dialect = EtcdDialect();
  const bool has_etcd = !EtcdServer::Program().empty();
  Sides sides;
  for (size_t round = 0; round < options.rounds; ++round) {
    options.progress(absl::StrCat("watch: round ", round + 1, " of ", options.rounds));
    {
      const DunlinServer server;
      WatchedServer(options, server, dunlin_dialect, &sides.dunlin).MeasureAll();
    }
    {
      // Its heartbeats are those of the streams, not of the writes.
      const DunlinServer server({"--watch-heartbeat", "1h"});
      WatchedServer(options, server, dunlin_dialect, &sides.quiet).MeasureWrites();
    }
    {
      const FloorServer server("stream_server");
      WatchedServer(options, server, dunlin_dialect, &sides.bare).MeasureAll();
    }
    if (has_etcd) {
      const EtcdServer server;
      WatchedServer(options, server, etcd_dialect, &sides.etcd).MeasureAll();
    }
  }
  return {ResultsOf(has_etcd, &sides)};
}

}  // namespace dunlin::bench
