// Goal: whoever waits for Redis is answered exactly once, in time, and never before Redis has the write.
// Method: the class alone; then many threads at once.

#include "sync/mirror_acks.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"

namespace dunlin {
namespace {

class MirrorAcksTest : public testing::Test {
 protected:
  // Waits for `revision`; the answer goes to `*answer`, which is kUnknown until then.
  void Wait(uint64_t revision, absl::Status* answer, absl::Time deadline = absl::InfiniteFuture()) {
    *answer = absl::UnknownError("waiting");
    acks_.Wait(revision, deadline, [answer](const absl::Status& status) {
      EXPECT_TRUE(absl::IsUnknown(*answer)) << "answered twice";
      *answer = status;
    });
  }

  MirrorAcks acks_;
};

TEST_F(MirrorAcksTest, AnswersOnceRedisHasTheRevisionAndNotBefore) {
  absl::Status three, five, done;
  Wait(5, &five);
  Wait(3, &three);
  acks_.OnMirrored(2);
  EXPECT_TRUE(absl::IsUnknown(three));
  acks_.OnMirrored(4);
  EXPECT_TRUE(three.ok());
  EXPECT_TRUE(absl::IsUnknown(five));
  acks_.OnMirrored(5);
  EXPECT_TRUE(five.ok());
  Wait(5, &done);
  EXPECT_TRUE(done.ok());
}

TEST_F(MirrorAcksTest, AfterRedisLostDataAWaiterWaitsForItToBeThereAgain) {
  absl::Status waiter;
  acks_.OnMirrored(10);
  acks_.OnMirrored(0);
  Wait(8, &waiter);
  acks_.OnMirrored(7);
  EXPECT_TRUE(absl::IsUnknown(waiter));
  acks_.OnMirrored(8);
  EXPECT_TRUE(waiter.ok());
}

TEST_F(MirrorAcksTest, DeadlinesAreKeptAndTold) {
  const absl::Time now = absl::FromUnixSeconds(10);
  absl::Status early, late;
  EXPECT_EQ(acks_.Expire(now), absl::InfiniteFuture());
  Wait(1, &late, now + absl::Seconds(2));
  Wait(2, &early, now + absl::Seconds(1));
  EXPECT_EQ(acks_.Expire(now), now + absl::Seconds(1));
  EXPECT_EQ(acks_.Expire(now + absl::Seconds(1)), now + absl::Seconds(2));
  EXPECT_TRUE(absl::IsDeadlineExceeded(early));
  EXPECT_TRUE(absl::IsUnknown(late));
  acks_.OnMirrored(2);
  EXPECT_TRUE(late.ok());
}

TEST_F(MirrorAcksTest, ShutdownAnswersEverybodyNowAndLater) {
  absl::Status before, after;
  Wait(1, &before);
  acks_.Shutdown();
  acks_.Shutdown();
  EXPECT_TRUE(absl::IsUnavailable(before));
  Wait(0, &after);
  EXPECT_TRUE(absl::IsUnavailable(after));
}

TEST_F(MirrorAcksTest, ManyThreadsAreEachAnsweredOnce) {
  constexpr int kThreads = 4;
  constexpr int kWaits = 500;
  std::atomic<int> answers{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 1; i <= kWaits; ++i) {
        acks_.Wait(i, absl::FromUnixSeconds(i % 7), [&](const absl::Status&) { ++answers; });
      }
    });
  }
  for (int i = 1; i <= kWaits; ++i) {
    acks_.OnMirrored(i % 2 == 0 ? i : 0);
    acks_.Expire(absl::FromUnixSeconds(i % 7));
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  acks_.Shutdown();
  EXPECT_EQ(answers, kThreads * kWaits);
}

}  // namespace
}  // namespace dunlin
