// Reads: what a Get costs a replica beside a gRPC server that answers as many bytes without looking at anything, and
// beside etcd and NATS; and how much BatchGet saves.

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/benchmarks/bench.h"
#include "tests/benchmarks/data_set.h"
#include "tests/benchmarks/load/grpc_target.h"
#include "tests/benchmarks/load/nats_bucket.h"
#include "tests/benchmarks/load/nats_target.h"
#include "tests/benchmarks/rivals/dialect.h"
#include "tests/benchmarks/rivals/servers.h"

namespace dunlin::bench {
namespace {

constexpr size_t kOutstanding = 64;
constexpr size_t kBatchKeys = 100;

constexpr char kDunlin[] = "Get";
constexpr char kBatch[] = "BatchGet of 100";
constexpr char kEchoCallback[] = "echo, callback API";
constexpr char kEchoQueue[] = "echo, completion queue";
constexpr char kEtcd[] = "etcd, serializable range";
constexpr char kNats[] = "NATS KV, direct get";

// Loads `method` of `server` with requests of `pool`.
std::function<LoadResult()> LoadOf(const BenchOptions& options, const Server& server, const std::string& method,
                                   RequestPool* pool) {
  GrpcTarget::Options target;
  target.address = server.address();
  target.method = method;
  target.slots = kOutstanding;
  target.next_request = [pool]() -> const grpc::ByteBuffer& { return pool->Next(); };
  return [options, target = std::make_shared<GrpcTarget>(target), pid = server.pid()] {
    LoadPlan plan;
    plan.outstanding = kOutstanding;
    plan.duration = options.window;
    return RunLoad(plan, {pid}, target.get());
  };
}

// A client of NATS asks the same of a key-value bucket: the latest value of a key, of the server that it is connected
// to.
std::function<LoadResult()> LoadOfNats(const BenchOptions& options, const NatsServer& nats) {
  NatsTarget::Options target;
  target.address = nats.address();
  target.slots = kOutstanding;
  target.next_call = [random = std::minstd_rand()]() mutable {
    return NatsTarget::Call{NatsBucket::GetSubject(DataSetKey(random())), ""};
  };
  return [options, target = std::make_shared<NatsTarget>(target), &nats] {
    LoadPlan plan;
    plan.outstanding = kOutstanding;
    plan.duration = options.window;
    nats.Continue();
    LoadResult result = RunLoad(plan, {nats.pid()}, target.get());
    nats.Pause();
    return result;
  };
}

// The echo that costs less.
std::string BestEcho(const Rounds& rounds) {
  const double callback = MedianOf(rounds.Of(kEchoCallback, ServerCpuMicroseconds));
  const double queue = MedianOf(rounds.Of(kEchoQueue, ServerCpuMicroseconds));
  return callback < queue ? kEchoCallback : kEchoQueue;
}

Report ReportOf(const Rounds& rounds, bool has_etcd, bool has_nats) {
  const std::string echo = BestEcho(rounds);
  const auto keys_per_second = [](const LoadResult& result) { return kBatchKeys * result.CallsPerSecond(); };
  std::vector<Result> results = {
      Compare("get_cpu", "us", rounds.Of(kDunlin, ServerCpuMicroseconds), echo, rounds.Of(echo, ServerCpuMicroseconds),
              Goal::AtMost(1.10)),
      Compare("get_rate", "1/s", rounds.Of(kDunlin, CallsPerSecond), echo, rounds.Of(echo, CallsPerSecond),
              Goal::AtLeast(0.93)),
      Compare("get_p99", "us", rounds.Of(kDunlin, Latency(99)), echo, rounds.Of(echo, Latency(99)), Goal::AtMost(1.2)),
      Compare("batchget", "keys/s", rounds.Of(kBatch, keys_per_second), kDunlin, rounds.Of(kDunlin, CallsPerSecond),
              Goal::AtLeast(15)),
  };
  if (has_etcd) {
    results.push_back(Compare("get_vs_etcd", "1/CPU-s", rounds.Of(kDunlin, CallsPerServerCpuSecond), kEtcd,
                              rounds.Of(kEtcd, CallsPerServerCpuSecond), Goal::AtLeast(4)));
  }
  if (has_nats) {
    results.push_back(Compare("get_vs_nats", "1/CPU-s", rounds.Of(kDunlin, CallsPerServerCpuSecond), kNats,
                              rounds.Of(kNats, CallsPerServerCpuSecond)));
  }
  std::vector<std::string> sides = {kDunlin, kEchoCallback, kEchoQueue, kBatch};
  if (has_etcd) {
    sides.push_back(kEtcd);
  }
  if (has_nats) {
    sides.push_back(kNats);
  }
  return {results, {rounds.LatencyPlot("get_latency", absl::StrCat("Reads, ", kOutstanding, " at a time"), sides)}};
}

}  // namespace

Report MeasureGet(const BenchOptions& options) {
  options.progress("get: starting the servers");
  const Dialect dunlin = DunlinDialect();
  const DunlinServer replica;
  FillDunlin(replica.address());
  const size_t reply_bytes = CallOnce(replica.address(), dunlin.get_method, dunlin.get(DataSetKey(0))).Length();
  const FloorServer callback("echo_server", {"callback", absl::StrCat(reply_bytes)});
  const FloorServer queue("echo_server", {"queue", absl::StrCat(reply_bytes)});
  RequestPool gets(kDataSetKeys, [&](uint64_t random) { return dunlin.get(DataSetKey(random)); });
  RequestPool batches(1000, [&](uint64_t random) {
    std::vector<std::string> keys;
    for (size_t i = 0; i < kBatchKeys; ++i) {
      // 7919 is prime: keys far from one another, and none twice.
      keys.push_back(DataSetKey(random % kDataSetKeys + i * 7919));
    }
    return BatchGetOf(keys);
  });

  Rounds rounds(options);
  rounds.Add(kDunlin, LoadOf(options, replica, dunlin.get_method, &gets));
  rounds.Add(kEchoCallback, LoadOf(options, callback, dunlin.get_method, &gets));
  rounds.Add(kEchoQueue, LoadOf(options, queue, dunlin.get_method, &gets));
  rounds.Add(kBatch, LoadOf(options, replica, kBatchGetMethod, &batches));
  std::optional<EtcdServer> etcd;
  std::optional<RequestPool> ranges;
  if (!EtcdServer::Program().empty()) {
    const Dialect dialect = EtcdDialect();
    etcd.emplace();
    FillEtcd(etcd->address());
    // After a burst of puts its reads are three times slower until it is restarted.
    etcd->Restart();
    ranges.emplace(kDataSetKeys, [&](uint64_t random) { return dialect.get(DataSetKey(random)); });
    rounds.Add(kEtcd, LoadOf(options, *etcd, dialect.get_method, &*ranges));
  }
  std::optional<NatsServer> nats;
  if (!NatsServer::Program().empty()) {
    nats.emplace();
    FillNats(nats->address());
    rounds.Add(kNats, LoadOfNats(options, *nats));
    nats->Pause();
  }
  rounds.Run();

  return ReportOf(rounds, etcd.has_value(), nats.has_value());
}

}  // namespace dunlin::bench
