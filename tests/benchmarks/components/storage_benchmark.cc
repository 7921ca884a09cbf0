// Question: what do reads, commits and the feed cost, and what does group commit gain?
// Method: real stores under /tmp, on whatever disk that is; commits wait for the disk. Writers/N keeps N puts under way
// from one thread, so that groups of about N form; its figure is puts a second.
//
//   bazel run //tests/benchmarks/components:storage_benchmark -- --benchmark_min_time=1

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "storage/change_feed.h"
#include "storage/clock.h"
#include "storage/committer.h"
#include "storage/hybrid_clock.h"
#include "storage/mutex.h"
#include "storage/record.h"
#include "storage/store.h"
#include "storage/write.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

constexpr int kKeys = 100'000;
constexpr size_t kTypicalValueSizeBytes = 200;

std::string KeyOf(uint64_t number) { return absl::StrCat("config/service/", number); }

Mutation PutOf(std::string key) {
  Mutation mutation;
  mutation.key = std::move(key);
  mutation.value = std::string(kTypicalValueSizeBytes, 'v');
  return mutation;
}

// An open store with its committer.
class Rig {
 public:
  explicit Rig(bool sync) {
    Store::Options options;
    options.directory = dir_.Join("data");
    options.sync = sync;
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options, &clock_);
    if (!store.ok()) {
      std::abort();
    }
    store_ = *std::move(store);
    committer_ = std::make_unique<Committer>(Committer::Options(), store_.get(), &clock_, &feed_);
  }

  // Starts a write, waiting while `under_way_max` others are under way.
  void Write(std::vector<Mutation> mutations, size_t under_way_max) {
    {
      MutexLock lock(&mutex_);
      while (under_way_ >= under_way_max) {
        answered_.Wait(&mutex_);
      }
      ++under_way_;
    }
    LocalWrite write;
    write.mutations = std::move(mutations);
    committer_->Write(std::move(write), [this](absl::StatusOr<WriteResult> result) {
      if (!result.ok()) {
        std::abort();
      }
      MutexLock lock(&mutex_);
      --under_way_;
      answered_.Signal();
    });
  }

  void Drain() {
    MutexLock lock(&mutex_);
    while (under_way_ > 0) {
      answered_.Wait(&mutex_);
    }
  }

  Store& store() { return *store_; }

 private:
  TempDir dir_;
  SystemClock system_clock_;
  HybridClock clock_{&system_clock_};
  std::unique_ptr<Store> store_;
  ChangeFeed feed_;

  Mutex mutex_;
  CondVar answered_;
  size_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;

  // Last: its thread uses all of the above.
  std::unique_ptr<Committer> committer_;
};

// ---- Records ----

Record RecordOf(const std::string& value) {
  Record record;
  record.version = Version{uint64_t{1'700'000'000'000} << kVersionCounterBits, 1};
  record.value = value;
  return record;
}

void EncodesRecords(benchmark::State& state) {
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  for (auto _ : state) {
    benchmark::DoNotOptimize(EncodeRecord(RecordOf(value)));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(EncodesRecords)->Arg(200)->Arg(65536);

void DecodesRecords(benchmark::State& state) {
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  const std::string encoded = EncodeRecord(RecordOf(value));
  for (auto _ : state) {
    benchmark::DoNotOptimize(DecodeRecord(encoded));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(DecodesRecords)->Arg(200)->Arg(65536);

// ---- Reads ----

Rig& FilledRig() {
  static Rig rig(/*sync=*/false);
  static const bool filled = [] {
    for (int i = 0; i < kKeys; i += 500) {
      std::vector<Mutation> mutations;
      for (int n = i; n < i + 500; ++n) {
        mutations.push_back(PutOf(KeyOf(n)));
      }
      rig.Write(std::move(mutations), 8);
    }
    rig.Drain();
    return true;
  }();
  (void)filled;
  return rig;
}

void Gets(benchmark::State& state, bool hit) {
  const Store& store = FilledRig().store();
  uint64_t number = 0;
  for (auto _ : state) {
    // A large odd step visits the keys out of order.
    number = (number + 7919) % kKeys;
    benchmark::DoNotOptimize(store.Get(KeyOf(hit ? number : number + kKeys)));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(Gets, hit, true)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK_CAPTURE(Gets, miss, false)->UseRealTime();

// ---- Commits ----

void CommitsPuts(benchmark::State& state) {
  Rig rig(/*sync=*/true);
  uint64_t number = 0;
  for (auto _ : state) {
    rig.Write({PutOf(KeyOf(number++ % kKeys))}, static_cast<size_t>(state.range(0)));
  }
  rig.Drain();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(CommitsPuts)->ArgName("under_way")->Arg(1)->Arg(16)->Arg(64)->Arg(256)->UseRealTime();

// ---- The feed ----

class Sink final : public ChangeFeed::Listener {
 public:
  void OnChanges(absl::Span<const ChangePtr> changes) override { benchmark::DoNotOptimize(changes.size()); }
};

// Publishes groups of 16 changes to listeners that watch everything, or each a key that does not change.
void Publishes(benchmark::State& state, bool everything) {
  ChangeFeed feed;
  std::vector<std::unique_ptr<Sink>> sinks;
  for (int64_t i = 0; i < state.range(0); ++i) {
    sinks.push_back(std::make_unique<Sink>());
    Selector selector;
    if (!everything) {
      selector = {Selector::Kind::kKey, absl::StrCat("other/", i)};
    }
    feed.Subscribe(selector, sinks.back().get());
  }
  std::vector<ChangePtr> changes;
  for (uint64_t i = 1; i <= 16; ++i) {
    Change change;
    change.revision = i;
    change.key = KeyOf(i);
    changes.push_back(std::make_shared<const Change>(change));
  }
  for (auto _ : state) {
    feed.Publish(changes, changes.size());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(changes.size()));
}
BENCHMARK_CAPTURE(Publishes, to_all, true)->Arg(0)->Arg(1)->Arg(10'000);
BENCHMARK_CAPTURE(Publishes, to_none, false)->Arg(1)->Arg(10'000);

}  // namespace
}  // namespace dunlin
