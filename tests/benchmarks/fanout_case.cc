// Fan-out under load: how many events reach many watchers of everything while 64 clients write as fast as they can, and
// what is left of the writing; beside a gRPC server that does nothing but send what it is given to its streams, encoded
// once and merged while a stream is busy, and beside etcd and NATS.

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "tests/benchmarks/bench.h"
#include "tests/benchmarks/data_set.h"
#include "tests/benchmarks/load/grpc_target.h"
#include "tests/benchmarks/load/nats_bucket.h"
#include "tests/benchmarks/load/nats_target.h"
#include "tests/benchmarks/load/stream_load.h"
#include "tests/benchmarks/rivals/dialect.h"
#include "tests/benchmarks/rivals/servers.h"

namespace dunlin::bench {
namespace {

constexpr size_t kStreams[] = {1, 100, 1000};
constexpr size_t kWriters = 64;
constexpr size_t kKeys = 1000;
// The library has a thread for each.
constexpr size_t kNatsWatchesMax = 100;

// What was measured of one server, by the number of streams: a value for each round.
struct Figures {
  std::map<size_t, std::vector<double>> events_per_second;
  std::map<size_t, std::vector<double>> puts_per_second;
};

class Fanout {
 public:
  Fanout(const BenchOptions& options, const Server& server, const Dialect& dialect)
      : options_(options),
        server_(server),
        dialect_(dialect),
        puts_(kKeys,
              [&dialect](uint64_t random) { return dialect.put(DataSetKey(random % kKeys), DataSetValue(random)); }),
        put_(PutTarget()) {}

  void Measure(size_t streams, Figures* figures) {
    StreamLoad::Options watch;
    watch.address = server_.address();
    watch.method = dialect_.watch_method;
    watch.streams = streams;
    watch.request_of = [this](size_t) { return dialect_.watch_prefix(kDataSetPrefix); };
    watch.read = dialect_.read;
    StreamLoad load(watch);
    LoadPlan plan;
    plan.outstanding = kWriters;
    plan.warm_up = absl::ZeroDuration();
    plan.duration = options_.window;
    const absl::Time start = absl::Now();
    const LoadResult result = RunLoad(plan, {server_.pid()}, &put_);
    const uint64_t events = load.events();
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
    figures->events_per_second[streams].push_back(static_cast<double>(events) / seconds);
    figures->puts_per_second[streams].push_back(result.CallsPerSecond());
  }

 private:
  GrpcTarget::Options PutTarget() {
    GrpcTarget::Options target;
    target.address = server_.address();
    target.method = dialect_.put_method;
    target.slots = kWriters;
    target.next_request = [this]() -> const grpc::ByteBuffer& { return puts_.Next(); };
    return target;
  }

  const BenchOptions& options_;
  const Server& server_;
  const Dialect& dialect_;
  RequestPool puts_;
  GrpcTarget put_;
};

// The same of NATS, each of whose watches is a consumer of the bucket's stream.
void MeasureNats(const BenchOptions& options, const NatsServer& nats, size_t watches, Figures* figures) {
  nats.Continue();
  std::atomic<uint64_t> events{0};
  NatsBucket bucket(nats.address());
  for (size_t i = 0; i < watches; ++i) {
    bucket.Watch(">", [&](absl::string_view, absl::string_view) { events.fetch_add(1, std::memory_order_relaxed); });
  }
  NatsTarget::Options target;
  target.address = nats.address();
  target.slots = kWriters;
  target.next_call = [random = std::minstd_rand()]() mutable {
    const uint64_t number = random();
    return NatsTarget::Call{NatsBucket::PutSubject(DataSetKey(number % kKeys)), DataSetValue(number)};
  };
  NatsTarget puts(target);
  LoadPlan plan;
  plan.outstanding = kWriters;
  plan.warm_up = absl::ZeroDuration();
  plan.duration = options.window;
  const absl::Time start = absl::Now();
  const LoadResult result = RunLoad(plan, {nats.pid()}, &puts);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  figures->events_per_second[watches].push_back(static_cast<double>(events.load(std::memory_order_relaxed)) / seconds);
  figures->puts_per_second[watches].push_back(result.CallsPerSecond());
  nats.Pause();
}

}  // namespace

Report MeasureFanout(const BenchOptions& options) {
  options.progress("fanout: starting the servers");
  const Dialect dunlin_dialect = DunlinDialect();
  const Dialect etcd_dialect = EtcdDialect();
  const DunlinServer replica;
  const FloorServer bare_server("stream_server");
  std::optional<EtcdServer> etcd_server;
  if (!EtcdServer::Program().empty()) {
    etcd_server.emplace();
  }
  std::optional<NatsServer> nats_server;
  if (!NatsServer::Program().empty()) {
    nats_server.emplace();
  }
  Figures dunlin;
  Figures bare;
  Figures etcd;
  Figures nats;
  for (size_t round = 0; round < options.rounds; ++round) {
    for (const size_t streams : kStreams) {
      options.progress(absl::StrCat("fanout: round ", round + 1, " of ", options.rounds, ", ", streams, " streams"));
      Fanout(options, replica, dunlin_dialect).Measure(streams, &dunlin);
      Fanout(options, bare_server, dunlin_dialect).Measure(streams, &bare);
      if (etcd_server.has_value()) {
        Fanout(options, *etcd_server, etcd_dialect).Measure(streams, &etcd);
      }
      if (nats_server.has_value() && streams <= kNatsWatchesMax) {
        MeasureNats(options, *nats_server, streams, &nats);
      }
    }
  }

  std::vector<Result> results;
  for (const size_t streams : {size_t{100}, size_t{1000}}) {
    const std::string name = absl::StrCat("fanout_", streams);
    results.push_back(Compare(name, "events/s", dunlin.events_per_second[streams], "bare gRPC streams",
                              bare.events_per_second[streams], Goal::AtLeast(0.8)));
    if (etcd_server.has_value()) {
      results.push_back(Compare(absl::StrCat(name, "_vs_etcd"), "events/s", dunlin.events_per_second[streams], "etcd",
                                etcd.events_per_second[streams], Goal::AtLeast(streams == 100 ? 4 : 20)));
    }
    if (nats_server.has_value() && streams <= kNatsWatchesMax) {
      results.push_back(Compare(absl::StrCat(name, "_vs_nats"), "events/s", dunlin.events_per_second[streams],
                                "NATS KV", nats.events_per_second[streams]));
    }
  }
  results.push_back(Compare("fanout_writes", "Puts/s", dunlin.puts_per_second[1000], "the same with 1 watcher",
                            dunlin.puts_per_second[1], Goal::AtLeast(0.3)));
  if (etcd_server.has_value()) {
    results.push_back(Compare("fanout_writes_etcd", "Puts/s", etcd.puts_per_second[1000], "the same with 1 watcher",
                              etcd.puts_per_second[1]));
  }
  return {results};
}

}  // namespace dunlin::bench
