// Goal: whatever lies in memory, in the journal and in the database, and whatever moves from one to the other
// meanwhile, readers see each commit whole and as of one moment, and a crash at any moment finds all of them. Method:
// random transactions, checkpoints, cursors and reopenings from a seed beside std::map; and a reader beside a writer
// and a checkpoint thread (under ThreadSanitizer in CI).

#include "storage/table_env.h"

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/storage/open_tables.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

constexpr Table kTables[] = {Table::kRecords, Table::kChanges, Table::kExpiries};

using State = std::map<Table, std::map<std::string, std::string>>;

// A transaction's view of all tables.
State StateOf(const TableTxn& txn) {
  State state;
  for (const Table table : kTables) {
    absl::StatusOr<TableCursor> cursor = TableCursor::Open(txn, table);
    EXPECT_TRUE(cursor.ok() && cursor->Seek("").ok());
    while (cursor->valid()) {
      const auto value = txn.Get(table, cursor->key());
      EXPECT_TRUE(value.ok() && value->has_value() && **value == cursor->value()) << cursor->key();
      EXPECT_TRUE(state[table].emplace(cursor->key(), cursor->value()).second);
      EXPECT_TRUE(cursor->Next().ok());
    }
    state[table];
  }
  return state;
}

class TableEnvTest : public ::testing::Test {
 protected:
  void Reopen() {
    env_.reset();
    env_ = OpenTables(dir_.path());
  }

  TempDir dir_;
  std::unique_ptr<TableEnv> env_ = OpenTables(dir_.path());
};

class RandomStory {
 public:
  RandomStory(uint64_t seed, TableEnv* env, State* state) : random_(seed), env_(env), state_(*state) {}

  uint64_t Below(uint64_t bound) { return random_() % bound; }

  void Write() {
    absl::StatusOr<TableTxn> txn = env_->BeginWrite();
    ASSERT_TRUE(txn.ok()) << txn.status();
    State next = state_;
    for (uint64_t rows = 1 + Below(6); rows > 0; --rows) {
      const Table table = kTables[Below(3)];
      const std::string key = absl::StrCat("k", Below(50));
      if (Below(3) == 0) {
        ASSERT_TRUE(txn->Delete(table, key).ok());
        next[table].erase(key);
      } else {
        const std::string value(Below(3000), static_cast<char>('a' + Below(26)));
        ASSERT_TRUE(txn->Put(table, key, value).ok());
        next[table][key] = value;
      }
      if (Below(5) == 0) {
        ASSERT_EQ(StateOf(*txn), next) << "a transaction sees its own";
      }
    }
    if (Below(4) != 0) {
      ASSERT_TRUE(txn->Commit().ok());
      state_ = std::move(next);
    }
  }

 private:
  std::mt19937_64 random_;
  TableEnv* const env_;
  State& state_;
};

TEST_F(TableEnvTest, ReadersSeeEachCommitWhereverItLies) {
  for (const uint64_t seed : TestSeeds(TestRepetitions(6, 1))) {
    SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
    State state = StateOf(*env_->BeginRead());
    std::mt19937_64 random(seed);
    absl::Time now = absl::UnixEpoch();
    for (int step = 0; step < 150; ++step) {
      RandomStory story(random(), env_.get(), &state);
      switch (random() % 10) {
        case 0:
          now += kCheckpointPeriod;
          env_->FreezeIfDue(now);
          break;
        case 1:
          ASSERT_TRUE(env_->WriteFrozen().ok());
          break;
        case 2:
          ASSERT_TRUE(env_->WriteAll().ok());
          break;
        case 3:
          Reopen();
          break;
        case 4: {
          // A view stays what it is, whatever comes after it.
          const absl::StatusOr<TableTxn> view = env_->BeginRead();
          const State before = StateOf(*view);
          for (int i = 0; i < 3; ++i) {
            story.Write();
            now += kCheckpointPeriod;
            env_->FreezeIfDue(now);
            ASSERT_TRUE(env_->WriteFrozen().ok());
          }
          ASSERT_EQ(StateOf(*view), before) << step;
          break;
        }
        default:
          story.Write();
      }
      ASSERT_EQ(StateOf(*env_->BeginRead()), state) << step;
    }
  }
}

// Each commit writes its number under two keys of two tables.
TEST_F(TableEnvTest, AReaderBesideAWriterAndCheckpointsSeesWholeCommits) {
  std::atomic<bool> stop{false};
  std::thread checkpoints([&] {
    while (!stop) {
      ASSERT_TRUE(env_->WriteFrozen().ok());
    }
  });
  std::thread reader([&] {
    std::string last;
    while (!stop) {
      const absl::StatusOr<TableTxn> txn = env_->BeginRead();
      ASSERT_TRUE(txn.ok()) << txn.status();
      const std::string first((*txn->Get(Table::kRecords, "a")).value_or(""));
      const std::string second((*txn->Get(Table::kChanges, "z")).value_or(""));
      ASSERT_EQ(first, second);
      ASSERT_GE(first, last) << "never back";
      last = first;
    }
  });
  absl::Time now = absl::UnixEpoch();
  for (int commit = 0; commit < 3000; ++commit) {
    absl::StatusOr<TableTxn> txn = env_->BeginWrite();
    ASSERT_TRUE(txn.ok()) << txn.status();
    const std::string value = absl::StrCat(1'000'000 + commit);
    ASSERT_TRUE(txn->Put(Table::kRecords, "a", value).ok());
    ASSERT_TRUE(txn->Put(Table::kRecords, absl::StrCat("m", commit % 100), std::string(500, 'x')).ok());
    ASSERT_TRUE(txn->Put(Table::kChanges, "z", value).ok());
    ASSERT_TRUE(txn->Commit().ok());
    now += kCheckpointPeriod / 3;
    env_->FreezeIfDue(now);
  }
  stop = true;
  checkpoints.join();
  reader.join();
}

TEST_F(TableEnvTest, WhatIsCountedIsWhatIsThere) {
  const auto count = [&] { return *env_->BeginWrite()->Count(Table::kChanges); };
  const auto write = [&](int from, int upto, bool append) {
    absl::StatusOr<TableTxn> txn = env_->BeginWrite();
    for (int i = from; i < upto; ++i) {
      const std::string key = absl::StrCat(100 + i);
      ASSERT_TRUE((append ? txn->Append(Table::kChanges, key, "x") : txn->Delete(Table::kChanges, key)).ok());
    }
    ASSERT_TRUE(txn->Commit().ok());
  };
  write(0, 10, true);
  EXPECT_EQ(count(), 10u);
  env_->FreezeIfDue(absl::UnixEpoch());
  ASSERT_TRUE(env_->FreezeIfDue(absl::UnixEpoch() + kCheckpointPeriod));
  write(0, 4, false);
  EXPECT_EQ(count(), 6u) << "over what is frozen";
  ASSERT_TRUE(env_->WriteFrozen().ok());
  EXPECT_EQ(count(), 6u);
  Reopen();
  EXPECT_EQ(count(), 6u);
  write(10, 12, true);
  ASSERT_TRUE(env_->WriteAll().ok());
  EXPECT_EQ(count(), 8u);
}

TEST_F(TableEnvTest, ACheckpointIsDueByTimeAndByWeight) {
  const auto put = [&](size_t bytes) {
    absl::StatusOr<TableTxn> txn = env_->BeginWrite();
    ASSERT_TRUE(txn->Put(Table::kRecords, "key", std::string(bytes, 'x')).ok());
    ASSERT_TRUE(txn->Commit().ok());
  };
  absl::Time now = absl::UnixEpoch();
  EXPECT_FALSE(env_->FreezeIfDue(now)) << "there is nothing";
  put(1);
  EXPECT_FALSE(env_->FreezeIfDue(now));
  EXPECT_FALSE(env_->FreezeIfDue(now + kCheckpointPeriod - absl::Milliseconds(1)));
  EXPECT_TRUE(env_->FreezeIfDue(now + kCheckpointPeriod));
  EXPECT_TRUE(env_->FreezeIfDue(now + kCheckpointPeriod)) << "until it is written";
  ASSERT_TRUE(env_->WriteFrozen().ok());
  now += absl::Hours(1);
  EXPECT_FALSE(env_->FreezeIfDue(now));
  put(1);
  EXPECT_FALSE(env_->FreezeIfDue(now));
  EXPECT_FALSE(env_->FreezeIfDue(now - absl::Hours(1))) << "the clock was put back";
  EXPECT_TRUE(env_->FreezeIfDue(now - absl::Hours(1) + kCheckpointPeriod));
  ASSERT_TRUE(env_->WriteFrozen().ok());
  for (int i = 0; i < 5; ++i) {
    put(kWriteBufferBytesDefault / 4);
  }
  EXPECT_TRUE(env_->FreezeIfDue(now));
}

}  // namespace
}  // namespace dunlin
