// Goal: whoever waits for Redis is answered exactly once, in time, and never before Redis has the write.
// Method: the class alone, with a map for the outbox; then many threads at once.

#include "sync/mirror_acks.h"

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

class MirrorAcksTest : public testing::Test {
 protected:
  // Waits for `writes`; the answer goes to `*answer`, which is kUnknown until then.
  void Wait(std::vector<OutboxItem> writes, absl::Status* answer, absl::Time deadline = absl::InfiniteFuture()) {
    *answer = absl::UnknownError("waiting");
    acks_.Wait(std::move(writes), deadline, AnswerTo(answer));
  }
  void WaitForCursor(uint64_t revision, absl::Status* answer, absl::Time deadline = absl::InfiniteFuture()) {
    *answer = absl::UnknownError("waiting");
    acks_.WaitForCursor(revision, deadline, AnswerTo(answer));
  }
  static StatusCallback AnswerTo(absl::Status* answer) {
    return [answer](const absl::Status& status) {
      EXPECT_TRUE(absl::IsUnknown(*answer)) << "answered twice";
      *answer = status;
    };
  }

  // The cursor comes to `revision`, and on the way `sent` was sent.
  void Advance(uint64_t revision, std::vector<OutboxItem> sent = {}) {
    acks_.OnMirrored({1, revision, std::move(sent)});
  }

  // The outbox: the revision of the record under each key.
  std::map<std::string, uint64_t, std::less<>> unsent_;
  absl::Status store_error_;
  MirrorAcks acks_{[this](absl::string_view key) -> absl::StatusOr<absl::optional<uint64_t>> {
    const auto at = unsent_.find(std::string(key));
    return store_error_.ok() ? absl::StatusOr<absl::optional<uint64_t>>(
                                   at == unsent_.end() ? absl::nullopt : absl::make_optional(at->second))
                             : store_error_;
  }};
};

TEST_F(MirrorAcksTest, AnswersOnceRedisHasTheRecordAndNotBefore) {
  absl::Status three, five, done;
  Wait({{"five", 5}}, &five);
  Wait({{"three", 3}}, &three);
  Advance(2);
  EXPECT_TRUE(absl::IsUnknown(three));
  Advance(4, {{"three", 3}});
  EXPECT_TRUE(three.ok());
  EXPECT_TRUE(absl::IsUnknown(five));
  Advance(5, {{"five", 5}});
  EXPECT_TRUE(five.ok());
  Wait({{"five", 5}}, &done);
  EXPECT_TRUE(done.ok());
}

TEST_F(MirrorAcksTest, WhoWasOverwrittenBeforeItWasSentWaitsForWhatReplacedIt) {
  absl::Status first;
  Wait({{"key", 3}}, &first);
  unsent_["key"] = 7;
  Advance(5, {{"other", 4}});
  EXPECT_TRUE(absl::IsUnknown(first)) << "Redis has neither the write nor a later one";
  unsent_["key"] = 9;
  Advance(8);
  EXPECT_TRUE(absl::IsUnknown(first));
  Advance(9, {{"key", 9}});
  EXPECT_TRUE(first.ok());
}

TEST_F(MirrorAcksTest, WhoComesAfterTheCursorWaitsForWhatReplacedItsWrite) {
  absl::Status late, sent;
  Advance(5);
  unsent_["key"] = 6;
  Wait({{"key", 4}}, &late);
  EXPECT_TRUE(absl::IsUnknown(late));
  // The store hears of the cursor a little later.
  unsent_["sent"] = 5;
  Wait({{"sent", 5}}, &sent);
  EXPECT_TRUE(sent.ok());
  Advance(6, {{"key", 6}});
  EXPECT_TRUE(late.ok());
}

TEST_F(MirrorAcksTest, AWriteThatWasSentIsNotWaitedForAgainWhenItIsOverwritten) {
  absl::Status first;
  Wait({{"key", 3}}, &first);
  unsent_["key"] = 7;
  Advance(3, {{"key", 3}});
  EXPECT_TRUE(first.ok());
}

TEST_F(MirrorAcksTest, AWriteThatAnotherReplicaHasReplacedIsDone) {
  absl::Status replaced;
  Wait({{"key", 3}}, &replaced);
  Advance(4);
  EXPECT_TRUE(replaced.ok()) << "the record that stands in its place came from Redis";
}

TEST_F(MirrorAcksTest, ABatchIsDoneOnceEachOfItsKeysIs) {
  absl::Status batch;
  Wait({{"a", 3}, {"b", 4}, {"c", 5}}, &batch);
  unsent_["b"] = 6;
  Advance(5, {{"a", 3}, {"c", 5}});
  EXPECT_TRUE(absl::IsUnknown(batch));
  unsent_["a"] = 7;
  Advance(6, {{"b", 6}});
  EXPECT_TRUE(batch.ok()) << "a was sent before it was overwritten";
}

TEST_F(MirrorAcksTest, WhatCannotBeReadIsTold) {
  absl::Status batch;
  Wait({{"a", 3}, {"b", 4}}, &batch);
  store_error_ = absl::DataLossError("damaged");
  Advance(4);
  EXPECT_TRUE(absl::IsDataLoss(batch));
  store_error_ = absl::ResourceExhaustedError("no reader is free");
  absl::Status unknown;
  Wait({{"a", 3}}, &unknown);
  EXPECT_TRUE(absl::IsUnavailable(unknown)) << "it is stored, not refused";
}

TEST_F(MirrorAcksTest, TheCursorAloneCanBeWaitedFor) {
  absl::Status cursor;
  WaitForCursor(5, &cursor);
  unsent_[""] = 9;
  Advance(4);
  EXPECT_TRUE(absl::IsUnknown(cursor));
  Advance(5);
  EXPECT_TRUE(cursor.ok());
}

TEST_F(MirrorAcksTest, AfterRedisLostDataAWaiterWaitsForItToBeThereAgain) {
  absl::Status waiter;
  Advance(10);
  acks_.Rewind(0);
  Wait({{"key", 8}}, &waiter);
  Advance(7);
  EXPECT_TRUE(absl::IsUnknown(waiter));
  Advance(8, {{"key", 8}});
  EXPECT_TRUE(waiter.ok());
}

TEST_F(MirrorAcksTest, DeadlinesAreKeptAndTold) {
  const absl::Time now = absl::FromUnixSeconds(10);
  absl::Status early, late;
  EXPECT_EQ(acks_.Expire(now), absl::InfiniteFuture());
  Wait({{"a", 1}, {"b", 2}}, &late, now + absl::Seconds(2));
  Wait({{"c", 3}, {"d", 4}}, &early, now + absl::Seconds(1));
  EXPECT_EQ(acks_.Expire(now), now + absl::Seconds(1));
  EXPECT_EQ(acks_.Expire(now + absl::Seconds(1)), now + absl::Seconds(2));
  EXPECT_TRUE(absl::IsDeadlineExceeded(early));
  EXPECT_TRUE(absl::IsUnknown(late));
  Advance(4, {{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}});
  EXPECT_TRUE(late.ok());
  EXPECT_EQ(acks_.Expire(now), absl::InfiniteFuture());
}

TEST_F(MirrorAcksTest, TurningAwayAnswersWhoWaitsForAWriteAndNotWhoFlushes) {
  absl::Status before, after, sent, flush;
  Advance(1, {{"a", 1}});
  Wait({{"b", 2}, {"c", 3}}, &before);
  WaitForCursor(3, &flush);
  acks_.TurnAway();
  EXPECT_TRUE(absl::IsUnavailable(before)) << before;
  Wait({{"d", 4}}, &after);
  EXPECT_TRUE(absl::IsUnavailable(after)) << after;
  Wait({{"a", 1}}, &sent);
  EXPECT_TRUE(sent.ok()) << "Redis has it: " << sent;
  EXPECT_TRUE(absl::IsUnknown(flush)) << flush;
  Advance(3, {{"b", 2}, {"c", 3}});
  EXPECT_TRUE(flush.ok()) << flush;
}

TEST_F(MirrorAcksTest, ShutdownAnswersEverybodyNowAndLater) {
  absl::Status before, after;
  Wait({{"a", 1}, {"b", 2}}, &before);
  acks_.Shutdown();
  acks_.Shutdown();
  EXPECT_TRUE(absl::IsUnavailable(before));
  WaitForCursor(0, &after);
  EXPECT_TRUE(absl::IsUnavailable(after));
}

TEST_F(MirrorAcksTest, ManyThreadsAreEachAnsweredOnce) {
  constexpr int kThreads = 4;
  constexpr int kWaits = 500;
  std::atomic<int> answers{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (uint64_t i = 1; i <= kWaits; ++i) {
        acks_.Wait({{"a", i}, {"b", i + 1}}, absl::FromUnixSeconds(i % 7), [&](const absl::Status&) { ++answers; });
      }
    });
  }
  for (uint64_t i = 1; i <= kWaits; ++i) {
    i % 2 == 0 ? Advance(i) : acks_.Rewind(0);
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
