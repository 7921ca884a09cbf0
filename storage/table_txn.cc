#include "storage/table_txn.h"

#include <utility>
#include <vector>

#include "storage/status_macros.h"
#include "storage/table_env.h"

namespace dunlin {

// ---- TableTxn ----

TableTxn::TableTxn(TableTxn&& other) noexcept = default;

TableTxn::~TableTxn() { Discard(); }

void TableTxn::Discard() {
  if (changes_ != nullptr) {
    mem_tables_->newest->Undo(number_);
    changes_ = nullptr;
  }
}

absl::StatusOr<absl::optional<absl::string_view>> TableTxn::Get(Table table, absl::string_view key) const {
  MemTable::Row row = changes_ != nullptr ? mem_tables_->newest->FindToWrite(number_, table, key)
                                          : mem_tables_->newest->Find(number_, table, key);
  if (!row.found && mem_tables_->frozen != nullptr) {
    row = mem_tables_->frozen->Find(number_, table, key);
  }
  if (row.found) {
    return row.deleted ? absl::nullopt : absl::make_optional(row.value);
  }
  return database_.Get(table, key);
}

absl::Status TableTxn::Put(Table table, absl::string_view key, absl::string_view value) {
  mem_tables_->newest->Put(number_, table, key, value);
  changes_->batch.Put(table, key, value);
  return absl::OkStatus();
}

absl::Status TableTxn::Append(Table table, absl::string_view key, absl::string_view value) {
  ++changes_->counts[static_cast<size_t>(table)];
  return Put(table, key, value);
}

absl::Status TableTxn::Delete(Table table, absl::string_view key) {
  --changes_->counts[static_cast<size_t>(table)];
  mem_tables_->newest->Delete(number_, table, key);
  changes_->batch.Delete(table, key);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> TableTxn::Count(Table table) const {
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t rows, database_.Count(table));
  int64_t more = changes_->counts[static_cast<size_t>(table)] + mem_tables_->newest->count(table);
  if (mem_tables_->frozen != nullptr) {
    more += mem_tables_->frozen->count(table);
  }
  return static_cast<uint64_t>(static_cast<int64_t>(rows) + more);
}

absl::StatusOr<uint64_t> TableTxn::UsedBytes() const {
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t bytes, database_.UsedBytes());
  return bytes + mem_tables_->newest->bytes() + (mem_tables_->frozen != nullptr ? mem_tables_->frozen->bytes() : 0);
}

absl::Status TableTxn::Commit(Persistence persistence, absl::FunctionRef<void()> before_sync) {
  const absl::Status status = changes_->env->Commit(number_, &changes_->batch, persistence, before_sync);
  if (!status.ok()) {
    Discard();
    return status;
  }
  for (size_t i = 0; i < kTableCount; ++i) {
    mem_tables_->newest->AddToCount(static_cast<Table>(i), changes_->counts[i]);
  }
  changes_ = nullptr;
  return absl::OkStatus();
}

MergedCursor TableTxn::MemTables::Rows(uint64_t number, Table table) const {
  std::vector<MemTable::Cursor> cursors;
  cursors.emplace_back(newest.get(), number, table);
  if (frozen != nullptr) {
    cursors.emplace_back(frozen.get(), number, table);
  }
  return MergedCursor(std::move(cursors));
}

// ---- TableCursor ----

absl::StatusOr<TableCursor> TableCursor::Open(const TableTxn& txn, Table table) {
  DUNLIN_ASSIGN_OR_RETURN(LmdbCursor database, LmdbCursor::Open(txn.database_, table));
  return TableCursor(txn.mem_tables_->Rows(txn.number_, table), std::move(database));
}

absl::Status TableCursor::Seek(absl::string_view key) {
  memory_.Seek(key);
  DUNLIN_RETURN_IF_ERROR(database_.Seek(key));
  return Settle();
}

absl::Status TableCursor::Next() {
  DUNLIN_RETURN_IF_ERROR(StepOver());
  return Settle();
}

absl::Status TableCursor::Settle() {
  while (true) {
    in_memory_ = memory_.valid() && (!database_.valid() || memory_.key() <= database_.key());
    if (!in_memory_ || !memory_.deleted()) {
      return absl::OkStatus();
    }
    DUNLIN_RETURN_IF_ERROR(StepOver());
  }
}

absl::Status TableCursor::StepOver() {
  const bool in_database = database_.valid() && (!in_memory_ || database_.key() == memory_.key());
  if (in_memory_) {
    memory_.Next();
  }
  return in_database ? database_.Next() : absl::OkStatus();
}

}  // namespace dunlin
