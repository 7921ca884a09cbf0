// Goal: verifications run one at a time, beside whoever asked, and end early when nobody waits or at a shutdown.
// Method: a real store; requests that hold the runner back where it asks whether they were abandoned.

#include "server/scrub_runner.h"

#include <future>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/server/replica_tester.h"

namespace dunlin {
namespace {

using Report = absl::StatusOr<ScrubReport>;

// A request whose answer can be waited for.
struct Asked {
  // `abandoned` is asked before each page.
  ScrubRunner::Request Request(absl::AnyInvocable<bool()> abandoned) {
    ScrubRunner::Request request;
    request.abandoned = std::move(abandoned);
    request.done = [this](Report report) { answer.set_value(std::move(report)); };
    return request;
  }
  Report Get() { return answer.get_future().get(); }

  std::promise<Report> answer;
};

TEST(ScrubRunnerTest, OneAfterTheOther) {
  StoreParts data;
  data.Put("a", "1");
  ScrubRunner runner(data.store.get());
  for (int i = 0; i < 20; ++i) {
    Asked asked;
    runner.Run(asked.Request([] { return false; }));
    const Report report = asked.Get();
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->entries, 1u);
    EXPECT_EQ(report->digest, ScrubReport::Comparison::kEqual);
  }
}

TEST(ScrubRunnerTest, ASecondOneIsRefusedAtOnceWhileOneIsUnderWay) {
  StoreParts data;
  ScrubRunner runner(data.store.get());
  std::promise<void> reached;
  std::promise<void> go_on;
  Asked first;
  runner.Run(first.Request([&, waited = false]() mutable {
    if (!std::exchange(waited, true)) {
      reached.set_value();
      go_on.get_future().wait();
    }
    return false;
  }));
  reached.get_future().wait();
  Asked second;
  runner.Run(second.Request([] { return false; }));
  EXPECT_EQ(second.Get().status().code(), absl::StatusCode::kResourceExhausted);
  go_on.set_value();
  EXPECT_TRUE(first.Get().ok());
}

TEST(ScrubRunnerTest, WhatNobodyWaitsForEnds) {
  StoreParts data;
  ScrubRunner runner(data.store.get());
  Asked asked;
  runner.Run(asked.Request([] { return true; }));
  EXPECT_EQ(asked.Get().status().code(), absl::StatusCode::kCancelled);
}

TEST(ScrubRunnerTest, AtAShutdownWhatIsUnderWayIsBrokenOffAndNothingIsTakenIn) {
  StoreParts data;
  ScrubRunner runner(data.store.get());
  std::promise<void> reached;
  std::promise<void> go_on;
  Asked under_way;
  runner.Run(under_way.Request([&] {
    reached.set_value();
    go_on.get_future().wait();
    return false;
  }));
  reached.get_future().wait();
  runner.Shutdown();
  go_on.set_value();
  const Report broken_off = under_way.Get();
  EXPECT_TRUE(absl::IsUnavailable(broken_off.status())) << broken_off.status();
  Asked later;
  runner.Run(later.Request([] { return false; }));
  const Report refused = later.Get();
  EXPECT_TRUE(absl::IsUnavailable(refused.status())) << refused.status();
}

TEST(ScrubRunnerTest, WhoWaitsIsAnsweredBeforeTheRunnerGoes) {
  StoreParts data;
  Asked asked;
  {
    ScrubRunner runner(data.store.get());
    runner.Run(asked.Request([] { return false; }));
  }
  // It may have come to its end before.
  const Report report = asked.Get();
  EXPECT_TRUE(report.ok() || absl::IsUnavailable(report.status())) << report.status();
}

}  // namespace
}  // namespace dunlin
