// A fleet of two: what a write costs a replica whose writes another one follows, how many writes come through Redis to
// the other one, and how fast a Redis that was away gets what it has missed. Beside etcd, and beside a script that does
// for a batch of writes no more than Redis has to.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/benchmarks/bench.h"
#include "tests/benchmarks/data_set.h"
#include "tests/benchmarks/load/batch_script_target.h"
#include "tests/benchmarks/load/grpc_target.h"
#include "tests/benchmarks/rivals/dialect.h"
#include "tests/benchmarks/rivals/servers.h"
#include "tests/support/eventually.h"
#include "tests/support/process_usage.h"
#include "tests/support/redis_server.h"

namespace dunlin::bench {
namespace {

constexpr size_t kPutsOutstanding = 64;
constexpr size_t kBatchWrites = 64;
constexpr size_t kBatchesOutstanding = 16;
// Of the raw script: enough that Redis never waits for the next call.
constexpr size_t kScriptsOutstanding = 4;
constexpr size_t kUnmirroredWrites = kDataSetKeys;
constexpr absl::Duration kPatience = absl::Minutes(2);

constexpr char kPut[] = "Put, followed by another replica";
constexpr char kEtcdPut[] = "etcd Put";
constexpr char kEndToEnd[] = "writes into Redis and another replica";
constexpr char kScript[] = "raw batch script";
constexpr char kRecovery[] = "outbox into a Redis that is back";
constexpr char kLoggedScript[] = "raw batch script, append-only file";

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << "bench: " << what << std::endl;
  std::abort();
}

std::string UrlOf(const RedisServer& redis) { return absl::StrCat("redis://127.0.0.1:", redis.port()); }

RedisServer::Options AppendOnly() {
  RedisServer::Options options;
  options.append_only = true;
  return options;
}

// Two replicas and their Redis.
class Fleet {
 public:
  explicit Fleet(const RedisServer::Options& redis) : redis_(redis) {
    FillDunlin(writer_.address());
    AwaitMirrored();
  }

  RedisServer& redis() { return redis_; }
  const DunlinServer& writer() const { return writer_; }
  const DunlinServer& reader() const { return reader_; }

  // Up to where the second replica has every write.
  uint64_t Followed() { return reader_.process().Status().applied_sequence; }

  // Returns once all is in Redis.
  void AwaitMirrored() {
    if (!Eventually([&] { return writer_.process().Status().outbox_depth == 0; }, kPatience, absl::Milliseconds(5))) {
      Fail("the outbox does not get empty");
    }
  }

 private:
  RedisServer redis_;
  DunlinServer writer_{{}, UrlOf(redis_), "writer"};
  DunlinServer reader_{{}, UrlOf(redis_), "reader"};
};

GrpcTarget::Options TargetOf(const std::string& address, const std::string& method, size_t slots, RequestPool* pool) {
  GrpcTarget::Options target;
  target.address = address;
  target.method = method;
  target.slots = slots;
  target.next_request = [pool]() -> const grpc::ByteBuffer& { return pool->Next(); };
  return target;
}

LoadPlan PlanOf(const BenchOptions& options, size_t outstanding) {
  LoadPlan plan;
  plan.outstanding = outstanding;
  plan.duration = options.window;
  return plan;
}

// What has come to the second replica while the first was written to. The calls are writes; the server is Redis. Adds
// what each write takes of the second replica's processor time, in microseconds.
LoadResult MeasureEndToEnd(const BenchOptions& options, Fleet* fleet, GrpcTarget* batches,
                           std::vector<double>* follower_us) {
  LoadPlan plan = PlanOf(options, kBatchesOutstanding);
  plan.warm_up = absl::ZeroDuration();
  plan.duration = options.window / 4;
  RunLoad(plan, {}, batches);
  const uint64_t followed = fleet->Followed();
  const absl::Duration cpu = ProcessorTime(fleet->redis().pid());
  const absl::Duration follower_cpu = ProcessorTime(fleet->reader().pid());
  const absl::Time start = absl::Now();
  plan.duration = options.window;
  LoadResult result = RunLoad(plan, {}, batches);
  result.calls = fleet->Followed() - followed;
  result.elapsed = absl::Now() - start;
  result.server_cpu = ProcessorTime(fleet->redis().pid()) - cpu;
  follower_us->push_back(absl::ToDoubleMicroseconds(ProcessorTime(fleet->reader().pid()) - follower_cpu) /
                         static_cast<double>(std::max<uint64_t>(result.calls, 1)));
  fleet->AwaitMirrored();
  return result;
}

// The calls are writes.
LoadResult MeasureScript(const BenchOptions& options, const RedisServer& redis, BatchScriptTarget* script) {
  LoadResult result = RunLoad(PlanOf(options, kScriptsOutstanding), {redis.pid()}, script);
  result.calls *= kBatchWrites;
  return result;
}

LoadResult MeasureRecovery(Fleet* fleet) {
  fleet->redis().Stop();
  FillWithMany(fleet->writer().address(), kUnmirroredWrites);
  fleet->redis().Start();
  const absl::Time start = absl::Now();
  fleet->AwaitMirrored();
  LoadResult result;
  result.calls = kUnmirroredWrites;
  result.elapsed = absl::Now() - start;
  return result;
}

}  // namespace

Report MeasureFleet(const BenchOptions& options) {
  options.progress("fleet: starting the servers");
  const Dialect dunlin = DunlinDialect();
  Fleet fleet{RedisServer::Options()};
  Fleet logged_fleet{AppendOnly()};
  const RedisServer script_redis;
  const RedisServer logged_redis(AppendOnly());
  BatchScriptTarget script(script_redis.endpoint(), kScriptsOutstanding, kBatchWrites, kDataSetKeys);
  BatchScriptTarget logged_script(logged_redis.endpoint(), kScriptsOutstanding, kBatchWrites, kDataSetKeys);
  RequestPool puts(kDataSetKeys, [&](uint64_t random) { return dunlin.put(DataSetKey(random), DataSetValue(random)); });
  RequestPool batches(2000, [](uint64_t random) {
    std::vector<std::string> keys;
    for (size_t i = 0; i < kBatchWrites; ++i) {
      keys.push_back(DataSetKey(random % kDataSetKeys + i * 7919));
    }
    return BatchPutOf(keys, DataSetValue(random));
  });
  GrpcTarget put_target(TargetOf(fleet.writer().address(), dunlin.put_method, kPutsOutstanding, &puts));
  GrpcTarget batch_target(TargetOf(fleet.writer().address(), kBatchWriteMethod, kBatchesOutstanding, &batches));

  Rounds rounds(options);
  // What another one follows is sent by the writer itself, so that its processor time has that, too.
  rounds.Add(kPut, [&] {
    LoadResult result = RunLoad(PlanOf(options, kPutsOutstanding), {fleet.writer().pid()}, &put_target);
    fleet.AwaitMirrored();
    return result;
  });
  std::optional<EtcdServer> etcd;
  std::optional<RequestPool> etcd_puts;
  std::optional<GrpcTarget> etcd_target;
  if (!EtcdServer::Program().empty()) {
    const Dialect dialect = EtcdDialect();
    etcd.emplace();
    FillEtcd(etcd->address());
    etcd_puts.emplace(kDataSetKeys,
                      [&](uint64_t random) { return dialect.put(DataSetKey(random), DataSetValue(random)); });
    etcd_target.emplace(TargetOf(etcd->address(), dialect.put_method, kPutsOutstanding, &*etcd_puts));
    rounds.Add(kEtcdPut, [&] { return RunLoad(PlanOf(options, kPutsOutstanding), {etcd->pid()}, &*etcd_target); });
  }
  std::vector<double> follower_us;
  rounds.Add(kEndToEnd, [&] { return MeasureEndToEnd(options, &fleet, &batch_target, &follower_us); });
  rounds.Add(kScript, [&] { return MeasureScript(options, script_redis, &script); });
  rounds.Add(kRecovery, [&] { return MeasureRecovery(&logged_fleet); });
  rounds.Add(kLoggedScript, [&] { return MeasureScript(options, logged_redis, &logged_script); });
  rounds.Run();

  std::vector<Result> results;
  if (etcd.has_value()) {
    results.push_back(Compare("put_cpu_vs_etcd", "1/CPU-s", rounds.Of(kPut, CallsPerServerCpuSecond), kEtcdPut,
                              rounds.Of(kEtcdPut, CallsPerServerCpuSecond), Goal::AtLeast(2.2)));
  }
  results.push_back(Compare("mirror_rate", "writes/s", rounds.Of(kEndToEnd, CallsPerSecond), kScript,
                            rounds.Of(kScript, CallsPerSecond), Goal::AtLeast(0.5)));
  results.push_back(Compare("mirror_redis_cpu", "us", rounds.Of(kEndToEnd, ServerCpuMicroseconds), kScript,
                            rounds.Of(kScript, ServerCpuMicroseconds)));
  results.push_back(Compare("follow_cpu", "us", follower_us, "", {}));
  results.push_back(Compare("recovery", "writes/s", rounds.Of(kRecovery, CallsPerSecond), kLoggedScript,
                            rounds.Of(kLoggedScript, CallsPerSecond), Goal::AtLeast(0.5)));
  return {results};
}

}  // namespace dunlin::bench
