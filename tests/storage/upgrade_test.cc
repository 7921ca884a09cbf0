// Goal: a store of an earlier format opens with all it holds, and what the format did not know is found out; a power
// failure meanwhile leaves it as it was or upgraded.
// Method: a store of today whose state is put back into the bytes of format 1; images of what the disk may be left
// with.

#include <xxhash.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "storage/big_endian.h"
#include "storage/journal.h"
#include "storage/lmdb_env.h"
#include "storage/tables.h"
#include "tests/storage/open_tables.h"
#include "tests/storage/store_model.h"
#include "tests/storage/store_tester.h"
#include "tests/storage/tamper.h"
#include "tests/support/power_loss.h"
#include "tests/support/recorded_files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

// The state as format 1 wrote it: thirteen numbers, the digest and a checksum.
std::string EncodeStateOfFormat1(const StoreState& state) {
  const std::string today = EncodeState(state);
  constexpr size_t kNumbersSize = 13 * 8;
  constexpr size_t kDigestSize = 16;
  constexpr size_t kChecksumSize = 8;
  std::string row =
      today.substr(0, kNumbersSize) + today.substr(today.size() - kChecksumSize - kDigestSize, kDigestSize);
  AppendBigEndian64(XXH3_64bits(row.data(), row.size()), &row);
  return row;
}

class UpgradeTest : public testing::Test {
 protected:
  // Closes the store, and gives the tables to `change`.
  void Tables(const std::function<void(LmdbTxn*)>& change) {
    tester_.Close();
    TamperWith(dir_.path(), change);
  }

  void PutBack(const StoreState& state, uint64_t format = 1) {
    Tables([&](LmdbTxn* txn) {
      ASSERT_TRUE(txn->Put(Table::kMeta, kMetaState, EncodeStateOfFormat1(state)).ok());
      ASSERT_TRUE(txn->Put(Table::kMeta, kMetaFormat, EncodeBigEndian64(format)).ok());
    });
  }

  TempDir dir_;
  // Nothing is synced in earnest while it is there.
  RecordedFiles files_{dir_.path()};
  StoreTester tester_{dir_.path(), /*sync=*/true};
};

TEST_F(UpgradeTest, WhatFormat1DidNotKnowIsCounted) {
  ASSERT_TRUE(tester_.opened().ok());
  ASSERT_TRUE(tester_.EnterEpoch(7, /*refill=*/false).ok());
  ASSERT_TRUE(tester_.Write(WriteOf({PutOf("a", "1"), PutOf("b", "2"), DeleteOf("c")})).ok());
  ASSERT_TRUE(tester_.ApplyBatch({{RemotePut("d", Version{5, 9}, "x")}, 7, 3}).ok());
  tester_.Settle();
  const StoreState before = tester_.state();
  PutBack(before);
  ASSERT_TRUE(tester_.Open().ok());
  const StoreState after = tester_.state();
  EXPECT_EQ(after.content, before.content);
  EXPECT_EQ(after.unsent_bytes, before.unsent_bytes);
  EXPECT_GT(after.unsent_bytes, 0u);
  EXPECT_NE(after.unsent_since_unix_ms, 0u);
  EXPECT_NE(after.complete_unix_ms, 0u) << "it had applied what Redis had sent";
  EXPECT_EQ(after.revision, before.revision);
  EXPECT_EQ(after.digest, before.digest);
  EXPECT_EQ(tester_.Get("b"), "2");
  // It stays so: the next start finds today's format.
  Tables([&](LmdbTxn* txn) { EXPECT_EQ(**txn->Get(Table::kMeta, kMetaFormat), EncodeBigEndian64(kStoreFormat)); });
  EXPECT_EQ(CheckTables(*OpenTables(dir_.path())->BeginRead(), after), "");
  ASSERT_TRUE(tester_.Open().ok());
}

TEST_F(UpgradeTest, Format2HadNoJournal) {
  ASSERT_TRUE(tester_.opened().ok());
  ASSERT_TRUE(tester_.Write(WriteOf({PutOf("a", "1")})).ok());
  const std::string before = EncodeState(tester_.state());
  Tables([&](LmdbTxn* txn) {
    ASSERT_TRUE(txn->Put(Table::kMeta, kMetaFormat, EncodeBigEndian64(2)).ok());
    ASSERT_TRUE(txn->Delete(Table::kMeta, kMetaCheckpoint).ok());
  });
  for (size_t i = 0; i < Journal::kSegments; ++i) {
    ASSERT_TRUE(std::filesystem::remove(Journal::PathOf(dir_.path(), i)));
  }
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_EQ(EncodeState(tester_.state()), before);
  EXPECT_EQ(tester_.Get("a"), "1");
  EXPECT_TRUE(tester_.Put("b", "1").ok());
}

TEST_F(UpgradeTest, AStoreThatNeverHeardOfRedisIsNotTakenToBeComplete) {
  ASSERT_TRUE(tester_.opened().ok());
  ASSERT_TRUE(tester_.Write(WriteOf({PutOf("a", "1")})).ok());
  tester_.Settle();
  PutBack(tester_.state());
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_EQ(tester_.state().complete_unix_ms, 0u);
}

TEST_F(UpgradeTest, ADamagedStateIsNotUpgraded) {
  ASSERT_TRUE(tester_.opened().ok());
  PutBack(tester_.state());
  Tables([](LmdbTxn* txn) {
    std::string row(**txn->Get(Table::kMeta, kMetaState));
    row[3] ^= 1;
    ASSERT_TRUE(txn->Put(Table::kMeta, kMetaState, row).ok());
  });
  EXPECT_TRUE(absl::IsDataLoss(tester_.Open()));
}

TEST_F(UpgradeTest, APowerFailureMeanwhileLeavesTheOldFormatOrTheNewOne) {
  ASSERT_TRUE(tester_.opened().ok());
  ASSERT_TRUE(tester_.EnterEpoch(7, /*refill=*/false).ok());
  ASSERT_TRUE(tester_.Write(WriteOf({PutOf("a", "1"), PutOf("b", "2"), DeleteOf("c")})).ok());
  tester_.Settle();
  PutBack(tester_.state());
  const size_t begin = files_.events().size();
  ASSERT_TRUE(tester_.Open().ok());
  const std::string upgraded = EncodeState(tester_.state());
  const std::vector<FileEvent> events = files_.events();
  tester_.Close();

  std::mt19937_64 random(TestSeeds(1).front());
  PowerLoss power(&events);
  int images_of_format_1 = 0;
  int images_of_today = 0;
  for (size_t point = begin; point <= events.size(); ++point) {
    power.AdvanceTo(point);
    for (int i = 0; i < 12; ++i) {
      TempDir image;
      power.WriteImage(&random, image.path());
      {
        const std::unique_ptr<LmdbEnv> env = OpenDatabase(image.path());
        const absl::StatusOr<LmdbTxn> txn = env->BeginRead();
        const uint64_t format = ReadBigEndian64(**txn->Get(Table::kMeta, kMetaFormat));
        ++(format == 1 ? images_of_format_1 : images_of_today);
      }
      StoreTester found(image.path());
      ASSERT_TRUE(found.opened().ok()) << found.opened() << ", before event " << point;
      EXPECT_EQ(EncodeState(found.state()), upgraded);
      EXPECT_EQ(found.Get("b"), "2");
    }
  }
  EXPECT_GT(images_of_format_1, 0);
  EXPECT_GT(images_of_today, 0);
}

}  // namespace
}  // namespace dunlin
