// Goal: a caller who waits for Redis' judgement is answered once, in time, and never told that nothing was changed
// while Redis may have his write; and no more of them wait than the limits say. Method: both sides, the thread that
// speaks to Redis and the one that watches the time, played by hand and then at once.

#include "sync/conditional_callers.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(10);

class ConditionalCallersTest : public testing::Test {
 protected:
  // Takes in a caller whose answer goes to `told`.
  absl::StatusOr<uint64_t> Admit(absl::Time deadline, std::string* told, size_t size_bytes = 100) {
    WriteCallback done = [told](const absl::StatusOr<WriteResult>& result) {
      absl::StrAppend(told, result.ok() ? "OK" : absl::StatusCodeToString(result.status().code()), ";");
    };
    return callers_.Admit(size_bytes, deadline, &done);
  }

  ConditionalCallers callers_;
};

TEST_F(ConditionalCallersTest, TheFirstAnswerCounts) {
  std::string told;
  const uint64_t id = Admit(kNow, &told).value();
  EXPECT_TRUE(callers_.BeginJudging(id));
  callers_.Answer(id, WriteResult());
  callers_.Answer(id, absl::UnavailableError("again"));
  EXPECT_EQ(callers_.Expire(kNow), absl::InfiniteFuture());
  EXPECT_EQ(told, "OK;");
}

TEST_F(ConditionalCallersTest, WhoIsLateBeforeTheJudgementIsToldThatNothingWasChangedAndThatStaysTrue) {
  std::string told, told_later;
  const uint64_t id = Admit(kNow, &told).value();
  ASSERT_TRUE(Admit(kNow + absl::Seconds(1), &told_later).ok());
  EXPECT_EQ(callers_.Expire(kNow - absl::Nanoseconds(1)), kNow);
  EXPECT_EQ(told, "");
  EXPECT_EQ(callers_.Expire(kNow), kNow + absl::Seconds(1));
  EXPECT_EQ(told, "UNAVAILABLE;");
  EXPECT_FALSE(callers_.BeginJudging(id)) << "it must not be put to Redis any more";
  callers_.Answer(id, WriteResult());
  EXPECT_EQ(told, "UNAVAILABLE;");
  EXPECT_EQ(told_later, "");
}

TEST_F(ConditionalCallersTest, WhoIsLateDuringTheJudgementIsToldThatNobodyKnows) {
  std::string told;
  const uint64_t id = Admit(kNow, &told).value();
  EXPECT_TRUE(callers_.BeginJudging(id));
  callers_.Expire(kNow);
  EXPECT_EQ(told, "ABORTED;");
  callers_.Answer(id, WriteResult());
  EXPECT_EQ(told, "ABORTED;");
}

TEST_F(ConditionalCallersTest, WhatRedisHasSurelyNotGotIsNotInDoubt) {
  std::string told;
  const uint64_t id = Admit(kNow, &told).value();
  EXPECT_TRUE(callers_.BeginJudging(id));
  callers_.NotJudged(id);
  callers_.Expire(kNow);
  EXPECT_EQ(told, "UNAVAILABLE;");
  EXPECT_FALSE(callers_.BeginJudging(id));
}

TEST_F(ConditionalCallersTest, ManyAreRefusedPreciselyUntilOthersAreDecided) {
  std::string told, refused;
  std::vector<uint64_t> ids;
  for (size_t i = 0; i < kConditionalQueueWritesMax; ++i) {
    ids.push_back(Admit(kNow, &told).value());
  }
  const absl::Status status = Admit(kNow, &refused).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr(absl::StrCat("limit ", kConditionalQueueWritesMax)));
  EXPECT_THAT(status.message(), HasSubstr("write more slowly"));
  EXPECT_EQ(refused, "") << "its caller is told by whoever asked";
  callers_.Expire(kNow);
  EXPECT_FALSE(Admit(kNow, &refused).ok()) << "what is late still takes its place until the thread is rid of it";
  callers_.Answer(ids[0], absl::UnavailableError("late"));
  EXPECT_TRUE(Admit(kNow, &refused).ok());
}

TEST_F(ConditionalCallersTest, TheirWritesAreBoundedInBytes) {
  std::string told;
  std::vector<uint64_t> ids;
  const size_t size = kValueSizeMaxBytesHard;
  for (size_t bytes = 0; bytes + size <= kConditionalQueueMaxBytes; bytes += size) {
    ids.push_back(Admit(kNow, &told, size).value());
  }
  EXPECT_LT(ids.size(), kConditionalQueueWritesMax);
  const absl::Status status = Admit(kNow, &told, size).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr(absl::StrCat(kConditionalQueueMaxBytes)));
  callers_.Answer(ids[0], WriteResult());
  EXPECT_TRUE(Admit(kNow, &told, size).ok());
}

TEST_F(ConditionalCallersTest, AtAShutdownWhoIsLeftIsAnsweredAndNobodyIsTakenIn) {
  std::string waiting, judged, refused;
  ASSERT_TRUE(Admit(absl::InfiniteFuture(), &waiting).ok());
  EXPECT_TRUE(callers_.BeginJudging(Admit(absl::InfiniteFuture(), &judged).value()));
  callers_.TurnAway(absl::ZeroDuration());
  EXPECT_EQ(waiting, "UNAVAILABLE;");
  EXPECT_EQ(judged, "ABORTED;") << "Redis may have it";
  const absl::Status status = Admit(absl::InfiniteFuture(), &refused).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("shutting down"));
  EXPECT_EQ(refused, "");
}

TEST_F(ConditionalCallersTest, AShutdownWaitsForAnswersThatAreOnTheirWay) {
  std::string told;
  const uint64_t id = Admit(absl::InfiniteFuture(), &told).value();
  EXPECT_TRUE(callers_.BeginJudging(id));
  std::thread answers([&] { callers_.Answer(id, WriteResult()); });
  callers_.TurnAway(absl::InfiniteDuration());
  answers.join();
  EXPECT_EQ(told, "OK;");
}

// Whatever the order in which the two threads come: UNAVAILABLE if and only if it was not put to Redis.
TEST_F(ConditionalCallersTest, LatenessAndJudgementAtOnceNeverContradictEachOther) {
  for (int round = 0; round < 2000; ++round) {
    std::string told;
    const uint64_t id = Admit(kNow, &told).value();
    std::atomic<bool> go{false};
    std::thread watch([&] {
      while (!go) {
      }
      callers_.Expire(kNow);
    });
    go = true;
    const bool judged = callers_.BeginJudging(id);
    watch.join();
    callers_.Answer(id, absl::UnavailableError("late"));
    EXPECT_EQ(told, judged ? "ABORTED;" : "UNAVAILABLE;");
  }
}

}  // namespace
}  // namespace dunlin
