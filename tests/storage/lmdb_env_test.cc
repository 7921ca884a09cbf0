// Goal: transactions are whole and isolated, cursors walk in byte order, and what goes wrong is named by the right code
// with a remedy. Method: real databases in a directory of their own, small enough to be filled, and damaged files.

#include "storage/lmdb_env.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

class LmdbEnvTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kReaders = 16;

  LmdbEnv::Options OptionsOf(size_t map_size_bytes = size_t{64} << 20) const {
    LmdbEnv::Options options;
    options.directory = dir_.path();
    options.map_size_bytes = map_size_bytes;
    options.readers_max = kReaders;
    return options;
  }

  void Open(const LmdbEnv::Options& options) {
    env_.reset();
    absl::StatusOr<std::unique_ptr<LmdbEnv>> env = LmdbEnv::Open(options);
    ASSERT_TRUE(env.ok()) << env.status();
    env_ = *std::move(env);
  }

  void SetUp() override { Open(OptionsOf()); }

  void PutAndCommit(absl::string_view key, absl::string_view value) {
    absl::StatusOr<LmdbTxn> txn = env_->BeginWrite();
    ASSERT_TRUE(txn.ok()) << txn.status();
    ASSERT_TRUE(txn->Put(Table::kRecords, key, value).ok());
    ASSERT_TRUE(txn->Commit().ok());
  }

  // The value of `key` for a new reader; "(absent)" or the error if there is none.
  std::string Read(absl::string_view key, Table table = Table::kRecords) {
    const absl::StatusOr<LmdbTxn> txn = env_->BeginRead();
    return txn.ok() ? ReadIn(*txn, key, table) : txn.status().ToString();
  }

  static std::string ReadIn(const LmdbTxn& txn, absl::string_view key, Table table = Table::kRecords) {
    const auto value = txn.Get(table, key);
    if (!value.ok()) {
      return value.status().ToString();
    }
    return value->has_value() ? std::string(**value) : "(absent)";
  }

  TempDir dir_;
  std::unique_ptr<LmdbEnv> env_;
};

TEST_F(LmdbEnvTest, CommittedChangesAreThereAfterReopening) {
  PutAndCommit("key", "value");
  EXPECT_EQ(Read("key"), "value");
  Open(OptionsOf());
  EXPECT_EQ(Read("key"), "value");
}

TEST_F(LmdbEnvTest, UncommittedChangesAreDiscarded) {
  PutAndCommit("key", "old");
  {
    absl::StatusOr<LmdbTxn> txn = env_->BeginWrite();
    ASSERT_TRUE(txn.ok());
    ASSERT_TRUE(txn->Put(Table::kRecords, "key", "new").ok());
    ASSERT_TRUE(txn->Put(Table::kMeta, "other", "new").ok());
    EXPECT_EQ(ReadIn(*txn, "key"), "new") << "the transaction itself sees them";
    EXPECT_EQ(Read("key"), "old") << "others do not";
  }
  EXPECT_EQ(Read("key"), "old");
  EXPECT_EQ(Read("other", Table::kMeta), "(absent)");
  PutAndCommit("key", "newest");
  EXPECT_EQ(Read("key"), "newest") << "the writer's place is free again";
}

TEST_F(LmdbEnvTest, AReaderSeesOneMoment) {
  PutAndCommit("key", "old");
  const absl::StatusOr<LmdbTxn> reader = env_->BeginRead();
  ASSERT_TRUE(reader.ok());
  PutAndCommit("key", "new");
  EXPECT_EQ(ReadIn(*reader, "key"), "old");
  EXPECT_EQ(Read("key"), "new");
}

TEST_F(LmdbEnvTest, ARenewedReaderSeesTheLatest) {
  EXPECT_EQ(Read("key"), "(absent)");
  for (int i = 0; i < 100; ++i) {
    PutAndCommit("key", absl::StrCat(i));
    EXPECT_EQ(Read("key"), absl::StrCat(i));
  }
}

TEST_F(LmdbEnvTest, TablesAreApart) {
  absl::StatusOr<LmdbTxn> txn = env_->BeginWrite();
  ASSERT_TRUE(txn.ok());
  ASSERT_TRUE(txn->Put(Table::kRecords, "key", "record").ok());
  ASSERT_TRUE(txn->Put(Table::kMeta, "key", "meta").ok());
  EXPECT_EQ(ReadIn(*txn, "key", Table::kRecords), "record");
  EXPECT_EQ(ReadIn(*txn, "key", Table::kMeta), "meta");
  EXPECT_EQ(ReadIn(*txn, "key", Table::kChanges), "(absent)");
  EXPECT_EQ(*txn->Count(Table::kRecords), 1u);
  EXPECT_EQ(*txn->Count(Table::kExpiries), 0u);
}

TEST_F(LmdbEnvTest, DeletingWhatIsNotThereIsFine) {
  absl::StatusOr<LmdbTxn> txn = env_->BeginWrite();
  ASSERT_TRUE(txn.ok());
  EXPECT_TRUE(txn->Delete(Table::kRecords, "absent").ok());
  ASSERT_TRUE(txn->Put(Table::kRecords, "key", "").ok());
  EXPECT_EQ(ReadIn(*txn, "key"), "") << "an empty value is a value";
  EXPECT_TRUE(txn->Delete(Table::kRecords, "key").ok());
  EXPECT_EQ(ReadIn(*txn, "key"), "(absent)");
}

TEST_F(LmdbEnvTest, TheEmptyKeyIsAbsent) { EXPECT_EQ(Read(""), "(absent)"); }

TEST_F(LmdbEnvTest, CursorsWalkInByteOrderAndEndBehindTheLast) {
  {
    absl::StatusOr<LmdbTxn> txn = env_->BeginWrite();
    ASSERT_TRUE(txn.ok());
    for (const std::string& key : {std::string("b"), std::string("a\0", 2), std::string("\xFF"), std::string("a")}) {
      ASSERT_TRUE(txn->Put(Table::kRecords, key, absl::StrCat("value of ", key)).ok());
    }
    ASSERT_TRUE(txn->Commit().ok());
  }
  const absl::StatusOr<LmdbTxn> txn = env_->BeginRead();
  absl::StatusOr<LmdbCursor> cursor = LmdbCursor::Open(*txn, Table::kRecords);
  ASSERT_TRUE(cursor.ok());
  EXPECT_FALSE(cursor->valid());
  std::vector<std::string> keys;
  ASSERT_TRUE(cursor->Seek("").ok());
  while (cursor->valid()) {
    keys.emplace_back(cursor->key());
    EXPECT_EQ(cursor->value(), absl::StrCat("value of ", keys.back()));
    ASSERT_TRUE(cursor->Next().ok());
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"a", std::string("a\0", 2), "b", "\xFF"}));

  ASSERT_TRUE(cursor->Seek("aa").ok());
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(cursor->key(), "b") << "the first at or after";
  ASSERT_TRUE(cursor->Seek("b").ok());
  EXPECT_EQ(cursor->key(), "b");
  ASSERT_TRUE(cursor->SeekLast().ok());
  EXPECT_EQ(cursor->key(), "\xFF");
  ASSERT_TRUE(cursor->Seek("\xFF\xFF").ok());
  EXPECT_FALSE(cursor->valid());
}

TEST_F(LmdbEnvTest, CursorsOfAnEmptyTableAreAtItsEnd) {
  const absl::StatusOr<LmdbTxn> txn = env_->BeginRead();
  absl::StatusOr<LmdbCursor> cursor = LmdbCursor::Open(*txn, Table::kExpiries);
  ASSERT_TRUE(cursor.ok());
  ASSERT_TRUE(cursor->Seek("").ok());
  EXPECT_FALSE(cursor->valid());
  ASSERT_TRUE(cursor->SeekLast().ok());
  EXPECT_FALSE(cursor->valid());
}

TEST_F(LmdbEnvTest, AppendingOutOfOrderIsAnErrorThatNamesTheTable) {
  absl::StatusOr<LmdbTxn> txn = env_->BeginWrite();
  ASSERT_TRUE(txn.ok());
  ASSERT_TRUE(txn->Append(Table::kChanges, "b", "").ok());
  const absl::Status status = txn->Append(Table::kChanges, "a", "");
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(status.message().find("changes"), std::string::npos) << status;
}

TEST_F(LmdbEnvTest, AFullMapIsResourceExhaustedNamesTheRemedyAndLeavesWhatWasThere) {
  Open(OptionsOf(size_t{1} << 20));
  PutAndCommit("key", "value");
  absl::Status status;
  {
    absl::StatusOr<LmdbTxn> txn = env_->BeginWrite();
    ASSERT_TRUE(txn.ok());
    for (int i = 0; i < 1000 && status.ok(); ++i) {
      status = txn->Put(Table::kRecords, absl::StrCat("big", i), std::string(10000, 'x'));
    }
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("--database-map-size"), std::string::npos) << status;
  EXPECT_EQ(Read("key"), "value");
  PutAndCommit("key", "the next transaction works");
  EXPECT_EQ(Read("key"), "the next transaction works");
}

TEST_F(LmdbEnvTest, TooManyReadersAreResourceExhaustedAndTheirPlacesComeBack) {
  for (int round = 0; round < 2; ++round) {
    std::vector<LmdbTxn> readers;
    absl::Status status;
    for (uint32_t i = 0; i <= kReaders; ++i) {
      absl::StatusOr<LmdbTxn> txn = env_->BeginRead();
      if (txn.ok()) {
        readers.push_back(*std::move(txn));
      } else {
        status = txn.status();
      }
    }
    EXPECT_EQ(readers.size(), kReaders) << "round " << round;
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_NE(status.message().find("too many concurrent reads"), std::string::npos) << status;
  }
}

TEST_F(LmdbEnvTest, PooledReadersMoveBetweenThreads) {
  PutAndCommit("key", "value");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int n = 0; n < 500; ++n) {
        EXPECT_EQ(Read("key"), "value");
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST_F(LmdbEnvTest, UsedBytesFollowTheData) {
  const uint64_t before = *env_->UsedBytes();
  PutAndCommit("key", std::string(100000, 'x'));
  EXPECT_GE(*env_->UsedBytes(), before + 100000);
  {
    absl::StatusOr<LmdbTxn> txn = env_->BeginWrite();
    ASSERT_TRUE(txn.ok());
    ASSERT_TRUE(txn->Delete(Table::kRecords, "key").ok());
    EXPECT_LT(*txn->UsedBytes(), before + 100000) << "a write transaction sees its own";
    ASSERT_TRUE(txn->Commit().ok());
  }
  EXPECT_LT(*env_->UsedBytes(), before + 10000);
}

TEST_F(LmdbEnvTest, AFileThatIsNoDatabaseIsDataLoss) {
  for (const std::string& content : {std::string("too short"), std::string(1 << 16, 'x')}) {
    env_.reset();
    std::ofstream(dir_.Join("data.mdb"), std::ios::binary | std::ios::trunc) << content;
    const absl::Status status = LmdbEnv::Open(OptionsOf()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_NE(status.message().find(dir_.path()), std::string::npos) << status;
  }
}

TEST_F(LmdbEnvTest, ADirectoryThatCannotBeWrittenIsPermissionDenied) {
  env_.reset();
  ASSERT_EQ(unlink(dir_.Join("data.mdb").c_str()), 0);
  ASSERT_EQ(unlink(dir_.Join("lock.mdb").c_str()), 0);
  ASSERT_EQ(chmod(dir_.path().c_str(), 0555), 0);
  // Root may write everywhere, so a child does it as nobody.
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool unprivileged = getuid() != 0 || setuid(65534) == 0;
    const bool denied = absl::IsPermissionDenied(LmdbEnv::Open(OptionsOf()).status());
    _exit(unprivileged ? (denied ? 0 : 1) : 2);
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  if (WIFEXITED(result) && WEXITSTATUS(result) == 2) {
    GTEST_SKIP() << "this user may neither be denied a directory nor become another user";
  }
  EXPECT_TRUE(WIFEXITED(result) && WEXITSTATUS(result) == 0) << result;
}

}  // namespace
}  // namespace dunlin
