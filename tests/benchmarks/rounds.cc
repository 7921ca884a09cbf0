#include "tests/benchmarks/rounds.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace dunlin::bench {

void Rounds::Add(const std::string& side, std::function<LoadResult()> measure) {
  sides_.push_back({side, std::move(measure), {}});
}

void Rounds::Run() {
  for (size_t round = 0; round < options_.rounds; ++round) {
    for (size_t i = 0; i < sides_.size(); ++i) {
      Side& side = sides_[(round + i) % sides_.size()];
      side.results.push_back(side.measure());
      const LoadResult& result = side.results.back();
      if (result.failed != 0 || result.calls == 0) {
        std::cerr << "bench: " << side.name << ": " << result.failed << " of " << result.calls << " calls failed"
                  << std::endl;
        std::abort();
      }
      options_.progress(absl::StrFormat("round %d of %d, %s: %.0f/s, %.1f us of server CPU each, p50 %.0f us",
                                        round + 1, options_.rounds, side.name, result.CallsPerSecond(),
                                        result.ServerCpuMicroseconds(), Latency(50)(result)));
    }
  }
}

const Rounds::Side& Rounds::Find(const std::string& name) const {
  const auto side = std::find_if(sides_.begin(), sides_.end(), [&](const Side& each) { return each.name == name; });
  if (side == sides_.end()) {
    std::cerr << "bench: nothing was measured of " << name << std::endl;
    std::abort();
  }
  return *side;
}

std::vector<double> Rounds::Of(const std::string& side, const std::function<double(const LoadResult&)>& figure) const {
  std::vector<double> values;
  for (const LoadResult& result : Find(side).results) {
    values.push_back(figure(result));
  }
  return values;
}

Plot Rounds::LatencyPlot(const std::string& name, const std::string& title,
                         const std::vector<std::string>& sides) const {
  Plot plot;
  plot.name = name;
  plot.title = title;
  plot.x_label = "percentile";
  plot.y_label = "us";
  // By how many calls there is one that takes longer.
  plot.x_marks = {{1, "0"}, {2, "50"}, {10, "90"}, {100, "99"}, {1000, "99.9"}, {10000, "99.99"}};
  for (const std::string& side : sides) {
    Histogram all;
    for (const LoadResult& result : Find(side).results) {
      all.Merge(result.latency);
    }
    Plot::Line line = {side, {}};
    for (double one_in = 1; one_in <= 10000; one_in *= 1.2) {
      const absl::Duration latency = all.Percentile(100 - 100 / one_in);
      line.points.emplace_back(one_in, std::max(0.1, absl::ToDoubleMicroseconds(latency)));
    }
    plot.lines.push_back(std::move(line));
  }
  return plot;
}

double CallsPerSecond(const LoadResult& result) { return result.CallsPerSecond(); }

double CallsPerServerCpuSecond(const LoadResult& result) {
  return static_cast<double>(result.calls) / absl::ToDoubleSeconds(result.server_cpu);
}

double ServerCpuMicroseconds(const LoadResult& result) { return result.ServerCpuMicroseconds(); }

std::function<double(const LoadResult&)> Latency(double percent) {
  return [percent](const LoadResult& result) { return absl::ToDoubleMicroseconds(result.latency.Percentile(percent)); };
}

}  // namespace dunlin::bench
