#ifndef DUNLIN_TESTS_STORAGE_APPLIER_TESTER_H_
#define DUNLIN_TESTS_STORAGE_APPLIER_TESTER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "storage/applier.h"
#include "storage/big_endian.h"
#include "storage/hybrid_clock.h"
#include "storage/table_env.h"
#include "storage/tables.h"
#include "storage/version.h"
#include "tests/storage/open_tables.h"
#include "tests/storage/store_model.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace dunlin {

// Tables and a state for an Applier; after each call they have to fit each other.
class ApplierTester : public ::testing::Test {
 protected:
  static constexpr uint64_t kStoreId = 1000;

  // Runs `body` in a transaction and commits it. With `check`, the tables have to fit the state then.
  void Run(const std::function<void(Applier*, TableTxn*)>& body, bool check = true) {
    absl::StatusOr<TableTxn> txn = env_->BeginWrite();
    ASSERT_TRUE(txn.ok());
    Applier applier(&*txn, &state_, kStoreId, &clock_);
    body(&applier, &*txn);
    ASSERT_TRUE(applier.Finish().ok());
    if (check) {
      ASSERT_EQ(CheckTables(*txn, state_), "");
    }
    ASSERT_TRUE(txn->Commit().ok());
  }

  absl::StatusOr<WriteResult> Write(const LocalWrite& write) {
    absl::StatusOr<WriteResult> result;
    Run([&](Applier* applier, TableTxn*) { result = applier->ApplyLocal(write); });
    return result;
  }

  absl::StatusOr<ApplyResult> Apply(std::vector<VersionedRecord> records) {
    absl::StatusOr<ApplyResult> result;
    Run([&](Applier* applier, TableTxn*) { result = applier->ApplyRemote(RemoteBatch{records, 0, 0}); });
    return result;
  }

  // Changes byte `from_end` of the row of `key`.
  void Damage(const std::string& key, size_t from_end = 1) {
    Run(
        [&](Applier*, TableTxn* txn) {
          std::string row(**txn->Get(Table::kRecords, key));
          row[row.size() - from_end] ^= 0x20;
          ASSERT_TRUE(txn->Put(Table::kRecords, key, row).ok());
        },
        /*check=*/false);
  }

  // The format of the record of `key` is one to come.
  void MakeNewer(const std::string& key) { Damage(key, std::string(**Row(key)).size() - 9 - kVersionSizeBytes); }

  absl::StatusOr<absl::optional<std::string>> Row(const std::string& key) {
    const absl::StatusOr<TableTxn> txn = env_->BeginRead();
    const auto row = txn->Get(Table::kRecords, key);
    return row->has_value() ? absl::make_optional(std::string(**row)) : absl::nullopt;
  }

  // The row of `key`, which must be there and whole. Its views end with the next call.
  RecordRow RowOf(const std::string& key) {
    row_bytes_ = Row(key)->value_or("");
    const absl::StatusOr<RecordRow> row = DecodeRecordRow(key, row_bytes_);
    EXPECT_TRUE(row.ok()) << key << ": " << row.status();
    return row.ok() ? *row : RecordRow();
  }

  // The first revision of the atomic batch that the change at `revision` is of.
  uint64_t BatchOf(uint64_t revision) {
    const absl::StatusOr<TableTxn> txn = env_->BeginRead();
    return DecodeChangeRow(**txn->Get(Table::kChanges, EncodeBigEndian64(revision)))->batch_first_revision;
  }

  TempDir dir_;
  const std::unique_ptr<TableEnv> env_ = OpenTables(dir_.path());
  FakeClock wall_clock_;
  HybridClock clock_{&wall_clock_};
  StoreState state_;

 private:
  // What the row returned last lies in.
  std::string row_bytes_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_STORAGE_APPLIER_TESTER_H_
