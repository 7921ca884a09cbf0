// Goal: the load generator counts what it says. Method: a target of this test's own whose calls end when it likes.

#include "tests/benchmarks/load/load_run.h"

#include <deque>
#include <optional>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace dunlin::bench {
namespace {

// Ends each call at once, but for one that takes `stall`.
class Stalling final : public LoadTarget {
 public:
  Stalling(size_t slots, absl::Duration stall) : slots_(slots), stall_(stall) {}

  size_t slots() const override { return slots_; }
  void Start(size_t slot) override {
    started_.push_back(slot);
    largest_ = std::max(largest_, started_.size());
  }
  std::optional<Ended> Next(absl::Time deadline) override {
    if (started_.empty()) {
      while (absl::Now() < deadline) {
      }
      return std::nullopt;
    }
    if (++ended_ == 50) {
      const absl::Time until = absl::Now() + stall_;
      while (absl::Now() < until) {
      }
    }
    const Ended ended = {started_.front(), ended_ % 10 != 0};
    started_.pop_front();
    return ended;
  }
  size_t largest() const { return largest_; }

 private:
  const size_t slots_;
  const absl::Duration stall_;
  std::deque<size_t> started_;
  size_t largest_ = 0;
  uint64_t ended_ = 0;
};

TEST(LoadRunTest, AClosedLoopKeepsAsManyUnderWayAndCountsFailures) {
  Stalling target(8, absl::ZeroDuration());
  LoadPlan plan;
  plan.outstanding = 8;
  plan.warm_up = absl::Milliseconds(5);
  plan.duration = absl::Milliseconds(20);
  const LoadResult result = RunLoad(plan, {}, &target);
  EXPECT_EQ(target.largest(), 8u);
  EXPECT_GT(result.calls, 0u);
  EXPECT_EQ(result.calls, result.latency.count());
  EXPECT_NEAR(static_cast<double>(result.failed), static_cast<double>(result.calls) / 10, 2);
  EXPECT_GE(result.elapsed, plan.duration);
}

TEST(LoadRunTest, AnOpenLoopCountsTheWaitOfThoseThatWereDueWhileTheServerStalled) {
  // A thousand a second, and one call takes 100 ms: a hundred were due meanwhile, half of which waited over 50 ms.
  Stalling target(1, absl::Milliseconds(100));
  LoadPlan plan;
  plan.outstanding = 1;
  plan.rate = 1000;
  plan.warm_up = absl::ZeroDuration();
  plan.duration = absl::Milliseconds(400);
  const LoadResult result = RunLoad(plan, {}, &target);
  // 100 of some 400.
  EXPECT_GE(result.latency.Percentile(80), absl::Milliseconds(10));
  EXPECT_GE(result.latency.Percentile(100), absl::Milliseconds(99));
}

}  // namespace
}  // namespace dunlin::bench
