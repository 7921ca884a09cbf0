// Question: what does it cost the committer to hand a change to the one who watches its key, by how many watch other
// keys? Method: listeners on as many keys (or prefixes), one after another of which is written; the listener only
// counts. It is the routing alone: what follows, the stream, is in `tests/bench --only watch`.
//
//   bazel run //tests/benchmarks/components:change_feed_benchmark -- --benchmark_repetitions=7
//       --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "benchmark/benchmark.h"
#include "storage/change.h"
#include "storage/change_feed.h"
#include "storage/selector.h"

namespace dunlin {
namespace {

class Counter final : public ChangeFeed::Listener {
 public:
  void OnChanges(absl::Span<const ChangePtr> changes) override { count_ += changes.size(); }
  size_t count() const { return count_; }

 private:
  size_t count_ = 0;
};

std::string KeyOf(size_t i) { return absl::StrCat("devices/", i, "/state"); }

void PublishOne(benchmark::State& state, Selector::Kind kind) {
  const auto watched = static_cast<size_t>(state.range(0));
  ChangeFeed feed;
  std::vector<std::unique_ptr<Counter>> counters;
  std::vector<ChangePtr> changes;
  for (size_t i = 0; i < watched; ++i) {
    Selector selector;
    selector.kind = kind;
    selector.text = kind == Selector::Kind::kPrefix ? absl::StrCat("devices/", i, "/") : KeyOf(i);
    counters.push_back(std::make_unique<Counter>());
    feed.Subscribe(selector, counters.back().get());
    auto change = std::make_shared<Change>();
    change->key = KeyOf(i);
    changes.push_back(std::move(change));
  }
  uint64_t revision = 0;
  for (auto _ : state) {
    feed.Publish({&changes[revision % watched], 1}, revision + 1);
    ++revision;
  }
  size_t told = 0;
  for (const std::unique_ptr<Counter>& counter : counters) {
    told += counter->count();
    feed.Unsubscribe(counter.get());
  }
  if (told != revision) {
    state.SkipWithError("not each change was handed to exactly one listener");
  }
}

void Key(benchmark::State& state) { PublishOne(state, Selector::Kind::kKey); }
void Prefix(benchmark::State& state) { PublishOne(state, Selector::Kind::kPrefix); }

BENCHMARK(Key)->Arg(1)->Arg(100)->Arg(10000);
BENCHMARK(Prefix)->Arg(1)->Arg(100)->Arg(10000);

}  // namespace
}  // namespace dunlin

BENCHMARK_MAIN();
