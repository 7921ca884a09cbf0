#ifndef DUNLIN_TESTS_BENCHMARKS_RESULT_H_
#define DUNLIN_TESTS_BENCHMARKS_RESULT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace dunlin::bench {

// What a ratio should be.
struct Goal {
  enum class Kind { kNone, kAtMost, kAtLeast };
  Kind kind = Kind::kNone;
  double bound = 0;

  static Goal AtMost(double bound) { return {Kind::kAtMost, bound}; }
  static Goal AtLeast(double bound) { return {Kind::kAtLeast, bound}; }

  bool IsMet(double ratio) const;
  // Like "<= 1.10"; "" for none.
  std::string ToString() const;
};

// One line of the table: what was measured, and beside what. The machines are shared and have fast and slow hours, so
// that ratios of one run count, and the values themselves hardly do.
//
// Thread-safety: a plain value.
struct Result {
  std::string name;
  // Medians over the rounds.
  double value = 0;
  std::string unit;
  // What it is compared with; "" for nothing.
  std::string baseline;
  double baseline_value = 0;
  // The median of the rounds' ratios, and the least and the most of them.
  double ratio = 0;
  double ratio_least = 0;
  double ratio_most = 0;
  Goal goal;
};

// Makes a Result of the values of all rounds, those of the same round next to each other in time.
// REQUIRES: as many values as baseline values, or no baseline; at least one.
Result Compare(absl::string_view name, absl::string_view unit, const std::vector<double>& values,
               absl::string_view baseline, const std::vector<double>& baseline_values, Goal goal = {});

double MedianOf(std::vector<double> values);

// A table for people, and the same for programs: an array of objects as docs/PERFORMANCE.md describes them.
std::string ToTable(const std::vector<Result>& results);
std::string ToJson(const std::vector<Result>& results);

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_RESULT_H_
