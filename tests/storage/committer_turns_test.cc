// Goal: whoever brings what others wrote stores it himself where nothing else is under way, and nobody overtakes
// anybody: operations take effect in the order of the calls, on whatever thread. Method: callbacks that wait, so that a
// turn lasts as long as the test wants, and threads. (All else: committer_test.)

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "storage/committer.h"
#include "storage/limits.h"
#include "tests/storage/store_tester.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

class CommitterTurnsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(tester_.opened().ok()) << tester_.opened(); }

  WriteAnswer StartWrite(LocalWrite write) {
    WriteAnswer answer;
    tester_.committer().Write(std::move(write), answer.Callback());
    return answer;
  }

  TempDir dir_;
  StoreTester tester_{dir_.path()};
};

TEST_F(CommitterTurnsTest, WhoBringsWhatNeedsNoSyncAppliesItIfNothingIsUnderWay) {
  tester_.Settle();
  absl::optional<std::thread::id> answered_by;
  // Between two groups the committer's thread has its own turn, of what is due.
  for (int i = 1; answered_by != std::this_thread::get_id() && i <= 1000; ++i) {
    ApplyAnswer answer;
    tester_.committer().Apply({{RemotePut("k", Version{static_cast<uint64_t>(i), 1}, absl::StrCat(i))}, 0, 0},
                              [&answered_by, done = answer.Callback()](absl::StatusOr<ApplyResult> result) mutable {
                                answered_by = std::this_thread::get_id();
                                done(std::move(result));
                              });
    ASSERT_TRUE(answer.Get().ok());
    ASSERT_EQ(tester_.Get("k"), absl::StrCat(i));
  }
  EXPECT_EQ(answered_by, std::this_thread::get_id());
}

TEST_F(CommitterTurnsTest, WhoBringsMuchDoesNotStoreItHimself) {
  tester_.Settle();
  for (int i = 1; i <= 20; ++i) {
    ApplyAnswer answer;
    std::thread::id answered_by;
    tester_.committer().Apply(
        {{RemotePut("k", Version{static_cast<uint64_t>(i), 1}, std::string(kCommitHereMaxBytes, 'x'))}, 0, 0},
        [&answered_by, done = answer.Callback()](absl::StatusOr<ApplyResult> result) mutable {
          answered_by = std::this_thread::get_id();
          done(std::move(result));
        });
    ASSERT_TRUE(answer.Get().ok());
    EXPECT_NE(answered_by, std::this_thread::get_id());
  }
}

TEST_F(CommitterTurnsTest, WhoBringsABatchDoesNotWaitForTheGroupUnderWay) {
  Gate gate;
  tester_.HoldCommitter(&gate);
  WriteAnswer write = StartWrite(WriteOf({PutOf("k", "own")}));
  ApplyAnswer apply;
  tester_.committer().Apply({{RemotePut("other", Version{1, 1}, "1")}, 0, 0}, apply.Callback());
  EXPECT_EQ(tester_.state().revision, 0u) << "Apply() came back, and the group under way has not ended";
  gate.Open();
  ASSERT_TRUE(write.Get().ok());
  EXPECT_EQ(write.Get()->revisions, std::vector<uint64_t>{1});
  ASSERT_TRUE(apply.Get().ok());
  EXPECT_EQ(tester_.state().revision, 2u);
}

TEST_F(CommitterTurnsTest, WhatComesDuringAnothersTurnFollowsInTheOrderOfTheCalls) {
  tester_.Settle();
  Gate reached;
  Gate gate;
  std::thread bringer([&] {
    tester_.committer().Apply({{RemotePut("first", Version{1, 1}, "1")}, 0, 0}, [&](absl::StatusOr<ApplyResult>) {
      reached.Open();
      gate.Wait();
    });
  });
  reached.Wait();
  WriteAnswer write = StartWrite(WriteOf({PutOf("second", "own")}));
  ApplyAnswer apply;
  tester_.committer().Apply({{RemotePut("third", Version{1, 1}, "1")}, 0, 0}, apply.Callback());
  gate.Open();
  ASSERT_TRUE(write.Get().ok());
  EXPECT_EQ(write.Get()->revisions, std::vector<uint64_t>{2});
  ASSERT_TRUE(apply.Get().ok());
  EXPECT_EQ(tester_.state().revision, 3u);
  bringer.join();
}

TEST_F(CommitterTurnsTest, StoppingWaitsForWhoeverHasATurn) {
  tester_.Settle();
  Gate reached;
  Gate gate;
  ApplyAnswer apply;
  std::thread bringer([&] {
    tester_.committer().Apply({{RemotePut("k", Version{1, 1}, "1")}, 0, 0},
                              [&, done = apply.Callback()](absl::StatusOr<ApplyResult> result) mutable {
                                reached.Open();
                                gate.Wait();
                                done(std::move(result));
                              });
  });
  reached.Wait();
  std::atomic<bool> stopped{false};
  std::thread stopper([&] {
    tester_.committer().Stop();
    stopped = true;
  });
  // What is refused is answered within the call: Stop() is under way.
  EXPECT_TRUE(Eventually([&] { return StartWrite(WriteOf({PutOf("late", "1")})).calls() == 1; }));
  EXPECT_FALSE(stopped);
  gate.Open();
  stopper.join();
  bringer.join();
  ASSERT_TRUE(apply.Get().ok());
  ApplyAnswer late;
  tester_.committer().Apply({{RemotePut("k", Version{2, 1}, "2")}, 0, 0}, late.Callback());
  EXPECT_EQ(late.Get().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(tester_.Get("k"), "1");
}

TEST_F(CommitterTurnsTest, BatchesAndWritesFromManyThreadsAreAllThereInTheEnd) {
  constexpr int kThreads = 4;
  constexpr int kOperationsEach = 300;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i] {
      for (int n = 0; n < kOperationsEach; ++n) {
        const std::string key = absl::StrCat("key", i, "-", n);
        if (i % 2 == 0) {
          ASSERT_TRUE(tester_.Put(key, "own").ok());
        } else {
          ASSERT_TRUE(tester_.Apply({RemotePut(key, Version{1, 1}, "remote")}).ok());
        }
        tester_.committer().AdvanceMirrored({});
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(tester_.state().revision, uint64_t{kThreads * kOperationsEach});
  EXPECT_EQ(tester_.ListAll().size(), size_t{kThreads * kOperationsEach});
}

}  // namespace
}  // namespace dunlin
