#ifndef DUNLIN_TESTS_BENCHMARKS_LOAD_SCRIPT_TARGET_H_
#define DUNLIN_TESTS_BENCHMARKS_LOAD_SCRIPT_TARGET_H_

#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "storage/mutex.h"
#include "sync/redis_connection.h"
#include "sync/redis_url.h"
#include "tests/benchmarks/load/histogram.h"
#include "tests/benchmarks/load/load_run.h"

namespace dunlin::bench {

// A value of the data set's length that says when it was made, and its age.
std::string TimestampedValue();
absl::Duration AgeOf(const std::string& value);

// ScriptTarget is the least that replication by Redis can do: a script that stores a value, numbers it and publishes
// it, and a subscriber.
//
// Thread-safety: one thread at a time.
class ScriptTarget {
 public:
  // Aborts the program when Redis does not answer; so do the calls.
  explicit ScriptTarget(const RedisEndpoint& endpoint);
  ~ScriptTarget();
  ScriptTarget(const ScriptTarget&) = delete;
  ScriptTarget& operator=(const ScriptTarget&) = delete;

  // Calls the script so often for so long. The latency is that from the call to the subscriber.
  LoadResult Run(double calls_per_second, absl::Duration duration);

 private:
  class Caller;

  void Subscribe();

  RedisConnection caller_;
  RedisConnection subscriber_;
  Mutex mutex_;
  Histogram latency_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_LOAD_SCRIPT_TARGET_H_
