#ifndef DUNLIN_TESTS_BENCHMARKS_LOAD_LOAD_RUN_H_
#define DUNLIN_TESTS_BENCHMARKS_LOAD_LOAD_RUN_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "tests/benchmarks/load/histogram.h"
#include "tests/benchmarks/load/load_target.h"

namespace dunlin::bench {

// How a server is put under load.
struct LoadPlan {
  // Calls under way at a time, at most; no more than the target has slots.
  size_t outstanding = 64;
  // Calls a second, begun at even distances whether the server keeps up or not (open loop). 0: each call that ends
  // begins the next (closed loop).
  double rate = 0;
  // What comes first is not counted: connections, caches, branch predictors.
  absl::Duration warm_up = absl::Milliseconds(300);
  absl::Duration duration = absl::Seconds(2);
};

// What came of it, of the calls that ended after the warm-up.
struct LoadResult {
  uint64_t calls = 0;
  uint64_t failed = 0;
  absl::Duration elapsed;
  // In an open loop from the moment when a call was due, so that a server that stalls does not hide those that had to
  // wait ("coordinated omission").
  Histogram latency;
  // Processor time, user and system, of the servers that were named and of this thread.
  absl::Duration server_cpu;
  absl::Duration client_cpu;

  double CallsPerSecond() const;
  double ServerCpuMicroseconds() const;
};

// Runs `plan` against `target`; `servers` are the processes whose processor time counts.
LoadResult RunLoad(const LoadPlan& plan, const std::vector<pid_t>& servers, LoadTarget* target);

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_LOAD_LOAD_RUN_H_
