#ifndef DUNLIN_TESTS_BENCHMARKS_ROUNDS_H_
#define DUNLIN_TESTS_BENCHMARKS_ROUNDS_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/benchmarks/load/load_run.h"
#include "tests/benchmarks/plot.h"

namespace dunlin::bench {

// How much is measured.
struct BenchOptions {
  // Every comparison is made so many times, its sides by turns.
  size_t rounds = 5;
  // How long each side is measured in each round.
  absl::Duration window = absl::Seconds(2);
  // Told what is being done, in a line.
  std::function<void(const std::string&)> progress = [](const std::string&) {};
};

// Rounds measures several sides by turns, so that a slow moment of the machine meets all of them.
//
// Thread-safety: one thread at a time.
class Rounds {
 public:
  explicit Rounds(const BenchOptions& options) : options_(options) {}

  // Another side, which `measure` measures once.
  void Add(const std::string& side, std::function<LoadResult()> measure);

  // Measures all sides, round by round, each round beginning with another side.
  void Run();

  // What `figure` tells of each round of `side`. REQUIRES: Run() has returned, and there is such a side.
  std::vector<double> Of(const std::string& side, const std::function<double(const LoadResult&)>& figure) const;

  // The latencies of all rounds of `sides`, by percentile.
  Plot LatencyPlot(const std::string& name, const std::string& title, const std::vector<std::string>& sides) const;

 private:
  struct Side {
    std::string name;
    std::function<LoadResult()> measure;
    std::vector<LoadResult> results;
  };

  const Side& Find(const std::string& name) const;

  const BenchOptions options_;
  std::vector<Side> sides_;
};

// What a LoadResult tells.
double CallsPerSecond(const LoadResult& result);
double CallsPerServerCpuSecond(const LoadResult& result);
double ServerCpuMicroseconds(const LoadResult& result);
// The percentile of the latency, in microseconds.
std::function<double(const LoadResult&)> Latency(double percent);

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_ROUNDS_H_
