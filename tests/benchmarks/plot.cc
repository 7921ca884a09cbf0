#include "tests/benchmarks/plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace dunlin::bench {
namespace {

constexpr double kWidth = 900;
constexpr double kHeight = 460;
constexpr double kLeft = 80;
constexpr double kRight = 250;
constexpr double kTop = 44;
constexpr double kBottom = 56;
constexpr double kLegendStep = 20;
// Told apart by people who do not see red or green (Okabe and Ito, https://jfly.uni-koeln.de/color/).
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};

// Where a value lies between two others, on a logarithmic axis: from 0 to 1.
struct Axis {
  double least = std::numeric_limits<double>::infinity();
  double most = 0;

  void Cover(double value) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
  double At(double value) const { return most <= least ? 0.5 : std::log(value / least) / std::log(most / least); }
};

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

std::string Text(double x, double y, const char* anchor, const std::string& text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, Escaped(text));
}

std::string Stroke(double x1, double y1, double x2, double y2, const char* colour) {
  return absl::StrFormat("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x1, y1, x2, y2,
                         colour);
}

class Drawing {
 public:
  explicit Drawing(const Plot& plot) : plot_(plot) {
    for (const Plot::Line& line : plot.lines) {
      for (const auto& [x, y] : line.points) {
        x_.Cover(x);
        y_.Cover(y);
      }
    }
    // Whole powers of ten above and below.
    y_.least = std::pow(10, std::floor(std::log10(y_.least)));
    y_.most = std::pow(10, std::ceil(std::log10(y_.most) + 1e-9));
  }

  std::string Draw() {
    std::string svg = absl::StrFormat(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" "
        "font-size=\"13\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
        kWidth, kHeight);
    absl::StrAppend(&svg, Text(kLeft, 26, "start", plot_.title), Text(X(x_.most), kHeight - 14, "end", plot_.x_label),
                    Text(8, kTop - 4, "start", plot_.y_label), Grid());
    for (size_t i = 0; i < plot_.lines.size(); ++i) {
      absl::StrAppend(&svg, DrawLine(i));
    }
    return absl::StrCat(svg, "</svg>\n");
  }

 private:
  double X(double value) const { return kLeft + x_.At(value) * (kWidth - kLeft - kRight); }
  double Y(double value) const { return kHeight - kBottom - y_.At(value) * (kHeight - kTop - kBottom); }

  std::string Grid() const {
    std::string grid;
    for (double y = y_.least; y <= y_.most * 1.001; y *= 10) {
      absl::StrAppend(&grid, Stroke(X(x_.least), Y(y), X(x_.most), Y(y), "#dddddd"),
                      Text(kLeft - 8, Y(y) + 4, "end", absl::StrFormat("%g", y)));
    }
    std::vector<std::pair<double, std::string>> marks = plot_.x_marks;
    if (marks.empty()) {
      for (double x = std::pow(10, std::ceil(std::log10(x_.least) - 1e-9)); x <= x_.most * 1.001; x *= 10) {
        marks.emplace_back(x, absl::StrFormat("%g", x));
      }
    }
    for (const auto& [x, text] : marks) {
      absl::StrAppend(&grid, Stroke(X(x), Y(y_.least), X(x), Y(y_.most), "#dddddd"),
                      Text(X(x), kHeight - kBottom + 18, "middle", text));
    }
    return grid;
  }

  std::string DrawLine(size_t index) const {
    const Plot::Line& line = plot_.lines[index];
    const char* const colour = kColours[index % std::size(kColours)];
    std::string points;
    for (const auto& [x, y] : line.points) {
      absl::StrAppendFormat(&points, "%.1f,%.1f ", X(x), Y(y));
    }
    const double legend_y = kTop + 10 + kLegendStep * static_cast<double>(index);
    const double legend_x = kWidth - kRight + 16;
    return absl::StrCat("<polyline fill=\"none\" stroke-width=\"2\" stroke=\"", colour, "\" points=\"", points,
                        "\"/>\n", Stroke(legend_x, legend_y - 4, legend_x + 22, legend_y - 4, colour),
                        Text(legend_x + 28, legend_y, "start", line.name));
  }

  const Plot& plot_;
  Axis x_;
  Axis y_;
};

}  // namespace

std::string ToSvg(const Plot& plot) { return Drawing(plot).Draw(); }

}  // namespace dunlin::bench
