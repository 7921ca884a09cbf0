// Growth: what a Get and a durable Put cost a replica that holds 10,000,000 keys, beside what they cost one that holds
// 100,000; and how much more the same costs LMDB by itself, which has no less to look through.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/benchmarks/bench.h"
#include "tests/benchmarks/data_set.h"
#include "tests/benchmarks/load/grpc_target.h"
#include "tests/benchmarks/load/lmdb_target.h"
#include "tests/benchmarks/rivals/dialect.h"
#include "tests/benchmarks/rivals/servers.h"
#include "tests/storage/bare_lmdb.h"
#include "tests/support/temp_dir.h"

namespace dunlin::bench {
namespace {

constexpr size_t kFew = 100'000;
constexpr size_t kMany = 10'000'000;
// Requests that are made beforehand: enough that they lie all over the keys.
constexpr size_t kRequests = 500'000;
constexpr size_t kOutstanding = 64;

std::string Side(const char* what, size_t keys) { return absl::StrCat(what, " among ", keys, " keys"); }
constexpr char kGet[] = "Get";
constexpr char kPut[] = "Put";
constexpr char kLmdbGet[] = "LMDB get";
constexpr char kLmdbPut[] = "LMDB commit of 64 puts";

// A replica and a database of so many keys.
class Size {
 public:
  Size(const BenchOptions& options, size_t keys)
      : options_(options),
        keys_(keys),
        gets_(kRequests, [this](uint64_t random) { return dunlin_.get(ManyKeys(random % keys_)); }),
        puts_(kRequests,
              [this](uint64_t random) { return dunlin_.put(ManyKeys(random % keys_), DataSetValue(random)); }) {
    options.progress(absl::StrCat("growth: writing ", keys, " keys"));
    FillWithMany(replica_.address(), keys);
    database_.Fill(keys, [](size_t i) { return BareLmdb::Pair(ManyKeys(i), DataSetValue(i)); });
    get_target_ = std::make_unique<GrpcTarget>(TargetOf(dunlin_.get_method, &gets_));
    put_target_ = std::make_unique<GrpcTarget>(TargetOf(dunlin_.put_method, &puts_));
    lmdb_get_ = std::make_unique<LmdbTarget>(&database_, keys, /*puts_per_call=*/0);
    lmdb_put_ = std::make_unique<LmdbTarget>(&database_, keys, /*puts_per_call=*/kOutstanding);
  }

  void AddTo(Rounds* rounds) {
    rounds->Add(Side(kGet, keys_), [this] { return Load(get_target_.get()); });
    rounds->Add(Side(kLmdbGet, keys_), [this] { return Call(lmdb_get_.get()); });
    rounds->Add(Side(kPut, keys_), [this] { return Load(put_target_.get()); });
    rounds->Add(Side(kLmdbPut, keys_), [this] { return Call(lmdb_put_.get()); });
  }

 private:
  GrpcTarget::Options TargetOf(const std::string& method, RequestPool* pool) const {
    GrpcTarget::Options target;
    target.address = replica_.address();
    target.method = method;
    target.slots = kOutstanding;
    target.next_request = [pool]() -> const grpc::ByteBuffer& { return pool->Next(); };
    return target;
  }

  LoadPlan Plan(size_t outstanding) const {
    LoadPlan plan;
    plan.outstanding = outstanding;
    plan.duration = options_.window;
    return plan;
  }

  LoadResult Load(LoadTarget* target) const { return RunLoad(Plan(kOutstanding), {replica_.pid()}, target); }

  // There the caller is the server.
  LoadResult Call(LoadTarget* target) const {
    LoadResult result = RunLoad(Plan(1), {}, target);
    result.server_cpu = result.client_cpu;
    return result;
  }

  const BenchOptions options_;
  const size_t keys_;
  const Dialect dunlin_ = DunlinDialect();
  const DunlinServer replica_;
  const TempDir directory_;
  BareLmdb database_{directory_.path()};
  RequestPool gets_;
  RequestPool puts_;
  std::unique_ptr<GrpcTarget> get_target_;
  std::unique_ptr<GrpcTarget> put_target_;
  std::unique_ptr<LmdbTarget> lmdb_get_;
  std::unique_ptr<LmdbTarget> lmdb_put_;
};

// How many times as much each call costs among many keys, round by round.
std::vector<double> GrowthOf(const Rounds& rounds, const char* what) {
  std::vector<double> growth = rounds.Of(Side(what, kMany), ServerCpuMicroseconds);
  const std::vector<double> few = rounds.Of(Side(what, kFew), ServerCpuMicroseconds);
  for (size_t i = 0; i < growth.size(); ++i) {
    growth[i] /= few[i];
  }
  return growth;
}

}  // namespace

Report MeasureGrowth(const BenchOptions& options) {
  Size few(options, kFew);
  Size many(options, kMany);
  Rounds rounds(options);
  few.AddTo(&rounds);
  many.AddTo(&rounds);
  rounds.Run();
  const auto cost = [&](const char* what, size_t keys) { return rounds.Of(Side(what, keys), ServerCpuMicroseconds); };
  return {{
      Compare("growth_get", "times", GrowthOf(rounds, kGet), "LMDB's", GrowthOf(rounds, kLmdbGet), Goal::AtMost(1.2)),
      Compare("growth_put", "times", GrowthOf(rounds, kPut), "LMDB's", GrowthOf(rounds, kLmdbPut), Goal::AtMost(1.2)),
      Compare("get_of_10m", "us", cost(kGet, kMany), "Get of 100,000", cost(kGet, kFew)),
      Compare("put_of_10m", "us", cost(kPut, kMany), "Put of 100,000", cost(kPut, kFew)),
  }};
}

}  // namespace dunlin::bench
