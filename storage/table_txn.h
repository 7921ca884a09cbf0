#ifndef DUNLIN_STORAGE_TABLE_TXN_H_
#define DUNLIN_STORAGE_TABLE_TXN_H_

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "storage/journal_batch.h"
#include "storage/lmdb_env.h"
#include "storage/mem_table.h"
#include "storage/merged_cursor.h"
#include "storage/persistence.h"
#include "storage/table.h"

namespace dunlin {

class TableEnv;

// TableTxn is one transaction: a consistent view of all tables, and, if begun by BeginWrite(), the means to change
// them. Views that it returns stay valid until its end. Destroying it without Commit() discards its changes.
//
// Errors of all calls: kDataLoss when the database is damaged, kInternal otherwise; each names the table and the
// reason.
//
// Thread-safety: one thread at a time.
class TableTxn {
 public:
  TableTxn(TableTxn&& other) noexcept;
  TableTxn& operator=(TableTxn&&) = delete;
  ~TableTxn();

  // Returns the value under `key`, or nullopt. No value is under the empty key: it cannot be stored.
  absl::StatusOr<absl::optional<absl::string_view>> Get(Table table, absl::string_view key) const;

  // ---- Only if begun by BeginWrite() ----

  absl::Status Put(Table table, absl::string_view key, absl::string_view value);

  // As Put(), for a key that is not in the table: Count() counts it.
  absl::Status Append(Table table, absl::string_view key, absl::string_view value);

  // Deletes `key`; deleting an absent key is fine, but for Count().
  absl::Status Delete(Table table, absl::string_view key);

  // The number of keys in `table`, as far as they were appended and deleted.
  absl::StatusOr<uint64_t> Count(Table table) const;

  // Makes the changes visible, and as durable as asked, and ends the transaction. Errors: kResourceExhausted when the
  // disk is full, kUnavailable once it has failed (see TableEnv::failure()).
  // `before_sync` is called once the changes survive the end of the process, before they are synced, if they are to be.
  absl::Status Commit(
      Persistence persistence = Persistence::kSynced, absl::FunctionRef<void()> before_sync = [] {});

  // ----

  // Bytes that hold data, in the database, without the pages free for reuse, and in memory.
  absl::StatusOr<uint64_t> UsedBytes() const;

 private:
  friend class TableCursor;
  friend class TableEnv;

  // The tables in memory.
  struct MemTables {
    std::shared_ptr<MemTable> newest;
    // Null if there is none.
    std::shared_ptr<MemTable> frozen;

    // The rows of `table` in both, as of commit `number`.
    MergedCursor Rows(uint64_t number, Table table) const;
  };

  // What a transaction that may write has done so far.
  struct Changes {
    TableEnv* env;
    JournalBatch batch;
    std::array<int64_t, kTableCount> counts{};
  };

  TableTxn(std::shared_ptr<const MemTables> mem_tables, uint64_t number, LmdbTxn database,
           std::unique_ptr<Changes> changes)
      : mem_tables_(std::move(mem_tables)),
        number_(number),
        database_(std::move(database)),
        changes_(std::move(changes)) {}

  void Discard();

  std::shared_ptr<const MemTables> mem_tables_;
  // The commit as of which it reads; if it may write, that which it is going to be.
  uint64_t number_;
  LmdbTxn database_;
  // Null if it may not write, or has ended.
  std::unique_ptr<Changes> changes_;
};

// TableCursor walks a table in the byte order of its keys.
//
// Thread-safety: as the transaction's, which must outlive it.
class TableCursor {
 public:
  static absl::StatusOr<TableCursor> Open(const TableTxn& txn, Table table);

  // Moves to the first key at or after `key`, to the next key. Past the end, valid() is false.
  absl::Status Seek(absl::string_view key);
  // REQUIRES: valid().
  absl::Status Next();

  bool valid() const { return memory_.valid() || database_.valid(); }

  // REQUIRES: valid().
  absl::string_view key() const { return in_memory_ ? memory_.key() : database_.key(); }
  absl::string_view value() const { return in_memory_ ? memory_.value() : database_.value(); }

 private:
  TableCursor(MergedCursor memory, LmdbCursor database) : memory_(std::move(memory)), database_(std::move(database)) {}

  // Finds the lower one of the two, the memory's if both stand at a key; goes on while that says that it is deleted.
  absl::Status Settle();
  // Moves those that stand at the lower key on.
  absl::Status StepOver();

  MergedCursor memory_;
  LmdbCursor database_;
  bool in_memory_ = false;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_TABLE_TXN_H_
