#ifndef DUNLIN_TESTS_INTEGRATION_LOAD_WRITER_H_
#define DUNLIN_TESTS_INTEGRATION_LOAD_WRITER_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "storage/mutex.h"

namespace dunlin {

// LoadWriter writes to one replica at a steady rate, in small batches from a few threads, until it is stopped: random
// keys out of a fixed set, and in each batch one counter of the thread's own that only grows.
//
// When each batch is due follows from its number alone, so that a stall is made up for: whoever can keep the rate is on
// schedule again soon after one, and whoever cannot falls behind for good. That makes OnSchedule() a test of the rate
// that no hiccup of the machine upsets.
//
// Thread-safety: one thread uses a LoadWriter.
class LoadWriter {
 public:
  struct Options {
    uint64_t keys = 1000;
    // 0: as fast as it goes.
    double writes_per_second = 0;
    size_t threads = 2;
    size_t batch_writes = 10;
    uint64_t seed = 1;
  };

  // Starts writing. `client` must outlive this object.
  LoadWriter(Client* client, const Options& options);
  // Stops.
  ~LoadWriter();
  LoadWriter(const LoadWriter&) = delete;
  LoadWriter& operator=(const LoadWriter&) = delete;

  void Stop();

  uint64_t writes() const { return writes_.load(std::memory_order_relaxed); }
  uint64_t errors() const { return errors_.load(std::memory_order_relaxed); }
  // From the start to now, or to the stop.
  double AchievedWritesPerSecond() const;
  // Whether the rate from the start to now is the one that was asked for.
  bool OnSchedule() const { return AchievedWritesPerSecond() >= options_.writes_per_second; }
  // The longest that an acknowledgement came after the batch was due. Without a rate it means nothing.
  absl::Duration LongestDelay() const { return absl::Nanoseconds(longest_delay_ns_.load(std::memory_order_relaxed)); }

  static std::string KeyName(uint64_t number);
  static std::string CounterName(size_t thread);

 private:
  void Run(size_t thread);
  std::vector<client::Write> MakeBatch(size_t thread, uint64_t round, uint64_t* random) const;
  void NoteDelay(absl::Duration delay);
  // Waits until `when`; returns whether to go on.
  bool WaitUntil(absl::Time when);

  Client* const client_;
  const Options options_;
  const absl::Time started_at_;
  // Counters go on growing from one writer to the next.
  const uint64_t first_round_;
  absl::Time stopped_at_ = absl::InfiniteFuture();

  // Statistics: nothing is ordered by them, hence relaxed.
  std::atomic<uint64_t> writes_{0};
  std::atomic<uint64_t> errors_{0};
  std::atomic<int64_t> longest_delay_ns_{0};

  Mutex mutex_;
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::thread> threads_;
};

// Puts all keys of a LoadWriter with `keys` and `threads`, in large batches. Returns the first error.
absl::Status Preload(Client& client, uint64_t keys, size_t threads);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_INTEGRATION_LOAD_WRITER_H_
