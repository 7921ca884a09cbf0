// Goal: a damaged record costs its own key and nothing else: what follows it is listed, told and sent, and an operator
// hears of it once and until it is repaired. Method: stores in which single rows are changed behind their back.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/big_endian.h"
#include "storage/damaged_records.h"
#include "storage/limits.h"
#include "storage/lmdb_env.h"
#include "storage/logger.h"
#include "storage/mutex.h"
#include "storage/store.h"
#include "tests/storage/store_tester.h"
#include "tests/storage/tamper.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// ErrorCounter counts what is logged as an error.
class ErrorCounter final : public Logger {
 public:
  bool Enabled(LogLevel) const override { return true; }
  void Log(LogLevel level, absl::string_view, Fields) override {
    MutexLock lock(&mutex_);
    errors_ += level == LogLevel::kError ? 1 : 0;
  }
  int errors() const {
    MutexLock lock(&mutex_);
    return errors_;
  }

 private:
  mutable Mutex mutex_;
  int errors_ ABSL_GUARDED_BY(mutex_) = 0;
};

class StoreDamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tester_.store_options().logger = &log_;
    for (const char* key : {"a", "b", "c"}) {
      ASSERT_TRUE(tester_.Put(key, absl::StrCat(key, "1")).ok());
    }
  }

  void Damage(absl::string_view key) {
    tester_.Close();
    DamageRecord(dir_.path(), key);
    ASSERT_TRUE(tester_.Open().ok());
  }

  void Tamper(const std::function<void(LmdbTxn*)>& change) {
    tester_.Close();
    TamperWith(dir_.path(), change);
    ASSERT_TRUE(tester_.Open().ok());
  }

  EntryPage List(size_t entries_max = 10, absl::string_view after_key = "") {
    auto page = tester_.store().List("", after_key, entries_max, 1000, /*keys_only=*/false);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? *std::move(page) : EntryPage();
  }

  ChangePage Changes(uint64_t after_revision = 0, size_t changes_max = 10) {
    auto page = tester_.store().ReadChanges(
        after_revision, [](absl::string_view) { return true; }, changes_max, 1000);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? *std::move(page) : ChangePage();
  }

  static std::vector<std::string> KeysOf(const std::vector<Change>& changes) {
    std::vector<std::string> keys;
    for (const Change& change : changes) {
      keys.push_back(change.key);
    }
    return keys;
  }

  uint64_t damaged() { return tester_.store().CountDamaged().value(); }

  ErrorCounter log_;
  TempDir dir_;
  StoreTester tester_{dir_.path()};
};

TEST_F(StoreDamageTest, AListingGoesOnAndNamesTheKey) {
  Damage("b");
  const EntryPage page = List();
  ASSERT_EQ(page.entries.size(), 2u);
  EXPECT_EQ(page.entries[0].key, "a");
  EXPECT_EQ(page.entries[1].key, "c");
  EXPECT_THAT(page.damaged_keys, ElementsAre("b"));
  EXPECT_TRUE(page.complete);
}

TEST_F(StoreDamageTest, DamagedKeysCountLikeEntriesAndAreToldOnce) {
  Damage("a");
  Damage("b");
  const EntryPage first = List(1);
  EXPECT_THAT(first.damaged_keys, ElementsAre("a"));
  EXPECT_TRUE(first.entries.empty());
  EXPECT_FALSE(first.complete);
  const EntryPage rest = List(10, first.covered_key);
  EXPECT_THAT(rest.damaged_keys, ElementsAre("b"));
  EXPECT_EQ(rest.entries.size(), 1u);
}

TEST_F(StoreDamageTest, ChangesGoOnAndNameTheKeyWithItsRevision) {
  Damage("b");
  const ChangePage page = Changes();
  EXPECT_THAT(KeysOf(page.changes), ElementsAre("a", "c"));
  ASSERT_EQ(page.damaged.size(), 1u);
  EXPECT_EQ(page.damaged[0].key, "b");
  EXPECT_EQ(page.damaged[0].revision, 2u);
  EXPECT_TRUE(page.complete);
  EXPECT_EQ(page.covered_revision, 3u);
  EXPECT_EQ(Changes(1, 1).covered_revision, 2u) << "it counts like a change";
  ASSERT_TRUE(tester_.Put("b", "again").ok());
  EXPECT_THAT(Changes(2).damaged, IsEmpty()) << "the old change is stale";
}

TEST_F(StoreDamageTest, TheOutboxGoesOnWithoutIt) {
  Damage("a");
  const auto page = tester_.store().ReadOutbox(0, 10, 1000);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(KeysOf(page->changes), ElementsAre("b", "c"));
  EXPECT_TRUE(page->complete);
  EXPECT_EQ(page->covered_revision, 3u);
}

TEST_F(StoreDamageTest, ItIsLoggedOnceAndCountedUntilItIsWrittenAnew) {
  Damage("b");
  EXPECT_EQ(damaged(), 0u) << "nobody has read it yet";
  for (int i = 0; i < 3; ++i) {
    List();
    Changes();
    EXPECT_EQ(tester_.store().Get("b").status().code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(log_.errors(), 1);
  EXPECT_EQ(damaged(), 1u);
  ASSERT_TRUE(tester_.Put("b", "again").ok());
  EXPECT_EQ(damaged(), 0u);
  EXPECT_EQ(tester_.Get("b"), "again");
}

TEST_F(StoreDamageTest, ADamagedTombstoneIsDamagedToo) {
  ASSERT_TRUE(tester_.Delete("b").ok());
  Damage("b");
  EXPECT_THAT(List().damaged_keys, ElementsAre("b")) << "nobody can tell that it was one";
}

TEST_F(StoreDamageTest, ARowThatIsCutOffIsDamagedToo) {
  Tamper([](LmdbTxn* txn) { ASSERT_TRUE(txn->Put(Table::kRecords, "b", "short").ok()); });
  EXPECT_THAT(List().damaged_keys, ElementsAre("b"));
  EXPECT_EQ(Changes().damaged.size(), 1u);
  EXPECT_EQ(tester_.store().ReadOutbox(0, 10, 1000)->changes.size(), 2u);
  EXPECT_EQ(damaged(), 1u);
  ASSERT_TRUE(tester_.Delete("b").ok());
  EXPECT_EQ(damaged(), 0u);
}

TEST_F(StoreDamageTest, AChangeThatNamesNoKeyIsPassedOver) {
  Tamper([](LmdbTxn* txn) { ASSERT_TRUE(txn->Put(Table::kChanges, EncodeBigEndian64(2), "damaged").ok()); });
  EXPECT_THAT(KeysOf(Changes().changes), ElementsAre("a", "c"));
  const auto page = tester_.store().ReadOutbox(0, 10, 1000);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(KeysOf(page->changes), ElementsAre("a", "c"));
}

TEST(DamagedRecordsTest, WhatIsRememberedIsBounded) {
  ErrorCounter log;
  DamagedRecords records(&log);
  for (size_t i = 0; i < kDamagedRecordsMax + 5; ++i) {
    records.Note(absl::StrCat("key", i), 1);
  }
  EXPECT_EQ(records.known().size(), kDamagedRecordsMax);
  EXPECT_EQ(log.errors(), static_cast<int>(kDamagedRecordsMax));
  records.Forget({"key0", 2});
  EXPECT_EQ(records.known().size(), kDamagedRecordsMax) << "that is another record";
  records.Forget({"key0", 1});
  EXPECT_EQ(records.known().size(), kDamagedRecordsMax - 1);
}

}  // namespace
}  // namespace dunlin
