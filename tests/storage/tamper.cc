#include "tests/storage/tamper.h"

#include <memory>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "storage/lmdb_env.h"
#include "tests/storage/open_tables.h"

namespace dunlin {

void TamperWith(const std::string& directory, const std::function<void(LmdbTxn*)>& change) {
  const std::unique_ptr<LmdbEnv> env = OpenDatabase(directory, /*sync=*/true);
  absl::StatusOr<LmdbTxn> txn = env->BeginWrite();
  ASSERT_TRUE(txn.ok()) << txn.status();
  change(&*txn);
  ASSERT_TRUE(txn->Commit().ok());
}

void DamageRecord(const std::string& directory, absl::string_view key) {
  TamperWith(directory, [key](LmdbTxn* txn) {
    const auto stored = txn->Get(Table::kRecords, key);
    ASSERT_TRUE(stored.ok() && stored->has_value()) << key;
    std::string row(**stored);
    // The byte before the checksum.
    row[row.size() - 9] = static_cast<char>(row[row.size() - 9] ^ 1);
    ASSERT_TRUE(txn->Put(Table::kRecords, key, row).ok());
  });
}

}  // namespace dunlin
