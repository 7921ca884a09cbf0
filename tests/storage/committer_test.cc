// Goal: every operation is answered once and truly, takes effect whole and in order, and none can harm its neighbours,
// whatever is full, damaged or stopped. Method: a committer that is held back while a group gathers, small limits, and
// threads. (All else by comparison with a model: committer_model_test. Expiry: committer_expiry_test. What survives a
// kill: committer_durability_test.)

#include "storage/committer.h"

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/storage/open_tables.h"
#include "tests/storage/store_model.h"
#include "tests/storage/store_tester.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

class CommitterTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(tester_.opened().ok()) << tester_.opened(); }

  void Reopen() {
    tester_.Close();
    ASSERT_TRUE(tester_.Open().ok());
  }

  WriteAnswer StartWrite(LocalWrite write) {
    WriteAnswer answer;
    tester_.committer().Write(std::move(write), answer.Callback());
    return answer;
  }

  // What a new process would find on the disk now.
  StoreState StateOnDisk() {
    TempDir copy;
    // The journal first: what the database takes over meanwhile is found in either.
    for (const char* name : {"journal.0", "journal.1", "data.mdb"}) {
      std::filesystem::copy_file(dir_.Join(name), copy.Join(name));
    }
    return StoreTester(copy.path()).state();
  }

  TempDir dir_;
  StoreTester tester_{dir_.path()};
};

// ---- Groups ----

TEST_F(CommitterTest, EveryConcurrentWriterIsAnsweredAndNothingIsLost) {
  constexpr int kThreads = 8;
  constexpr int kWritesEach = 300;
  std::vector<std::thread> writers;
  for (int i = 0; i < kThreads; ++i) {
    writers.emplace_back([this, i] {
      for (int n = 0; n < kWritesEach; ++n) {
        const std::string key = absl::StrCat("key", i, "-", n % 50);
        const absl::StatusOr<WriteResult> result = tester_.Put(key, absl::StrCat(n));
        ASSERT_TRUE(result.ok()) << result.status();
        ASSERT_EQ(tester_.Get(key), absl::StrCat(n)) << "what was answered can be read";
      }
    });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  EXPECT_EQ(tester_.state().revision, uint64_t{kThreads * kWritesEach});
  EXPECT_EQ(tester_.state().entries, uint64_t{kThreads * 50});
}

TEST_F(CommitterTest, WhatWaitsBecomesOneGroupInTheOrderOfTheCalls) {
  class Counter final : public ChangeFeed::Listener {
   public:
    void OnChanges(absl::Span<const ChangePtr> changes) override { sizes.push_back(changes.size()); }
    std::vector<size_t> sizes;
  } counter;
  tester_.feed().Subscribe({}, &counter);
  Gate gate;
  tester_.HoldCommitter(&gate);
  std::vector<WriteAnswer> answers;
  answers.push_back(StartWrite(WriteOf({PutOf("k", "1")}, IfAbsent())));
  answers.push_back(StartWrite(WriteOf({PutOf("k", "2"), PutOf("l", "2")})));
  answers.push_back(StartWrite(WriteOf({DeleteOf("k")})));
  answers.push_back(StartWrite(WriteOf({PutOf("k", "3")}, IfAbsent())));
  answers.push_back(StartWrite(WriteOf({PutOf("l", "3")})));
  gate.Open();
  std::vector<uint64_t> revisions;
  for (WriteAnswer& answer : answers) {
    const absl::StatusOr<WriteResult> result = answer.Get();
    ASSERT_TRUE(result.ok()) << result.status();
    revisions.insert(revisions.end(), result->revisions.begin(), result->revisions.end());
  }
  EXPECT_EQ(revisions, (std::vector<uint64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(tester_.Get("k"), "3");
  EXPECT_EQ(tester_.Get("l"), "3");
  tester_.feed().Unsubscribe(&counter);
  EXPECT_EQ(counter.sizes, (std::vector<size_t>{6}));
}

TEST_F(CommitterTest, WhatIsTurnedDownHarmsNobodyInItsGroup) {
  ASSERT_TRUE(tester_.Put("taken", "old").ok());
  VersionedRecord of_the_future = RemotePut("remote", Version{1, 1}, "x");
  of_the_future.encoded_record[16] = 0x20;
  Gate gate;
  tester_.HoldCommitter(&gate);
  WriteAnswer before = StartWrite(WriteOf({PutOf("before", "1")}));
  WriteAnswer absent = StartWrite(WriteOf({PutOf("taken", "new"), PutOf("other", "new")}, IfAbsent()));
  WriteAnswer version = StartWrite(WriteOf({DeleteOf("taken")}, IfVersion(Version{1, 1})));
  WriteAnswer empty_key = StartWrite(WriteOf({PutOf("fine", "1"), PutOf("", "1")}));
  WriteAnswer long_key = StartWrite(WriteOf({PutOf(std::string(kKeySizeMaxBytes + 1, 'k'), "1")}));
  ApplyAnswer newer_format;
  tester_.committer().Apply({{RemotePut("remote2", Version{1, 1}, "x"), of_the_future}, 0, 0}, newer_format.Callback());
  WriteAnswer after = StartWrite(WriteOf({PutOf("after", "1")}));
  gate.Open();
  EXPECT_TRUE(before.Get().ok());
  EXPECT_EQ(absent.Get().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(absent.Get().status().message(), "\"taken\" exists with version"));
  EXPECT_EQ(version.Get().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(empty_key.Get().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(long_key.Get().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(newer_format.Get().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(after.Get().ok());
  EXPECT_EQ(tester_.state().revision, 3u);
  EXPECT_EQ(tester_.ListAll().size(), 3u) << "what was turned down has left nothing, not even the good part of a batch";
}

TEST_F(CommitterTest, OneAnswerForEachCall) {
  std::vector<WriteAnswer> answers;
  for (int i = 0; i < 5000; ++i) {
    answers.push_back(StartWrite(WriteOf({PutOf(absl::StrCat("key", i % 7), "x")})));
  }
  tester_.committer().Stop();
  for (WriteAnswer& answer : answers) {
    EXPECT_TRUE(answer.Get().ok());
    EXPECT_EQ(answer.calls(), 1);
  }
}

// ---- Limits ----

TEST_F(CommitterTest, AFullQueueRefusesAtOnceAndStoresNothingOfIt) {
  Gate gate;
  tester_.HoldCommitter(&gate);
  std::vector<WriteAnswer> answers;
  for (size_t i = 0; i < kCommitQueueWritesMax; ++i) {
    answers.push_back(StartWrite(WriteOf({PutOf(absl::StrCat("key", i), "x")})));
  }
  WriteAnswer refused = StartWrite(WriteOf({PutOf("refused", "x")}));
  ASSERT_EQ(refused.calls(), 1) << "while the committer stands still";
  EXPECT_EQ(refused.Get().status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(absl::StrContains(refused.Get().status().message(), "write more slowly"));
  ApplyAnswer remote;
  tester_.committer().Apply({{RemotePut("remote", Version{1, 1}, "x")}, 0, 0}, remote.Callback());
  EXPECT_EQ(remote.calls(), 0) << "a remote batch is never refused";
  gate.Open();
  for (WriteAnswer& answer : answers) {
    EXPECT_TRUE(answer.Get().ok());
  }
  EXPECT_TRUE(remote.Get().ok());
  EXPECT_EQ(tester_.Get("refused"), "(absent)");
  EXPECT_EQ(tester_.state().entries, kCommitQueueWritesMax + 1);
  EXPECT_TRUE(tester_.Put("refused", "x").ok()) << "there is room again";
}

TEST_F(CommitterTest, AQueueThatIsFullByWeightRefusesToo) {
  Gate gate;
  tester_.HoldCommitter(&gate);
  const std::string value(kValueSizeMaxBytesHard, 'x');
  std::vector<WriteAnswer> answers;
  while (answers.empty() || answers.back().calls() == 0) {
    ASSERT_LE(answers.size(), kCommitQueueMaxBytes / kValueSizeMaxBytesHard + 1);
    answers.push_back(StartWrite(WriteOf({PutOf(absl::StrCat("key", answers.size()), value)})));
  }
  EXPECT_EQ(answers.back().Get().status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(StartWrite(WriteOf({PutOf("small", "x")})).calls(), 0) << "a small one still fits";
  gate.Open();
  answers.pop_back();
  for (WriteAnswer& answer : answers) {
    EXPECT_TRUE(answer.Get().ok());
  }
}

TEST_F(CommitterTest, AboveTheQuotaPutsAreRefusedWhileDeletesAndOthersWritesPass) {
  tester_.committer_options().quota_bytes = 400'000;
  Reopen();
  const std::string value(10'000, 'x');
  absl::Status status;
  int stored = 0;
  for (; stored < 100; ++stored) {
    status = tester_.Put(absl::StrCat("key", stored), value).status();
    if (!status.ok()) {
      break;
    }
  }
  ASSERT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(absl::StrContains(status.message(), "--database-quota")) << status;
  const auto mixed = tester_.Write(WriteOf({DeleteOf("key1"), PutOf("key2", "x")}));
  EXPECT_EQ(mixed.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(tester_.Get("key1"), "(absent)") << "a batch is refused whole";
  EXPECT_TRUE(tester_.Apply({RemotePut("remote", Version{1, 1}, value)}).ok());
  for (int i = 0; i < stored; ++i) {
    EXPECT_TRUE(tester_.Delete(absl::StrCat("key", i)).ok());
  }
  EXPECT_TRUE(tester_.Put("key", value).ok());
}

TEST_F(CommitterTest, AFullMapFailsTheGroupWholeAndTheStoreGoesOn) {
  tester_.Close();
  TempDir dir;
  tester_.store_options().directory = dir.path();
  tester_.store_options().map_size_bytes = size_t{2} << 20;
  ASSERT_TRUE(tester_.Open().ok());
  ASSERT_TRUE(tester_.Write(WriteOf({PutOf("a", "old"), PutOf("b", "old", absl::Seconds(5))})).ok());
  const std::string before = EncodeState(tester_.state());
  const auto result = tester_.Write(WriteOf({DeleteOf("a"), PutOf("b", std::string(size_t{2} << 20, 'x'))}));
  ASSERT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(absl::StrContains(result.status().message(), "--database-map-size")) << result.status();
  EXPECT_EQ(EncodeState(tester_.state()), before) << "counts and digest are as if it had not been tried";
  EXPECT_EQ(tester_.Get("a"), "old");
  ASSERT_TRUE(tester_.Put("c", "new").ok());
  EXPECT_EQ(tester_.state().entries, 3u);
  tester_.Advance(absl::Seconds(5));
  EXPECT_EQ(tester_.state().entries, 2u);
}

TEST_F(CommitterTest, AGroupThatFailsDoesNotForgetWhatTheMirrorHasSent) {
  tester_.Close();
  TempDir dir;
  tester_.store_options().directory = dir.path();
  tester_.store_options().map_size_bytes = size_t{2} << 20;
  ASSERT_TRUE(tester_.Open().ok());
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  ASSERT_TRUE(tester_.Put("b", "2").ok());
  ASSERT_EQ(tester_.state().outbox_depth, 2u);
  Gate gate;
  tester_.HoldCommitter(&gate);
  tester_.committer().AdvanceMirrored({0, 1, {{"a", 1}}});
  WriteAnswer too_large = StartWrite(WriteOf({PutOf("c", std::string(size_t{2} << 20, 'x'))}));
  gate.Open();
  ASSERT_EQ(too_large.Get().status().code(), absl::StatusCode::kResourceExhausted);
  tester_.Settle();
  EXPECT_EQ(tester_.state().outbox_depth, 1u);
  EXPECT_EQ(tester_.state().mirrored_revision, 1u);
  tester_.committer().AdvanceMirrored({0, 2, {{"b", 2}}});
  tester_.Settle();
  EXPECT_EQ(tester_.state().outbox_depth, 0u);
  EXPECT_EQ(tester_.state().unsent_bytes, 0u) << "which would count against the outbox's quota for ever";
}

// ---- Stopping ----

TEST_F(CommitterTest, AfterStoppingEverythingIsUnavailableAtOnce) {
  tester_.committer().Stop();
  EXPECT_EQ(tester_.Put("key", "value").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(tester_.Apply({}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(tester_.EnterEpoch(1, false).code(), absl::StatusCode::kUnavailable);
  tester_.committer().AdvanceMirrored({});
  tester_.committer().Stop();
  EXPECT_EQ(tester_.Get("key"), "(absent)") << "reads go on";
}

TEST_F(CommitterTest, StoppingFromSeveralThreadsBesideWritersAnswersEverything) {
  for (int round = 0; round < 20; ++round) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        while (tester_.Put("key", "value").ok()) {
        }
      });
      threads.emplace_back([&] { tester_.committer().Stop(); });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    Reopen();
  }
}

// ---- Positions ----

TEST_F(CommitterTest, AnEpochIsOnDiskWhenItIsAnswered) {
  for (uint64_t epoch = 1; epoch <= 3; ++epoch) {
    ASSERT_TRUE(tester_.EnterEpoch(epoch, true).ok());
    EXPECT_EQ(StateOnDisk().epoch, epoch) << "though the clock stands still";
  }
}

TEST_F(CommitterTest, PositionsAreOnDiskAPeriodLaterAlsoWhenTheClockWasSetBack) {
  ASSERT_TRUE(tester_.EnterEpoch(1, false).ok());
  ASSERT_TRUE(tester_.Apply({}, 1, 10).ok());
  tester_.Settle();
  EXPECT_EQ(tester_.state().applied_sequence, 10u);
  EXPECT_EQ(StateOnDisk().applied_sequence, 0u);
  tester_.Advance(kPositionFlushPeriod);
  EXPECT_EQ(StateOnDisk().applied_sequence, 10u);
  ASSERT_TRUE(tester_.Apply({}, 1, 11).ok());
  tester_.Advance(-absl::Hours(1));
  EXPECT_EQ(StateOnDisk().applied_sequence, 11u);
  ASSERT_TRUE(tester_.Apply({}, 1, 12).ok());
  ASSERT_TRUE(tester_.Put("key", "value").ok());
  EXPECT_EQ(StateOnDisk().applied_sequence, 12u) << "with the next group";
}

TEST_F(CommitterTest, APositionOfAnotherEpochIsIgnored) {
  ASSERT_TRUE(tester_.EnterEpoch(2, false).ok());
  ASSERT_TRUE(tester_.Put("key", "value").ok());
  EXPECT_EQ(tester_.Apply({}, 1, 10)->position.sequence, 0u);
  EXPECT_EQ(tester_.Apply({}, 2, 5)->position.sequence, 5u);
  EXPECT_EQ(tester_.Apply({}, 2, 4)->position.sequence, 5u) << "never backward";
  tester_.committer().AdvanceMirrored({1, 1, {{"key", 1}}});
  tester_.Settle();
  EXPECT_EQ(tester_.state().outbox_depth, 1u);
  tester_.committer().AdvanceMirrored({2, 1, {{"key", 1}}});
  tester_.Settle();
  EXPECT_EQ(tester_.state().outbox_depth, 0u);
}

// ---- The changes table and the feed ----

TEST_F(CommitterTest, SweepingStaleChangesKeepsEveryLiveOne) {
  constexpr size_t kKeys = 400;
  size_t changes = 0;
  while (changes < 3 * kStaleChangesMin) {
    std::vector<Mutation> mutations;
    for (size_t i = 0; i < kKeys; ++i) {
      // Some keys are hardly ever written, so that live entries are strewn among stale ones.
      if (i % 20 != 0 || changes / kKeys == i / 20) {
        mutations.push_back(PutOf(absl::StrCat("key", i), absl::StrCat(changes)));
      }
    }
    changes += mutations.size();
    ASSERT_TRUE(tester_.Write(WriteOf(std::move(mutations))).ok());
  }
  for (int i = 0; i < 20; ++i) {
    tester_.Advance(kSweepPeriod);
  }
  EXPECT_EQ(tester_.ChangesAfter(0, 100).size(), tester_.state().entries);
  EXPECT_EQ(tester_.Outbox(100).size(), tester_.state().outbox_depth);
  const StoreState state = tester_.state();
  tester_.Close();
  const std::unique_ptr<TableEnv> env = OpenTables(dir_.path());
  const absl::StatusOr<TableTxn> txn = env->BeginRead();
  EXPECT_EQ(CheckTables(*txn, state), "");
  EXPECT_LT(*env->database()->BeginRead()->Count(Table::kChanges), kKeys + kStaleChangesMin);
}

TEST_F(CommitterTest, ReplayUpToTheSubscriptionAndLiveChangesAfterItLeaveNoHole) {
  std::thread writer([this] {
    for (int n = 0; n < 4000; ++n) {
      ASSERT_TRUE(tester_.Put(absl::StrCat("key", n % 10), absl::StrCat(n)).ok());
    }
  });
  class Live final : public ChangeFeed::Listener {
   public:
    void OnChanges(absl::Span<const ChangePtr> changes) override {
      for (const ChangePtr& change : changes) {
        revisions.push_back(change->revision);
      }
    }
    std::vector<uint64_t> revisions;
  };
  for (int i = 0; i < 200; ++i) {
    Live live;
    const uint64_t from = tester_.feed().Subscribe({}, &live);
    const auto replay = tester_.ChangesAfter(0, 100);
    tester_.feed().Unsubscribe(&live);
    ASSERT_TRUE(replay.empty() ? from == 0 : replay.back().revision >= from) << "all up to it can be read";
    for (size_t n = 0; n < live.revisions.size(); ++n) {
      ASSERT_EQ(live.revisions[n], from + 1 + n);
    }
  }
  writer.join();
}

}  // namespace
}  // namespace dunlin
