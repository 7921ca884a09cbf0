// Goal: what the table says is what was measured: medians of the rounds, ratios of each round with its own baseline,
// and whether the goal is met.

#include "tests/benchmarks/result.h"

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace dunlin::bench {
namespace {

TEST(ResultTest, RatiosAreThoseOfTheSameRound) {
  // The machine was half as fast in the second round; the ratio is the same all the time.
  const Result result = Compare("put", "us", {10, 20, 12}, "echo", {5, 10, 6}, Goal::AtMost(2));
  EXPECT_EQ(result.value, 12);
  EXPECT_EQ(result.baseline_value, 6);
  EXPECT_EQ(result.ratio, 2);
  EXPECT_EQ(result.ratio_least, 2);
  EXPECT_EQ(result.ratio_most, 2);
  EXPECT_TRUE(result.goal.IsMet(result.ratio));
}

TEST(ResultTest, AGoalIsMetOrNot) {
  EXPECT_TRUE(Goal::AtMost(1.1).IsMet(1.1));
  EXPECT_FALSE(Goal::AtMost(1.1).IsMet(1.2));
  EXPECT_TRUE(Goal::AtLeast(4).IsMet(4));
  EXPECT_FALSE(Goal::AtLeast(4).IsMet(3.9));
  EXPECT_TRUE(Goal().IsMet(1e9));
  EXPECT_EQ(Goal::AtLeast(0.93).ToString(), ">= 0.93");
}

TEST(ResultTest, MediansOfEvenAndOddNumbers) {
  EXPECT_EQ(MedianOf({3, 1, 2}), 2);
  EXPECT_EQ(MedianOf({4, 1, 2, 3}), 2.5);
}

TEST(ResultTest, WhatIsMissedIsSaidInTableAndJson) {
  const std::vector<Result> results = {Compare("get_cpu", "us", {20}, "echo", {10}, Goal::AtMost(1.1)),
                                       Compare("alone", "MB", {5}, "", {})};
  EXPECT_TRUE(absl::StrContains(ToTable(results), "<= 1.10")) << ToTable(results);
  EXPECT_TRUE(absl::StrContains(ToTable(results), "NO")) << ToTable(results);
  const nlohmann::json json = nlohmann::json::parse(ToJson(results));
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["name"], "get_cpu");
  EXPECT_EQ(json[0]["ratio"], 2.0);
  EXPECT_EQ(json[0]["goal"], "<= 1.10");
  EXPECT_EQ(json[0]["met"], false);
  EXPECT_EQ(json[0]["spread"], nlohmann::json({2.0, 2.0}));
  EXPECT_TRUE(json[1]["baseline"].is_null());
  EXPECT_TRUE(json[1]["met"].is_null());
}

}  // namespace
}  // namespace dunlin::bench
