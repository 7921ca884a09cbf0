// Goal (guarantees G1 and G11): what was answered survives kill -9 at any moment, and a batch is on the disk whole or
// not at all. Method: a child process writes batches, many at once, and reports each answer over a pipe; it is killed
// after a random number of answers; the store is opened again and compared with what was answered. (kill -9 keeps the
// page cache: that the answer waits for the disk itself is LMDB's fsync, which Store::Options::sync turns on here.)

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/storage/open_tables.h"
#include "tests/storage/store_model.h"
#include "tests/storage/store_tester.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

constexpr uint32_t kBatchesMax = 100'000;
constexpr uint32_t kBatchSizeMax = 5;
constexpr int kUnderWayMax = 64;

uint32_t SizeOfBatch(uint32_t batch) { return 1 + batch * 7 % kBatchSizeMax; }

// Keys are shared by batches, so that they also replace each other.
std::string KeyOf(uint32_t batch, uint32_t member) { return absl::StrCat("key", batch % 200, "-", member); }

// Runs in the child: writes batches and reports the number of each that was answered, until it is killed.
[[noreturn]] void WriteUntilKilled(const std::string& directory, int answers) {
  StoreTester tester(directory, /*sync=*/true);
  if (!tester.opened().ok()) {
    _exit(2);
  }
  // The next batch after the last one that is there, as told by the marker that each batch carries.
  const std::string last = tester.Get("marker");
  const uint32_t first = last == "(absent)" ? 0 : std::stoul(last) + 1;
  Mutex mutex;
  CondVar answered;
  int under_way = 0;
  for (uint32_t batch = first; batch < kBatchesMax; ++batch) {
    std::vector<Mutation> mutations = {PutOf("marker", absl::StrCat(batch))};
    for (uint32_t member = 0; member < SizeOfBatch(batch); ++member) {
      mutations.push_back(PutOf(KeyOf(batch, member), absl::StrCat(batch)));
    }
    {
      MutexLock lock(&mutex);
      ++under_way;
      while (under_way > kUnderWayMax) {
        answered.Wait(&mutex);
      }
    }
    tester.committer().Write(WriteOf(std::move(mutations)), [&, batch](absl::StatusOr<WriteResult> result) {
      if (!result.ok() || write(answers, &batch, sizeof(batch)) != sizeof(batch)) {
        _exit(3);
      }
      MutexLock lock(&mutex);
      --under_way;
      answered.Signal();
    });
  }
  _exit(4);
}

// Lets a child write in `directory` and kills it after about `answers_min` answers. Returns the last batch answered.
uint32_t WriteAndKill(const std::string& directory, int answers_min) {
  int answers[2];
  EXPECT_EQ(pipe(answers), 0);
  const pid_t child = fork();
  EXPECT_GE(child, 0);
  if (child == 0) {
    close(answers[0]);
    WriteUntilKilled(directory, answers[1]);
  }
  close(answers[1]);
  uint32_t last = 0;
  uint32_t batch = 0;
  for (int count = 0; read(answers[0], &batch, sizeof(batch)) == sizeof(batch); ++count) {
    last = batch;
    if (count == answers_min) {
      kill(child, SIGKILL);
    }
  }
  close(answers[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "status " << status;
  return last;
}

// Checks that the store holds the batches up to some one at or after `answered`, and nothing of later ones.
void CheckStore(const std::string& directory, uint32_t answered) {
  StoreTester tester(directory);
  ASSERT_TRUE(tester.opened().ok()) << tester.opened();
  const uint32_t last = std::stoul(tester.Get("marker"));
  EXPECT_GE(last, answered) << "an answered write is gone";
  EXPECT_LE(last, answered + 2 * kUnderWayMax);
  // Of each key the last batch up to `last` that wrote it.
  for (uint32_t batch = last >= 200 ? last - 199 : 0; batch <= last; ++batch) {
    for (uint32_t member = 0; member < kBatchSizeMax; ++member) {
      int64_t writer = batch;
      while (writer >= 0 && SizeOfBatch(static_cast<uint32_t>(writer)) <= member) {
        writer -= 200;
      }
      ASSERT_EQ(tester.Get(KeyOf(batch, member)), writer < 0 ? "(absent)" : absl::StrCat(writer));
    }
  }
  const StoreState state = tester.state();
  EXPECT_EQ(tester.Outbox(1000).size(), state.outbox_depth) << "what was answered is also still to be sent";
  EXPECT_EQ(state.outbox_depth, state.entries);
  tester.Close();
  const std::unique_ptr<TableEnv> env = OpenTables(directory);
  EXPECT_EQ(CheckTables(*env->BeginRead(), state), "");
}

TEST(CommitterDurabilityTest, WhatWasAnsweredSurvivesAKillAndBatchesAreWhole) {
  for (const uint64_t seed : TestSeeds(6)) {
    SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
    std::mt19937_64 random(seed);
    TempDir dir;
    // The same store is killed more than once: recovery has to leave a store that recovers again.
    for (int kill = 0; kill < 4; ++kill) {
      SCOPED_TRACE(absl::StrCat("kill ", kill));
      const uint32_t answered = WriteAndKill(dir.path(), static_cast<int>(random() % 1500));
      CheckStore(dir.path(), answered);
      if (::testing::Test::HasFailure()) {
        return;
      }
    }
  }
}

}  // namespace
}  // namespace dunlin
