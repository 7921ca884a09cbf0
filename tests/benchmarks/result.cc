#include "tests/benchmarks/result.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace dunlin::bench {

bool Goal::IsMet(double ratio) const {
  switch (kind) {
    case Kind::kNone:
      return true;
    case Kind::kAtMost:
      return ratio <= bound;
    case Kind::kAtLeast:
      return ratio >= bound;
  }
  return false;
}

std::string Goal::ToString() const {
  if (kind == Kind::kNone) {
    return "";
  }
  return absl::StrFormat("%s %.2f", kind == Kind::kAtMost ? "<=" : ">=", bound);
}

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

Result Compare(absl::string_view name, absl::string_view unit, const std::vector<double>& values,
               absl::string_view baseline, const std::vector<double>& baseline_values, Goal goal) {
  Result result;
  result.name = std::string(name);
  result.unit = std::string(unit);
  result.value = MedianOf(values);
  result.goal = goal;
  if (baseline_values.empty()) {
    return result;
  }
  std::vector<double> ratios;
  for (size_t i = 0; i < values.size(); ++i) {
    ratios.push_back(values[i] / baseline_values[i]);
  }
  result.baseline = std::string(baseline);
  result.baseline_value = MedianOf(baseline_values);
  result.ratio = MedianOf(ratios);
  const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
  result.ratio_least = *least;
  result.ratio_most = *most;
  return result;
}

std::string ToTable(const std::vector<Result>& results) {
  std::string table = absl::StrFormat("%-24s %12s %-10s %-36s %12s %7s %-15s %-9s %s\n", "name", "value", "unit",
                                      "baseline", "its value", "ratio", "[least-most]", "goal", "met");
  for (const Result& result : results) {
    absl::StrAppendFormat(&table, "%-24s %12.2f %-10s ", result.name, result.value, result.unit);
    if (!result.baseline.empty()) {
      absl::StrAppendFormat(&table, "%-36s %12.2f %7.2f %-15s %-9s %s", result.baseline, result.baseline_value,
                            result.ratio, absl::StrFormat("[%.2f-%.2f]", result.ratio_least, result.ratio_most),
                            result.goal.ToString(),
                            result.goal.kind == Goal::Kind::kNone ? ""
                            : result.goal.IsMet(result.ratio)     ? "yes"
                                                                  : "NO");
    }
    absl::StrAppend(&table, "\n");
  }
  return table;
}

std::string ToJson(const std::vector<Result>& results) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Result& result : results) {
    nlohmann::ordered_json one;
    one["name"] = result.name;
    one["value"] = result.value;
    one["unit"] = result.unit;
    const bool compared = !result.baseline.empty();
    const bool has_goal = compared && result.goal.kind != Goal::Kind::kNone;
    one["baseline"] = compared ? nlohmann::ordered_json(result.baseline) : nlohmann::ordered_json();
    one["baseline_value"] = compared ? nlohmann::ordered_json(result.baseline_value) : nlohmann::ordered_json();
    one["ratio"] = compared ? nlohmann::ordered_json(result.ratio) : nlohmann::ordered_json();
    one["goal"] = has_goal ? nlohmann::ordered_json(result.goal.ToString()) : nlohmann::ordered_json();
    one["met"] = has_goal ? nlohmann::ordered_json(result.goal.IsMet(result.ratio)) : nlohmann::ordered_json();
    one["spread"] =
        compared ? nlohmann::ordered_json({result.ratio_least, result.ratio_most}) : nlohmann::ordered_json();
    all.push_back(std::move(one));
  }
  return all.dump(2) + "\n";
}

}  // namespace dunlin::bench
