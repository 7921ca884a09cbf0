// Durable writes: beside what the disk and gRPC can do at best, one after the other, and beside etcd, many at a time.
// All files lie on the same disk, and each answered write is synced to it; but for those of NATS, which syncs every two
// minutes.

#include <memory>
#include <optional>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/benchmarks/bench.h"
#include "tests/benchmarks/data_set.h"
#include "tests/benchmarks/load/grpc_target.h"
#include "tests/benchmarks/load/nats_bucket.h"
#include "tests/benchmarks/load/nats_target.h"
#include "tests/benchmarks/load/sync_target.h"
#include "tests/benchmarks/rivals/dialect.h"
#include "tests/benchmarks/rivals/servers.h"
#include "tests/support/temp_dir.h"

namespace dunlin::bench {
namespace {

constexpr size_t kManyOutstanding[] = {64, 256};
constexpr size_t kSlots = 256;

std::string DunlinSide(size_t outstanding) { return absl::StrCat("Put, ", outstanding, " at a time"); }
std::string EtcdSide(size_t outstanding) { return absl::StrCat("etcd Put, ", outstanding, " at a time"); }
std::string NatsSide(size_t outstanding) { return absl::StrCat("NATS KV Put, not synced, ", outstanding); }
constexpr char kEcho[] = "echo, 1 at a time";
constexpr char kSync[] = "fdatasync of a preallocated file";

// The requests of one server, and the connections to it.
class PutLoad {
 public:
  PutLoad(const BenchOptions& options, const Server& server, const std::string& method,
          const std::function<grpc::ByteBuffer(uint64_t random)>& request_of)
      : options_(options), pid_(server.pid()), pool_(kDataSetKeys, request_of), target_(TargetOf(server, method)) {}

  LoadResult Run(size_t outstanding) {
    LoadPlan plan;
    plan.outstanding = outstanding;
    plan.duration = options_.window;
    return RunLoad(plan, {pid_}, &target_);
  }

 private:
  GrpcTarget::Options TargetOf(const Server& server, const std::string& method) {
    GrpcTarget::Options target;
    target.address = server.address();
    target.method = method;
    target.slots = kSlots;
    target.next_request = [this]() -> const grpc::ByteBuffer& { return pool_.Next(); };
    return target;
  }

  const BenchOptions options_;
  const pid_t pid_;
  RequestPool pool_;
  GrpcTarget target_;
};

// The same of NATS, whose server is stopped while others are measured.
class NatsLoad {
 public:
  explicit NatsLoad(const BenchOptions& options) : options_(options), target_(TargetOf(server_)) {
    FillNats(server_.address());
    server_.Pause();
  }

  LoadResult Run(size_t outstanding) {
    LoadPlan plan;
    plan.outstanding = outstanding;
    plan.duration = options_.window;
    server_.Continue();
    LoadResult result = RunLoad(plan, {server_.pid()}, &target_);
    server_.Pause();
    return result;
  }

 private:
  static NatsTarget::Options TargetOf(const NatsServer& server) {
    NatsTarget::Options target;
    target.address = server.address();
    target.slots = kSlots;
    target.next_call = [random = std::minstd_rand()]() mutable {
      const uint64_t number = random();
      return NatsTarget::Call{NatsBucket::PutSubject(DataSetKey(number)), DataSetValue(number)};
    };
    return target;
  }

  const BenchOptions options_;
  const NatsServer server_;
  NatsTarget target_;
};

std::vector<Result> ResultsOf(const Rounds& rounds, bool has_etcd, bool has_nats) {
  std::vector<double> floor = rounds.Of(kEcho, Latency(50));
  const std::vector<double> sync = rounds.Of(kSync, Latency(50));
  for (size_t i = 0; i < floor.size(); ++i) {
    floor[i] += sync[i];
  }
  std::vector<Result> results = {Compare("put_latency", "us", rounds.Of(DunlinSide(1), Latency(50)),
                                         "echo + fdatasync, p50s", floor, Goal::AtMost(1.3))};
  for (const size_t outstanding : kManyOutstanding) {
    const std::string name = absl::StrCat("put_", outstanding);
    if (has_nats) {
      results.push_back(Compare(absl::StrCat(name, "_vs_nats"), "1/s",
                                rounds.Of(DunlinSide(outstanding), CallsPerSecond), NatsSide(outstanding),
                                rounds.Of(NatsSide(outstanding), CallsPerSecond)));
    }
    if (!has_etcd) {
      results.push_back(Compare(name, "1/s", rounds.Of(DunlinSide(outstanding), CallsPerSecond), "", {}));
      continue;
    }
    results.push_back(Compare(absl::StrCat(name, "_vs_etcd"), "1/s", rounds.Of(DunlinSide(outstanding), CallsPerSecond),
                              EtcdSide(outstanding), rounds.Of(EtcdSide(outstanding), CallsPerSecond),
                              Goal::AtLeast(1.8)));
    results.push_back(Compare(absl::StrCat(name, "_cpu_vs_etcd"), "1/CPU-s",
                              rounds.Of(DunlinSide(outstanding), CallsPerServerCpuSecond), EtcdSide(outstanding),
                              rounds.Of(EtcdSide(outstanding), CallsPerServerCpuSecond)));
  }
  return results;
}

std::vector<Plot> PlotsOf(const Rounds& rounds, bool has_etcd, bool has_nats) {
  std::vector<Plot> plots = {
      rounds.LatencyPlot("put_latency", "One durable write after the other", {DunlinSide(1), kEcho, kSync})};
  for (const size_t outstanding : kManyOutstanding) {
    std::vector<std::string> sides = {DunlinSide(outstanding)};
    if (has_etcd) {
      sides.push_back(EtcdSide(outstanding));
    }
    if (has_nats) {
      sides.push_back(NatsSide(outstanding));
    }
    plots.push_back(rounds.LatencyPlot(absl::StrCat("put_", outstanding, "_latency"),
                                       absl::StrCat("Durable writes, ", outstanding, " at a time"), sides));
  }
  return plots;
}

}  // namespace

Report MeasurePut(const BenchOptions& options) {
  options.progress("put: starting the servers");
  const Dialect dunlin = DunlinDialect();
  const auto put_of = [](const Dialect& dialect) {
    return [&dialect](uint64_t random) { return dialect.put(DataSetKey(random), DataSetValue(random)); };
  };
  const DunlinServer replica;
  FillDunlin(replica.address());
  PutLoad puts(options, replica, dunlin.put_method, put_of(dunlin));
  const size_t reply_bytes =
      CallOnce(replica.address(), dunlin.put_method, dunlin.put(DataSetKey(0), DataSetValue(0))).Length();
  const FloorServer echo("echo_server", {"queue", absl::StrCat(reply_bytes)});
  PutLoad echoes(options, echo, dunlin.get_method, put_of(dunlin));
  const TempDir directory;
  SyncTarget disk(directory.Join("file"));

  Rounds rounds(options);
  rounds.Add(DunlinSide(1), [&] { return puts.Run(1); });
  rounds.Add(kEcho, [&] { return echoes.Run(1); });
  rounds.Add(kSync, [&] {
    LoadPlan plan;
    plan.outstanding = 1;
    plan.duration = options.window;
    return RunLoad(plan, {}, &disk);
  });
  const Dialect etcd_dialect = EtcdDialect();
  std::optional<EtcdServer> etcd;
  std::optional<PutLoad> etcd_puts;
  if (!EtcdServer::Program().empty()) {
    etcd.emplace();
    FillEtcd(etcd->address());
    etcd_puts.emplace(options, *etcd, etcd_dialect.put_method, put_of(etcd_dialect));
  }
  std::optional<NatsLoad> nats_puts;
  if (!NatsServer::Program().empty()) {
    nats_puts.emplace(options);
  }
  for (const size_t outstanding : kManyOutstanding) {
    rounds.Add(DunlinSide(outstanding), [&, outstanding] { return puts.Run(outstanding); });
    if (etcd.has_value()) {
      rounds.Add(EtcdSide(outstanding), [&, outstanding] { return etcd_puts->Run(outstanding); });
    }
    if (nats_puts.has_value()) {
      rounds.Add(NatsSide(outstanding), [&, outstanding] { return nats_puts->Run(outstanding); });
    }
  }
  rounds.Run();

  const bool has_etcd = etcd.has_value();
  const bool has_nats = nats_puts.has_value();
  return {ResultsOf(rounds, has_etcd, has_nats), PlotsOf(rounds, has_etcd, has_nats)};
}

}  // namespace dunlin::bench
