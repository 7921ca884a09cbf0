#ifndef DUNLIN_TESTS_CHAOS_WRITERS_H_
#define DUNLIN_TESTS_CHAOS_WRITERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "storage/mutex.h"
#include "tests/chaos/history.h"
#include "tests/chaos/write_session.h"

namespace dunlin::chaos {

// Writers are clients that write to all replicas at a steady rate and keep in a History what they are told. Several
// write the same keys at different replicas, so that writes race. Each value is written once.
//
// Thread-safety: one thread, the owner's, uses Writers.
class Writers {
 public:
  struct Options {
    // Of the replicas; they stay the same over restarts.
    std::vector<std::string> addresses;
    // Of all threads together; a replica that does not answer makes them fall behind.
    double operations_per_second = 400;
    size_t threads = 8;
    uint64_t keys = 2000;
    uint64_t seed = 1;
  };

  // `history` must outlive this object. They pause at first.
  Writers(const Options& options, History* history);
  // Stops.
  ~Writers();
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  void Resume() ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns once no call is under way. A call lasts for at most kCallTimeout.
  void Pause() ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls that were made, whatever became of them, and how many a second over the time without pauses.
  uint64_t operations() const ABSL_LOCKS_EXCLUDED(mutex_);
  double AchievedRate() const ABSL_LOCKS_EXCLUDED(mutex_);

  static constexpr absl::Duration kCallTimeout = absl::Seconds(2);

 private:
  void Run(WriteSession* session);
  // Waits until the next call is due. Returns false at the end.
  bool WaitForTurn() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndTurn() ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool paused_ ABSL_GUARDED_BY(mutex_) = true;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  size_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t operations_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time resumed_at_ ABSL_GUARDED_BY(mutex_);
  absl::Duration active_ ABSL_GUARDED_BY(mutex_);
  // When the next call is due.
  absl::Time next_ ABSL_GUARDED_BY(mutex_);

  std::vector<std::unique_ptr<WriteSession>> sessions_;
  std::vector<std::thread> threads_;
};

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_WRITERS_H_
