// How reads and durable writes scale with the number of calls under way, beside a bare gRPC echo and etcd: the curves
// that tell where a server is at its limit, and what one caller alone gets.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/benchmarks/bench.h"
#include "tests/benchmarks/data_set.h"
#include "tests/benchmarks/load/grpc_target.h"
#include "tests/benchmarks/rivals/dialect.h"
#include "tests/benchmarks/rivals/servers.h"

namespace dunlin::bench {
namespace {

constexpr size_t kOutstanding[] = {1, 4, 16, 64, 256};
constexpr size_t kSlots = 256;
// There are many sides, each of which need not be exact.
constexpr int kWindowsPerPoint = 4;

constexpr char kGet[] = "Get";
constexpr char kEcho[] = "echo";
constexpr char kEtcdGet[] = "etcd range";
constexpr char kPut[] = "Put";
constexpr char kEtcdPut[] = "etcd Put";

std::string Side(const char* what, size_t outstanding) { return absl::StrCat(what, ", ", outstanding, " at a time"); }

using MakeRequest = std::function<grpc::ByteBuffer(uint64_t random)>;

// The calls of one method of a server.
class Calls {
 public:
  Calls(const BenchOptions& options, const Server& server, const std::string& method, const MakeRequest& make)
      : options_(options), pid_(server.pid()), pool_(kDataSetKeys, make), target_(TargetOf(server, method)) {}

  void AddTo(Rounds* rounds, const char* what) {
    for (const size_t outstanding : kOutstanding) {
      rounds->Add(Side(what, outstanding), [this, outstanding] {
        LoadPlan plan;
        plan.outstanding = outstanding;
        plan.duration = options_.window / kWindowsPerPoint;
        return RunLoad(plan, {pid_}, &target_);
      });
    }
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

Plot Curves(const Rounds& rounds, const std::string& name, const std::string& title,
            const std::vector<const char*>& sides) {
  Plot plot;
  plot.name = name;
  plot.title = title;
  plot.x_label = "calls under way";
  plot.y_label = "calls/s";
  for (const size_t outstanding : kOutstanding) {
    plot.x_marks.emplace_back(outstanding, absl::StrCat(outstanding));
  }
  for (const char* side : sides) {
    Plot::Line line = {side, {}};
    for (const size_t outstanding : kOutstanding) {
      line.points.emplace_back(outstanding, MedianOf(rounds.Of(Side(side, outstanding), CallsPerSecond)));
    }
    plot.lines.push_back(std::move(line));
  }
  return plot;
}

// How `side` does beside `baseline`, at the ends of the curve and in between.
void Tell(const Rounds& rounds, const std::string& name, const char* side, const char* baseline,
          std::vector<Result>* results) {
  for (const size_t outstanding : {size_t{1}, size_t{16}, size_t{256}}) {
    results->push_back(Compare(absl::StrCat(name, "_", outstanding), "1/s",
                               rounds.Of(Side(side, outstanding), CallsPerSecond), Side(baseline, outstanding),
                               rounds.Of(Side(baseline, outstanding), CallsPerSecond)));
  }
}

}  // namespace

Report MeasureScaling(const BenchOptions& options) {
  options.progress("scaling: starting the servers");
  const Dialect dunlin = DunlinDialect();
  const Dialect etcd_dialect = EtcdDialect();
  const auto get_of = [](const Dialect& dialect) -> MakeRequest {
    return [&dialect](uint64_t random) { return dialect.get(DataSetKey(random)); };
  };
  const auto put_of = [](const Dialect& dialect) -> MakeRequest {
    return [&dialect](uint64_t random) { return dialect.put(DataSetKey(random), DataSetValue(random)); };
  };
  const DunlinServer replica;
  FillDunlin(replica.address());
  const size_t reply_bytes = CallOnce(replica.address(), dunlin.get_method, dunlin.get(DataSetKey(0))).Length();
  const FloorServer echo("echo_server", {"queue", absl::StrCat(reply_bytes)});
  Calls gets(options, replica, dunlin.get_method, get_of(dunlin));
  Calls echoes(options, echo, dunlin.get_method, get_of(dunlin));
  Calls puts(options, replica, dunlin.put_method, put_of(dunlin));
  Rounds rounds(options);
  gets.AddTo(&rounds, kGet);
  echoes.AddTo(&rounds, kEcho);
  puts.AddTo(&rounds, kPut);
  std::optional<EtcdServer> etcd;
  std::optional<Calls> etcd_gets;
  std::optional<Calls> etcd_puts;
  if (!EtcdServer::Program().empty()) {
    etcd.emplace();
    FillEtcd(etcd->address());
    etcd_gets.emplace(options, *etcd, etcd_dialect.get_method, get_of(etcd_dialect));
    etcd_puts.emplace(options, *etcd, etcd_dialect.put_method, put_of(etcd_dialect));
    etcd_gets->AddTo(&rounds, kEtcdGet);
    etcd_puts->AddTo(&rounds, kEtcdPut);
  }
  rounds.Run();

  Report report;
  Tell(rounds, "get_of_echo", kGet, kEcho, &report.results);
  std::vector<const char*> reads = {kGet, kEcho};
  std::vector<const char*> writes = {kPut};
  if (etcd.has_value()) {
    Tell(rounds, "put_of_etcd", kPut, kEtcdPut, &report.results);
    reads.push_back(kEtcdGet);
    writes.push_back(kEtcdPut);
  }
  report.plots = {Curves(rounds, "get_scaling", "Reads a second", reads),
                  Curves(rounds, "put_scaling", "Durable writes a second", writes)};
  return report;
}

}  // namespace dunlin::bench
