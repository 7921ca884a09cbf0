// Propagation: from the moment a Put is sent to one replica until a watcher of another one has the event, at 1,000
// writes a second; beside the sum of what it is made of (a bare gRPC server that writes each Put to a stream, and a
// script of Redis whose message a subscriber gets), and beside the way from a Put to a watcher in etcd and in NATS.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "storage/mutex.h"
#include "tests/benchmarks/bench.h"
#include "tests/benchmarks/data_set.h"
#include "tests/benchmarks/load/grpc_target.h"
#include "tests/benchmarks/load/nats_bucket.h"
#include "tests/benchmarks/load/nats_target.h"
#include "tests/benchmarks/load/script_target.h"
#include "tests/benchmarks/load/stream_load.h"
#include "tests/benchmarks/rivals/dialect.h"
#include "tests/benchmarks/rivals/servers.h"
#include "tests/support/redis_server.h"

namespace dunlin::bench {
namespace {

constexpr double kWritesPerSecond = 1000;
constexpr size_t kSlots = 64;
constexpr char kKey[] = "propagated";

constexpr char kDunlin[] = "Put to event at another replica";
constexpr char kBareStream[] = "bare gRPC, Put to stream";
constexpr char kScript[] = "Redis script to subscriber";
constexpr char kEtcd[] = "etcd, Put to event";
constexpr char kNats[] = "NATS KV, Put to event";

// Before each window, not counted: where nothing comes, gRPC's callback client, which reads the streams, sleeps for 100
// ms at a time, and would be late for the first events.
constexpr absl::Duration kWarmUp = absl::Milliseconds(300);

LoadPlan PlanOf(absl::Duration duration) {
  LoadPlan plan;
  plan.outstanding = kSlots;
  plan.rate = kWritesPerSecond;
  plan.warm_up = absl::ZeroDuration();
  plan.duration = duration;
  return plan;
}

// How old the values of a window were when they came, which say when they were sent.
//
// Thread-safety: safe for concurrent use.
class EventAges {
 public:
  void Begin() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    ages_ = Histogram();
  }

  void Add(const std::string& value) ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::Duration age = AgeOf(value);
    MutexLock lock(&mutex_);
    ages_.Add(age);
    added_.Signal();
  }

  // Waits until there are so many, for a second at most.
  void Await(uint64_t count) ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::Time until = absl::Now() + absl::Seconds(1);
    MutexLock lock(&mutex_);
    for (absl::Time now = absl::Now(); ages_.count() < count && now < until; now = absl::Now()) {
      added_.WaitWithTimeout(&mutex_, until - now);
    }
  }

  Histogram ages() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return ages_;
  }

 private:
  mutable Mutex mutex_;
  CondVar added_;
  Histogram ages_ ABSL_GUARDED_BY(mutex_);
};

// The latency is that of the events.
template <typename Puts>
LoadResult MeasureAwake(const BenchOptions& options, Puts* puts) {
  puts->RunFor(kWarmUp);
  return puts->RunFor(options.window);
}

// Puts whose value says when they were sent, and one stream that gets them.
class PutToEvent {
 public:
  PutToEvent(const Dialect& dialect, const Server& writer, const Server& watched)
      : dialect_(dialect), target_(PutsTo(writer)), watch_(EventsOf(watched)) {}

  LoadResult RunFor(absl::Duration duration) {
    ages_.Begin();
    const uint64_t before = sent_;
    LoadResult result = RunLoad(PlanOf(duration), {}, &target_);
    expected_ += sent_ - before;
    // What comes in quick succession may be told as one.
    watch_.AwaitEvents(expected_, absl::Seconds(1));
    result.latency = ages_.ages();
    return result;
  }

 private:
  GrpcTarget::Options PutsTo(const Server& writer) {
    GrpcTarget::Options target;
    target.address = writer.address();
    target.method = dialect_.put_method;
    target.connections = 1;
    target.slots = kSlots;
    target.next_request = [this]() -> const grpc::ByteBuffer& {
      ++sent_;
      request_ = dialect_.put(absl::StrCat(kKey, sent_ % kSlots), TimestampedValue());
      return request_;
    };
    return target;
  }

  StreamLoad::Options EventsOf(const Server& watched) {
    StreamLoad::Options load;
    load.address = watched.address();
    load.method = dialect_.watch_method;
    // One stream for each key, so that a server without prefixes can be asked, too.
    load.streams = kSlots;
    load.streams_per_connection = kSlots;
    load.request_of = [this](size_t stream) { return dialect_.watch(absl::StrCat(kKey, stream)); };
    load.read = [this](const grpc::ByteBuffer& message) {
      for (const std::string& value : dialect_.values(message)) {
        ages_.Add(value);
      }
      return dialect_.read(message);
    };
    return load;
  }

  const Dialect dialect_;
  uint64_t sent_ = 0;
  uint64_t expected_ = 0;
  grpc::ByteBuffer request_;
  EventAges ages_;
  GrpcTarget target_;
  StreamLoad watch_;
};

// The same by NATS, with one watch of all keys.
class NatsPutToEvent {
 public:
  explicit NatsPutToEvent(const NatsServer& nats) : watch_(nats.address()), target_(PutsTo(nats)) {
    watch_.Watch(">", [this](absl::string_view, absl::string_view value) { ages_.Add(std::string(value)); });
  }

  LoadResult RunFor(absl::Duration duration) {
    ages_.Begin();
    const uint64_t before = sent_;
    LoadResult result = RunLoad(PlanOf(duration), {}, &target_);
    ages_.Await(sent_ - before);
    result.latency = ages_.ages();
    return result;
  }

 private:
  NatsTarget::Options PutsTo(const NatsServer& nats) {
    NatsTarget::Options target;
    target.address = nats.address();
    target.connections = 1;
    target.slots = kSlots;
    target.next_call = [this] {
      ++sent_;
      return NatsTarget::Call{NatsBucket::PutSubject(absl::StrCat(kKey, sent_ % kSlots)), TimestampedValue()};
    };
    return target;
  }

  uint64_t sent_ = 0;
  EventAges ages_;
  // Last, so that nothing is told to an object that is half gone.
  NatsBucket watch_;
  NatsTarget target_;
};

std::vector<double> SumOf(std::vector<double> values, const std::vector<double>& more) {
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] += more[i];
  }
  return values;
}

}  // namespace

Report MeasurePropagation(const BenchOptions& options) {
  options.progress("propagation: starting the servers");
  const RedisServer redis;
  const std::string url = absl::StrCat("redis://127.0.0.1:", redis.port());
  const DunlinServer writer({}, url, "writer");
  const DunlinServer reader({}, url, "reader");
  const FloorServer bare("stream_server");
  const RedisServer script_redis;
  const Dialect dunlin = DunlinDialect();
  PutToEvent puts(dunlin, writer, reader);
  PutToEvent bare_puts(dunlin, bare, bare);
  ScriptTarget script(script_redis.endpoint());
  std::optional<EtcdServer> etcd;
  std::optional<PutToEvent> etcd_puts;

  Rounds rounds(options);
  rounds.Add(kDunlin, [&] { return MeasureAwake(options, &puts); });
  rounds.Add(kBareStream, [&] { return MeasureAwake(options, &bare_puts); });
  rounds.Add(kScript, [&] { return script.Run(kWritesPerSecond, options.window); });
  if (!EtcdServer::Program().empty()) {
    etcd.emplace();
    etcd_puts.emplace(EtcdDialect(), *etcd, *etcd);
    rounds.Add(kEtcd, [&] { return MeasureAwake(options, &*etcd_puts); });
  }
  std::optional<NatsServer> nats;
  std::optional<NatsPutToEvent> nats_puts;
  if (!NatsServer::Program().empty()) {
    nats.emplace();
    nats_puts.emplace(*nats);
    nats->Pause();
    rounds.Add(kNats, [&] {
      nats->Continue();
      LoadResult result = MeasureAwake(options, &*nats_puts);
      nats->Pause();
      return result;
    });
  }
  rounds.Run();

  const auto parts = [&](double percent) {
    return SumOf(rounds.Of(kBareStream, Latency(percent)), rounds.Of(kScript, Latency(percent)));
  };
  std::vector<Result> results = {
      Compare("propagation_p50", "us", rounds.Of(kDunlin, Latency(50)), "sum of the bare parts", parts(50),
              Goal::AtMost(1.5)),
      Compare("propagation_p99", "us", rounds.Of(kDunlin, Latency(99)), "sum of the bare parts", parts(99),
              Goal::AtMost(2)),
  };
  std::vector<std::string> sides = {kDunlin, kBareStream, kScript};
  if (etcd.has_value()) {
    sides.push_back(kEtcd);
    results.push_back(Compare("propagation_vs_etcd", "us", rounds.Of(kDunlin, Latency(50)), kEtcd,
                              rounds.Of(kEtcd, Latency(50)), Goal::AtMost(0.8)));
  }
  if (nats.has_value()) {
    sides.push_back(kNats);
    results.push_back(
        Compare("propagation_vs_nats", "us", rounds.Of(kDunlin, Latency(50)), kNats, rounds.Of(kNats, Latency(50))));
  }
  return {results, {rounds.LatencyPlot("propagation", "From a write to a watcher, at 1,000 writes a second", sides)}};
}

}  // namespace dunlin::bench
