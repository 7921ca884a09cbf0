#ifndef DUNLIN_TESTS_BENCHMARKS_PLOT_H_
#define DUNLIN_TESTS_BENCHMARKS_PLOT_H_

#include <string>
#include <utility>
#include <vector>

namespace dunlin::bench {

// Plot is a line chart with logarithmic axes.
//
// Thread-safety: a plain value.
struct Plot {
  struct Line {
    std::string name;
    // x and y, both above 0, by rising x.
    std::vector<std::pair<double, double>> points;
  };

  // The name of its file, without ".svg".
  std::string name;
  std::string title;
  std::string x_label;
  std::string y_label;
  // Where the x axis has a mark, and what it says; none: at powers of ten.
  std::vector<std::pair<double, std::string>> x_marks = {};
  std::vector<Line> lines = {};
};

// The picture as an SVG document (https://www.w3.org/TR/SVG11/). REQUIRES: a line with a point.
std::string ToSvg(const Plot& plot);

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_PLOT_H_
