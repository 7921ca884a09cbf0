#ifndef DUNLIN_TESTS_BENCHMARKS_BENCH_H_
#define DUNLIN_TESTS_BENCHMARKS_BENCH_H_

#include <string>
#include <vector>

#include "tests/benchmarks/plot.h"
#include "tests/benchmarks/result.h"
#include "tests/benchmarks/rounds.h"

namespace dunlin::bench {

// What a case has found.
struct Report {
  std::vector<Result> results;
  std::vector<Plot> plots = {};
};

// A group of results that one set of servers gives.
struct Case {
  std::string name;
  std::string what;
  Report (*measure)(const BenchOptions& options);
};

// All there are, in the order in which they run.
const std::vector<Case>& AllCases();

// Those of each file of cases.
Report MeasureFanout(const BenchOptions& options);
Report MeasureFleet(const BenchOptions& options);
Report MeasureGet(const BenchOptions& options);
Report MeasureGrowth(const BenchOptions& options);
Report MeasurePropagation(const BenchOptions& options);
Report MeasurePut(const BenchOptions& options);
Report MeasureScaling(const BenchOptions& options);
Report MeasureStart(const BenchOptions& options);
Report MeasureWatch(const BenchOptions& options);

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_BENCH_H_
