#include "tests/chaos/run_result.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"

namespace dunlin::chaos {
namespace {

uint64_t Sum(const std::map<std::string, uint64_t>& counts) {
  uint64_t sum = 0;
  for (const auto& [name, count] : counts) {
    sum += count;
  }
  return sum;
}

}  // namespace

uint64_t RunResult::acknowledged_total() const { return Sum(acknowledged); }

uint64_t RunResult::faults_total() const { return Sum(faults); }

absl::Duration RunResult::convergence_median() const {
  if (convergences.empty()) {
    return absl::ZeroDuration();
  }
  std::vector<absl::Duration> sorted = convergences;
  const auto middle = sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

absl::Duration RunResult::convergence_max() const {
  return convergences.empty() ? absl::ZeroDuration() : *std::max_element(convergences.begin(), convergences.end());
}

std::string Summarise(const RunResult& result) {
  return absl::StrFormat(
      "chaos: seed %d, %d replicas, %.1f min, %d rounds, %d faults of %d kinds, %d operations (%.0f/s), "
      "%d acknowledged, %d uncertain, %d refused, converged in %.2f s (median) %.2f s (max), %d watch events, "
      "%d resumes, %d resets, %d moves of roaming watches, %d resets, %.0f MB per replica at most, %d violations%s",
      result.seed, result.replicas, absl::ToDoubleMinutes(result.duration), result.rounds, result.faults_total(),
      result.faults.size(), result.operations, result.operations_per_second, result.acknowledged_total(),
      result.uncertain, result.refused, absl::ToDoubleSeconds(result.convergence_median()),
      absl::ToDoubleSeconds(result.convergence_max()), result.watch_events, result.watch_resumes, result.watch_resets,
      result.roamer_moves, result.roamer_resets, static_cast<double>(result.resident_max_bytes) / 1e6,
      result.violations.size(), result.interrupted ? ", interrupted" : "");
}

std::string ToJson(const RunResult& result) {
  const nlohmann::ordered_json json = {
      {"seed", result.seed},
      {"replicas", result.replicas},
      {"duration_seconds", absl::ToDoubleSeconds(result.duration)},
      {"rounds", result.rounds},
      {"operations", result.operations},
      {"operations_per_second", result.operations_per_second},
      {"acknowledged", result.acknowledged},
      {"uncertain", result.uncertain},
      {"refused", result.refused},
      {"faults", result.faults},
      {"left_out", result.left_out},
      {"convergence_seconds",
       {{"p50", absl::ToDoubleSeconds(result.convergence_median())},
        {"max", absl::ToDoubleSeconds(result.convergence_max())}}},
      {"slowest_convergence_ms", result.slowest_convergence_ms},
      {"watch", {{"events", result.watch_events}, {"resumes", result.watch_resumes}, {"resets", result.watch_resets}}},
      {"roaming_watch",
       {{"events", result.roamer_events}, {"moves", result.roamer_moves}, {"resets", result.roamer_resets}}},
      {"resident_max_bytes", result.resident_max_bytes},
      {"interrupted", result.interrupted},
      {"violations", result.violations},
  };
  return json.dump(2) + "\n";
}

}  // namespace dunlin::chaos
