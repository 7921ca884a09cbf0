// Goal: whoever waits for Redis is answered before his deadline, with the truth, although Redis hangs; no more wait
// than the limits say; and what Redis has accepted is never reported as not done. Method: a whole replica, short of
// gRPC, on a real Redis that is stopped (SIGSTOP), so that its connections stay open and silent. How long an answer
// took is compared with the time-out of a connection, which is many times the deadline.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/support/eventually.h"
#include "tests/support/redis_server.h"
#include "tests/sync/test_replica.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kTimeout = absl::Milliseconds(200);
// Far from both the deadline and the moment at which the mirror would notice by itself.
constexpr absl::Duration kInTime = absl::Milliseconds(2500);
static_assert(kInTime < kRedisTimeout);

using WriteAnswer = Answer<absl::StatusOr<WriteResult>>;

class ReplicatorDeadlineTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(replica_.WaitLive()); }

  bool IsInRedis(absl::string_view key) { return redis_.Run({"HEXISTS", "dunlin:{test}:data", key}).integer == 1; }

  // Whether everything that was written here before has reached Redis.
  bool Flush() { return replica_.WaitForOutbox(replica_.state().revision).ok(); }

  RedisServer redis_;
  Replica replica_{redis_.endpoint()};
};

TEST_F(ReplicatorDeadlineTest, AWriteThatAHungRedisHasNotJudgedIsTurnedDownInTimeAndDoesNotTakePlaceLater) {
  redis_.Pause();
  const absl::Time start = absl::Now();
  std::vector<WriteAnswer> answers(20);
  for (size_t i = 0; i < answers.size(); ++i) {
    replica_.StartWriteIfAbsent(absl::StrCat("key", i), "value", &answers[i], kTimeout);
  }
  for (WriteAnswer& answer : answers) {
    const absl::Status status = answer.Get().status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_THAT(status.message(), HasSubstr("nothing was changed"));
  }
  EXPECT_LT(absl::Now() - start, kInTime);
  redis_.Resume();
  EXPECT_TRUE(replica_.WriteIfAbsent("later", "value").ok());
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_FALSE(IsInRedis(absl::StrCat("key", i))) << "it was said that nothing was changed";
  }
}

TEST_F(ReplicatorDeadlineTest, AnAckThatAHungRedisOwesIsAnsweredInTimeAndTheWriteArrivesLater) {
  redis_.Pause();
  const absl::Time start = absl::Now();
  for (int i = 0; i < 3; ++i) {
    const absl::StatusOr<WriteResult> put = replica_.Put(absl::StrCat("key", i), "value");
    ASSERT_TRUE(put.ok()) << put.status();
    const absl::Status status = replica_.WaitForOutbox(put->revisions[0], kTimeout);
    EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  }
  EXPECT_LT(absl::Now() - start, kInTime);
  redis_.Resume();
  ASSERT_TRUE(Flush());
  EXPECT_TRUE(IsInRedis("key2"));
}

TEST_F(ReplicatorDeadlineTest, WhoWaitsForAHungRedisWhenTheReplicaEndsIsToldWhatBecameOfTheWrite) {
  redis_.Pause();
  WriteAnswer judged;
  replica_.StartWriteIfAbsent("judged", "value", &judged);
  const absl::StatusOr<WriteResult> put = replica_.Put("stored", "value");
  ASSERT_TRUE(put.ok()) << put.status();
  Answer<absl::Status> mirrored;
  replica_.replicator().WaitMirrored({OutboxItem{"stored", put->revisions[0]}}, kTestPatience, mirrored.Callback());
  replica_.replicator().TurnAway(absl::ZeroDuration());
  const absl::Status not_judged = judged.Get().status();
  EXPECT_TRUE(absl::IsUnavailable(not_judged)) << not_judged;
  EXPECT_THAT(not_judged.message(), HasSubstr("nothing was changed"));
  const absl::Status not_mirrored = mirrored.Get();
  EXPECT_TRUE(absl::IsUnavailable(not_mirrored)) << not_mirrored;
  EXPECT_THAT(not_mirrored.message(), HasSubstr("stored on this replica"));
  // The outbox goes on to Redis all the same.
  redis_.Resume();
  ASSERT_TRUE(Flush());
  EXPECT_TRUE(IsInRedis("stored"));
  EXPECT_FALSE(IsInRedis("judged"));
}

TEST_F(ReplicatorDeadlineTest, MoreThanRedisCanJudgeInTimeAreRefusedAtOnce) {
  redis_.Pause();
  std::vector<WriteAnswer> answers(kConditionalQueueWritesMax);
  for (size_t i = 0; i < answers.size(); ++i) {
    replica_.StartWriteIfAbsent(absl::StrCat("key", i), "value", &answers[i]);
  }
  const absl::Status status = replica_.WriteIfAbsent("one too many", "value").status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("wait for Redis' judgement"));
  replica_.Stop();
  for (WriteAnswer& answer : answers) {
    EXPECT_FALSE(answer.Get().ok());
  }
  redis_.Resume();
}

TEST_F(ReplicatorDeadlineTest, WhatRedisAcceptedAndTheStoreDidNotIsReportedAsThat) {
  replica_.committer().Stop();
  const absl::Status status = replica_.WriteIfAbsent("key", "value").status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("it has taken place"));
  EXPECT_TRUE(IsInRedis("key"));
}

TEST(ReplicatorQuotaTest, APutIsRefusedBeforeRedisIsAskedAndADeleteIsNot) {
  RedisServer redis;
  Committer::Options options;
  options.quota_bytes = 1;
  Replica replica(redis.endpoint(), /*ring_slots=*/1024, options);
  ASSERT_TRUE(replica.WaitLive());
  const absl::Status status = replica.WriteIfAbsent("key", "value").status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("--database-quota"));
  EXPECT_EQ(redis.Run({"HLEN", "dunlin:{test}:data"}).integer, 0);
  Mutation remove;
  remove.kind = Mutation::Kind::kDelete;
  remove.key = "key";
  WriteAnswer answer;
  replica.replicator().WriteIf(remove, Precondition{Precondition::Kind::kVersion, Version{1, 1}}, kTestPatience,
                               answer.Callback());
  EXPECT_TRUE(absl::IsFailedPrecondition(answer.Get().status())) << "Redis was asked";
}

}  // namespace
}  // namespace dunlin
