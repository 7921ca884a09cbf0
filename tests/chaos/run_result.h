#ifndef DUNLIN_TESTS_CHAOS_RUN_RESULT_H_
#define DUNLIN_TESTS_CHAOS_RUN_RESULT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace dunlin::chaos {

// What came of a run, in numbers.
//
// Thread-safety: a plain value.
struct RunResult {
  uint64_t seed = 0;
  size_t replicas = 0;
  absl::Duration duration;
  uint64_t rounds = 0;
  // Calls of clients, and how many a second while they wrote.
  uint64_t operations = 0;
  double operations_per_second = 0;
  // Writes of single keys: acknowledged, by the name of their kind; that may have taken place; that were refused.
  std::map<std::string, uint64_t> acknowledged;
  uint64_t uncertain = 0;
  uint64_t refused = 0;
  // By the name of their kind.
  std::map<std::string, uint64_t> faults;
  std::map<std::string, uint64_t> slowest_convergence_ms;
  // Faults that this machine does not allow, and why.
  std::map<std::string, std::string> left_out;
  // Of each round: from the end of its faults until all digests were equal.
  std::vector<absl::Duration> convergences;
  uint64_t watch_events = 0;
  uint64_t watch_resumes = 0;
  uint64_t watch_resets = 0;
  // Of the watches that roam: events, streams that went on after a token, and those of them that began with RESET.
  uint64_t roamer_events = 0;
  uint64_t roamer_moves = 0;
  uint64_t roamer_resets = 0;
  size_t resident_max_bytes = 0;
  // One sentence each; empty if all went well.
  std::vector<std::string> violations;
  bool interrupted = false;

  uint64_t acknowledged_total() const;
  uint64_t faults_total() const;
  absl::Duration convergence_median() const;
  absl::Duration convergence_max() const;
};

// One line.
std::string Summarise(const RunResult& result);

// A JSON object with all of it.
std::string ToJson(const RunResult& result);

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_RUN_RESULT_H_
