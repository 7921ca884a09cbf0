// Question: is EventRing as fast as the queues it stands in for, although it also counts bytes?
// Method: rings of the same number of slots, used in two ways.
//   two_threads  one pushes, one pops, as fast as they can; a full or empty queue is tried again after a yield.
//   one_thread   pushes until the queue is full, pops until it is empty: what the operations themselves cost.
// On a machine that does other things as well, only the minima of many interleaved repetitions, and CPU times, can be
// compared:
//
//   bazel run //tests/benchmarks/components:event_ring_benchmark -- --benchmark_repetitions=50
//       --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true

#include <algorithm>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "readerwriterqueue/readerwriterqueue.h"
#include "sync/event_ring.h"

namespace dunlin {
namespace {

constexpr size_t kSlots = 4096;
constexpr uint64_t kElements = 1 << 18;

// A typical event: a key and a short value.
constexpr size_t kBlobSizeBytes = 256;

// Each of these hands a popped element to `use` as something of its own, as a consumer that keeps it would have it.

template <typename T>
class Dunlin {
 public:
  bool Push(T&& element, size_t size_bytes) { return ring_->TryPush(std::move(element), size_bytes); }

  template <typename Use>
  bool Pop(Use use) {
    const std::optional<T> element = ring_->TryPop();
    if (element.has_value()) {
      use(*element);
    }
    return element.has_value();
  }

 private:
  const std::unique_ptr<EventRing<T>> ring_ = *EventRing<T>::Create(kSlots, size_t{64} << 20);
};

template <typename T>
class Boost {
 public:
  bool Push(T&& element, size_t) { return queue_->push(std::move(element)); }

  template <typename Use>
  bool Pop(Use use) {
    // pop(T&) would copy the element.
    return queue_->consume_one([&use](T& element) {
      const T own = std::move(element);
      use(own);
    });
  }

 private:
  using Queue = boost::lockfree::spsc_queue<T, boost::lockfree::capacity<kSlots>>;
  const std::unique_ptr<Queue> queue_ = std::make_unique<Queue>();
};

template <typename T>
class Moodycamel {
 public:
  bool Push(T&& element, size_t) { return queue_.try_enqueue(std::move(element)); }

  template <typename Use>
  bool Pop(Use use) {
    T own;
    if (!queue_.try_dequeue(own)) {
      return false;
    }
    use(own);
    return true;
  }

 private:
  moodycamel::ReaderWriterQueue<T> queue_{kSlots};
};

uint64_t MakeElement(uint64_t number, uint64_t*) { return number; }
std::string MakeElement(uint64_t number, std::string*) {
  return std::string(kBlobSizeBytes, static_cast<char>('a' + number % 26));
}

// What shows that the element has really arrived.
uint64_t Touch(uint64_t element) { return element; }
uint64_t Touch(const std::string& element) { return static_cast<unsigned char>(element.back()); }

size_t SizeOf(uint64_t) { return sizeof(uint64_t); }
size_t SizeOf(const std::string& element) { return element.size(); }

// Makes one element and pushes it, however often that takes: what is tried again is the push alone.
template <typename Queue, typename T>
void PushElement(Queue* queue, uint64_t number, T* element, uint64_t* checksum) {
  *element = MakeElement(number, element);
  *checksum += Touch(*element);
  const size_t size_bytes = SizeOf(*element);
  while (!queue->Push(std::move(*element), size_bytes)) {
    std::this_thread::yield();
  }
}

template <template <typename> class Queue, typename T>
void BM_TwoThreads(benchmark::State& state) {
  for (auto _ : state) {
    Queue<T> queue;
    uint64_t pushed_checksum = 0;
    std::thread producer([&queue, &pushed_checksum] {
      T element{};
      for (uint64_t i = 0; i < kElements; ++i) {
        PushElement(&queue, i, &element, &pushed_checksum);
      }
    });
    uint64_t popped_checksum = 0;
    for (uint64_t i = 0; i < kElements; ++i) {
      while (!queue.Pop([&popped_checksum](const T& element) { popped_checksum += Touch(element); })) {
        std::this_thread::yield();
      }
    }
    producer.join();
    if (popped_checksum != pushed_checksum) {
      state.SkipWithError("elements were lost or damaged");
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kElements));
}

template <template <typename> class Queue, typename T>
void BM_OneThread(benchmark::State& state) {
  Queue<T> queue;
  uint64_t pushed_checksum = 0;
  uint64_t popped_checksum = 0;
  T element{};
  for (auto _ : state) {
    for (uint64_t i = 0; i < kElements;) {
      const uint64_t filled = i + kSlots / 2;
      for (; i < filled; ++i) {
        PushElement(&queue, i, &element, &pushed_checksum);
      }
      while (queue.Pop([&popped_checksum](const T& popped) { popped_checksum += Touch(popped); })) {
      }
    }
  }
  if (popped_checksum != pushed_checksum) {
    state.SkipWithError("elements were lost or damaged");
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kElements));
}

// The repetition that was disturbed least.
double Minimum(const std::vector<double>& times) { return *std::min_element(times.begin(), times.end()); }

template <template <typename> class Queue, typename T>
void Register(const std::string& name) {
  for (const auto& [use, function] : {std::make_pair("two_threads/", BM_TwoThreads<Queue, T>),
                                      std::make_pair("one_thread/", BM_OneThread<Queue, T>)}) {
    benchmark::RegisterBenchmark((use + name).c_str(), function)
        ->UseRealTime()
        // Of both threads.
        ->MeasureProcessCPUTime()
        ->Unit(benchmark::kMillisecond)
        ->Iterations(1)
        ->ComputeStatistics("min", Minimum);
  }
}

}  // namespace
}  // namespace dunlin

int main(int argc, char** argv) {
  dunlin::Register<dunlin::Dunlin, uint64_t>("u64/dunlin");
  dunlin::Register<dunlin::Boost, uint64_t>("u64/boost");
  dunlin::Register<dunlin::Moodycamel, uint64_t>("u64/moodycamel");
  dunlin::Register<dunlin::Dunlin, std::string>("blob/dunlin");
  dunlin::Register<dunlin::Boost, std::string>("blob/boost");
  dunlin::Register<dunlin::Moodycamel, std::string>("blob/moodycamel");
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
