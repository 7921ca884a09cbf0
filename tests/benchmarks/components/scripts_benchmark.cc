// Question: what does a batch of mirrored writes cost Redis, and how much of that is its own?
// Method: a real redis-server. Time is that of its processor for a batch, as the kernel tells it, and items_per_second
// are writes for each second of that: by our mirror.lua with all that it guarantees, and by the least that a script can
// do (load/batch_script_target.h). /N is how many writes a batch has; one of one shows what a call costs by itself. All
// keys are there before, 100,000 of them.
//
//   bazel run //tests/benchmarks/components:scripts_benchmark

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "storage/record.h"
#include "sync/redis_names.h"
#include "sync/redis_relay.h"
#include "sync/relay_types.h"
#include "tests/benchmarks/data_set.h"
#include "tests/benchmarks/load/batch_script_target.h"
#include "tests/benchmarks/load/subscribers.h"
#include "tests/support/process_usage.h"
#include "tests/support/redis_server.h"

namespace dunlin {
namespace {

constexpr size_t kKeys = 100'000;
constexpr size_t kFillBatch = 500;
constexpr char kNamespace[] = "bench";
constexpr uint64_t kEpoch = 1;
constexpr uint64_t kStore = 7;
constexpr uint64_t kBoot = 8;

// Writes batches of records, each key by turns.
class Mirrored {
 public:
  Mirrored() : relay_(OptionsFor(redis_)) {
    if (!relay_.Connect(absl::Now() + absl::Seconds(10)).ok() || !relay_.ReadPosition({kEpoch, kNamespace}).ok()) {
      std::abort();
    }
  }

  void Write(size_t count) {
    MirrorBatch batch;
    batch.epoch = kEpoch;
    batch.origin = kStore;
    batch.is_whole = true;
    for (size_t i = 0; i < count; ++i) {
      const std::string value = bench::DataSetValue(written_);
      Record record;
      record.version.time = (absl::ToUnixMillis(absl::Now()) << 16) + (written_ & 0xffff);
      record.version.origin = kStore;
      record.value = value;
      // 7919 is prime: keys far from one another.
      batch.items.push_back({bench::ManyKeys(written_ * 7919 % kKeys), EncodeRecord(record)});
      ++written_;
    }
    batch.covered_revision = written_;
    const absl::StatusOr<MirrorReply> reply = relay_.Mirror(batch);
    if (!reply.ok() || reply->outcome != MirrorReply::Outcome::kApplied || reply->items.size() != count) {
      std::abort();
    }
  }

  // That of the replica with this store id.
  void Heartbeat(uint64_t store) {
    if (!relay_.ReadPosition({kEpoch, kNamespace, {store, kBoot}}).ok()) {
      std::abort();
    }
  }

  absl::Duration used() const { return ProcessorTime(redis_.pid()); }
  uint16_t port() const { return redis_.port(); }

 private:
  static RedisRelay::Options OptionsFor(const RedisServer& redis) {
    RedisRelay::Options options;
    options.endpoint = redis.unix_endpoint();
    options.names = *MakeRedisNames(kNamespace);
    options.client_name = "bench";
    return options;
  }

  const RedisServer redis_;
  RedisRelay relay_;
  uint64_t written_ = 0;
};

class Least {
 public:
  explicit Least(size_t batch) : script_(redis_.unix_endpoint(), 1, batch, kKeys) {}

  void Write(size_t) {
    script_.Start(0);
    (void)script_.Next(absl::InfiniteFuture());
  }

  absl::Duration used() const { return ProcessorTime(redis_.pid()); }

 private:
  const RedisServer redis_;
  bench::BatchScriptTarget script_;
};

// Fills the data by batches of `fill_batch`, and measures batches of `batch`.
template <typename Writer>
void Measure(benchmark::State& state, size_t fill_batch, size_t batch, Writer* writer) {
  for (size_t filled = 0; filled < kKeys; filled += fill_batch) {
    writer->Write(fill_batch);
  }
  absl::Duration used = writer->used();
  for (auto _ : state) {
    writer->Write(batch);
    // Redis tells subscribers after it has answered: what that takes counts for the next batch.
    const absl::Duration used_before = std::exchange(used, writer->used());
    state.SetIterationTime(absl::ToDoubleSeconds(used - used_before));
  }
  // Of a second of Redis' processor.
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(batch));
}

void BM_Mirror(benchmark::State& state) {
  Mirrored writer;
  Measure(state, kFillBatch, static_cast<size_t>(state.range(0)), &writer);
}
BENCHMARK(BM_Mirror)->Arg(1)->Arg(8)->Arg(64)->Arg(512)->UseManualTime()->Unit(benchmark::kMicrosecond);

// What each further replica costs Redis, but for its heartbeats: /N/M is batches of M writes told to N subscribers.
void BM_MirrorToSubscribers(benchmark::State& state) {
  Mirrored writer;
  const bench::Subscribers subscribers(writer.port(), MakeRedisNames(kNamespace)->channel,
                                       static_cast<size_t>(state.range(0)));
  Measure(state, kFillBatch, static_cast<size_t>(state.range(1)), &writer);
}
BENCHMARK(BM_MirrorToSubscribers)
    ->ArgsProduct({{0, 10, 100, 1000}, {1, 64}})
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

// A heartbeat in a fleet of /N replicas: each sends one a second.
void BM_Heartbeat(benchmark::State& state) {
  Mirrored writer;
  for (int64_t replica = 1; replica <= state.range(0); ++replica) {
    writer.Heartbeat(static_cast<uint64_t>(replica));
  }
  absl::Duration used = writer.used();
  for (auto _ : state) {
    writer.Heartbeat(1);
    const absl::Duration used_before = std::exchange(used, writer.used());
    state.SetIterationTime(absl::ToDoubleSeconds(used - used_before));
  }
}
BENCHMARK(BM_Heartbeat)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->UseManualTime()->Unit(benchmark::kMicrosecond);

void BM_LeastScript(benchmark::State& state) {
  const size_t batch = static_cast<size_t>(state.range(0));
  Least writer(batch);
  Measure(state, batch, batch, &writer);
}
BENCHMARK(BM_LeastScript)->Arg(1)->Arg(8)->Arg(64)->Arg(512)->UseManualTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace dunlin

BENCHMARK_MAIN();
