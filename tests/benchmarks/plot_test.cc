// Goal: a plot is a picture that a browser shows, with every line, its name and every point inside the frame.

#include "tests/benchmarks/plot.h"

#include <regex>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "gtest/gtest.h"

namespace dunlin::bench {
namespace {

Plot TwoLines() {
  Plot plot;
  plot.title = "latency of <Get> & echo";
  plot.x_label = "percentile";
  plot.y_label = "us";
  plot.lines = {{"Get", {{1, 20}, {10, 35}, {1000, 9000}}}, {"echo", {{1, 18}, {10, 30}, {1000, 700}}}};
  return plot;
}

TEST(PlotTest, EveryLineIsThereByNameAndTextIsEscaped) {
  const std::string svg = ToSvg(TwoLines());
  for (const char* part : {"<svg ", "</svg>", ">Get<", ">echo<", "&lt;Get&gt; &amp; echo", ">10000<", ">percentile<"}) {
    EXPECT_TRUE(absl::StrContains(svg, part)) << part << "\n" << svg;
  }
}

TEST(PlotTest, PointsLieInsideAndRiseWithTheirValues) {
  const std::string svg = ToSvg(TwoLines());
  const std::regex point("([-0-9.]+),([-0-9.]+) ");
  int points = 0;
  double last_x = 0;
  for (auto it = std::sregex_iterator(svg.begin(), svg.end(), point); it != std::sregex_iterator(); ++it) {
    double x = 0;
    double y = 0;
    ASSERT_TRUE(absl::SimpleAtod((*it)[1].str(), &x) && absl::SimpleAtod((*it)[2].str(), &y));
    EXPECT_TRUE(x > 0 && x < 900 && y > 0 && y < 460) << x << "," << y;
    EXPECT_TRUE(points % 3 == 0 || x > last_x);
    last_x = x;
    ++points;
  }
  EXPECT_EQ(points, 6);
}

TEST(PlotTest, ASinglePointIsDrawn) {
  Plot plot;
  plot.lines = {{"one", {{5, 7}}}};
  EXPECT_FALSE(absl::StrContains(ToSvg(plot), "nan"));
}

}  // namespace
}  // namespace dunlin::bench
