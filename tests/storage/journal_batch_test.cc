// Goal: a batch of the journal is read as it was written, and nothing else is taken for one. Method: properties
// (RapidCheck) over rows of every shape, and over each place where a batch can be cut off or turned.

#include "storage/journal_batch.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"

namespace dunlin {
namespace {

constexpr uint64_t kStoreId = 77;

struct OwnedRow {
  Table table;
  bool deleted;
  std::string key;
  std::string value;

  friend bool operator==(const OwnedRow& a, const OwnedRow& b) {
    return a.table == b.table && a.deleted == b.deleted && a.key == b.key && a.value == b.value;
  }
  friend std::ostream& operator<<(std::ostream& out, const OwnedRow& row) { return out << row.key; }
};

std::vector<OwnedRow> SomeRows() {
  std::vector<OwnedRow> rows;
  const size_t count = *rc::gen::inRange<size_t>(1, 6);
  for (size_t i = 0; i < count; ++i) {
    OwnedRow row;
    row.table = static_cast<Table>(*rc::gen::inRange(0, 4));
    row.deleted = *rc::gen::arbitrary<bool>();
    row.key = *rc::gen::arbitrary<std::string>();
    row.value = row.deleted ? "" : *rc::gen::arbitrary<std::string>();
    rows.push_back(row);
  }
  return rows;
}

std::string Encode(const std::vector<OwnedRow>& rows, uint64_t number, uint64_t synced_upto = 9) {
  JournalBatch batch;
  for (const OwnedRow& row : rows) {
    row.deleted ? batch.Delete(row.table, row.key) : batch.Put(row.table, row.key, row.value);
  }
  return std::string(batch.Finish(kStoreId, {number, /*previous_checksum=*/5, synced_upto}));
}

RC_GTEST_PROP(JournalBatchTest, IsReadAsItWasWritten, ()) {
  const std::vector<OwnedRow> rows = SomeRows();
  const std::string bytes = Encode(rows, 12);
  RC_ASSERT(bytes.size() % 8 == 0);
  const auto batch = ReadJournalBatch(kStoreId, absl::StrCat(bytes, "whatever follows"));
  RC_ASSERT(batch.has_value());
  RC_ASSERT(batch->place.number == 12);
  RC_ASSERT(batch->place.previous_checksum == 5);
  RC_ASSERT(batch->place.synced_upto == 9);
  RC_ASSERT(batch->size_bytes == bytes.size());
  const auto again = ReadJournalBatch(kStoreId, bytes);
  std::vector<OwnedRow> read;
  RC_ASSERT(ForEachJournalRow(again->rows, [&](const JournalRow& row) {
    read.push_back({row.table, row.deleted, std::string(row.key), std::string(row.value)});
  }));
  RC_ASSERT(read == rows);
}

RC_GTEST_PROP(JournalBatchTest, CutOffOrTurnedItIsNone, ()) {
  std::string bytes = Encode(SomeRows(), 12);
  RC_ASSERT(!ReadJournalBatch(kStoreId, bytes.substr(0, *rc::gen::inRange<size_t>(0, bytes.size()))).has_value());
  RC_ASSERT(!ReadJournalBatch(kStoreId + 1, bytes).has_value());
  const size_t at = *rc::gen::inRange<size_t>(0, bytes.size());
  bytes[at] = static_cast<char>(bytes[at] ^ (1 << *rc::gen::inRange(0, 8)));
  RC_ASSERT(!ReadJournalBatch(kStoreId, bytes).has_value());
}

RC_GTEST_PROP(JournalBatchTest, IsFoundBehindWhateverIsNone, ()) {
  const size_t words = *rc::gen::inRange<size_t>(0, 20);
  const std::string before = *rc::gen::container<std::string>(8 * words, rc::gen::arbitrary<char>());
  const std::string bytes = absl::StrCat(before, Encode(SomeRows(), 12));
  RC_ASSERT(TellsOfSyncedCommit(kStoreId, 9, 20, bytes));
  RC_ASSERT(TellsOfSyncedCommit(kStoreId, 3, 12, bytes));
  RC_ASSERT(!TellsOfSyncedCommit(kStoreId, 3, 11, bytes));
  RC_ASSERT(!TellsOfSyncedCommit(kStoreId, 10, 20, bytes));
  RC_ASSERT(!TellsOfSyncedCommit(kStoreId, 9, 20, bytes.substr(0, bytes.size() - 8)));
}

TEST(JournalBatchTest, RowsThatAreCutOffAreSaidToBe) {
  const std::string bytes = Encode({{Table::kMeta, false, "key", "value"}, {Table::kRecords, true, "other", ""}}, 1);
  const absl::string_view rows = ReadJournalBatch(kStoreId, bytes)->rows;
  size_t whole = 0;
  for (size_t size = 0; size <= rows.size(); ++size) {
    whole += ForEachJournalRow(rows.substr(0, size), [](const JournalRow&) {}) ? 1 : 0;
  }
  EXPECT_EQ(whole, 3u) << "none, one and both of them";
  std::string of_no_table(rows);
  of_no_table[0] = 4;
  EXPECT_FALSE(ForEachJournalRow(of_no_table, [](const JournalRow&) {}));
}

TEST(JournalBatchTest, BeginsAnew) {
  JournalBatch batch;
  EXPECT_TRUE(batch.empty());
  batch.Put(Table::kRecords, "a", "1");
  EXPECT_FALSE(batch.empty());
  const std::string first(batch.Finish(kStoreId, {1, 0, 0}));
  EXPECT_EQ(batch.checksum(), ReadJournalBatch(kStoreId, first)->checksum);
  batch.Clear();
  EXPECT_TRUE(batch.empty());
  batch.Put(Table::kRecords, "a", "1");
  EXPECT_EQ(batch.Finish(kStoreId, {1, 0, 0}), first);
}

}  // namespace
}  // namespace dunlin
