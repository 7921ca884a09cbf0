#include "storage/table_env.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "storage/status_macros.h"
#include "storage/tables.h"

namespace dunlin {
namespace {

constexpr Table kTables[] = {Table::kRecords, Table::kChanges, Table::kExpiries, Table::kMeta};

// Which rows are written: all, or those that leave the database smaller. A deletion of an entry is a record, too, but a
// small one.
enum class Rows { kAll, kSmaller };

absl::StatusOr<bool> IsSmaller(const LmdbTxn& txn, Table table, const MergedCursor& row) {
  if (row.deleted()) {
    return true;
  }
  DUNLIN_ASSIGN_OR_RETURN(const auto stored, txn.Get(table, row.key()));
  return stored.has_value() && row.value().size() < stored->size();
}

// Puts into `txn`, or deletes, what `rows` says. Keys ascend: those at the end of the table, where most changes belong,
// are appended.
absl::Status WriteRows(MergedCursor rows, Table table, Rows which, LmdbTxn* txn) {
  std::string last;
  {
    DUNLIN_ASSIGN_OR_RETURN(LmdbCursor cursor, LmdbCursor::Open(*txn, table));
    DUNLIN_RETURN_IF_ERROR(cursor.SeekLast());
    last = cursor.valid() ? std::string(cursor.key()) : "";
  }
  for (rows.Seek(""); rows.valid(); rows.Next()) {
    if (which == Rows::kSmaller) {
      DUNLIN_ASSIGN_OR_RETURN(const bool is_smaller, IsSmaller(*txn, table, rows));
      if (!is_smaller) {
        continue;
      }
    }
    if (rows.deleted()) {
      DUNLIN_RETURN_IF_ERROR(txn->Delete(table, rows.key()));
    } else if (rows.key() > last) {
      DUNLIN_RETURN_IF_ERROR(txn->Append(table, rows.key(), rows.value()));
    } else {
      DUNLIN_RETURN_IF_ERROR(txn->Put(table, rows.key(), rows.value()));
    }
  }
  return absl::OkStatus();
}

// A status with memory of its own. Copies share theirs, and count in code that ThreadSanitizer does not see: who frees
// it last would seem to race with the others.
absl::Status CopyOf(const absl::Status& status) { return absl::Status(status.code(), status.message()); }

}  // namespace

// ---- Opening ----

absl::StatusOr<std::unique_ptr<TableEnv>> TableEnv::Open(const Options& options, std::unique_ptr<LmdbEnv> database) {
  std::unique_ptr<TableEnv> env(new TableEnv(options, std::move(database)));
  Journal::Options journal;
  journal.directory = options.directory;
  journal.store_id = options.store_id;
  journal.segment_size_bytes = 2 * options.write_buffer_bytes;
  journal.sync = options.sync;
  DUNLIN_ASSIGN_OR_RETURN(env->journal_, Journal::Open(journal, &env->journal_failure_));
  DUNLIN_RETURN_IF_ERROR(env->Replay());
  return env;
}

absl::Status TableEnv::Replay() {
  uint64_t number = 0;
  {
    DUNLIN_ASSIGN_OR_RETURN(const LmdbTxn txn, database_->BeginRead());
    DUNLIN_ASSIGN_OR_RETURN(const auto checkpoint, txn.Get(Table::kMeta, kMetaCheckpoint));
    number = checkpoint.has_value() && checkpoint->size() == 8 ? ReadBigEndian64(*checkpoint) : 0;
  }
  auto newest = std::make_shared<MemTable>();
  DUNLIN_RETURN_IF_ERROR(journal_->Replay(number + 1, [&](uint64_t commit, absl::string_view rows) {
    number = commit;
    const bool whole = ForEachJournalRow(rows, [&](const JournalRow& row) {
      if (row.deleted) {
        newest->Delete(commit, row.table, row.key);
      } else {
        newest->Put(commit, row.table, row.key, row.value);
      }
      newest->AddToCount(row.table, row.deleted ? -1 : 1);
    });
    return whole ? absl::OkStatus()
                 : absl::DataLossError(absl::StrCat("journal: commit ", commit, " has rows of an unknown format"));
  }));
  spans_both_segments_ = !newest->empty();
  {
    MutexLock lock(&mutex_);
    mem_tables_ = std::make_shared<const MemTables>(MemTables{std::move(newest), nullptr});
    committed_ = number;
  }
  const absl::Status status = WriteAll();
  return absl::IsResourceExhausted(status) ? absl::OkStatus() : status;
}

// ---- Transactions ----

absl::StatusOr<TableTxn> TableEnv::BeginRead() {
  // Both at one moment: the database must not get ahead of what memory shows.
  MutexLock lock(&mutex_);
  DUNLIN_ASSIGN_OR_RETURN(LmdbTxn database, database_->BeginRead());
  return TableTxn(mem_tables_, committed_, std::move(database), nullptr);
}

absl::StatusOr<TableTxn> TableEnv::BeginWrite() {
  DUNLIN_RETURN_IF_ERROR(failure());
  DUNLIN_RETURN_IF_ERROR(MakeRoom());
  auto changes = std::make_unique<TableTxn::Changes>();
  changes->env = this;
  MutexLock lock(&mutex_);
  DUNLIN_ASSIGN_OR_RETURN(LmdbTxn database, database_->BeginRead());
  return TableTxn(mem_tables_, committed_ + 1, std::move(database), std::move(changes));
}

absl::Status TableEnv::Commit(uint64_t number, JournalBatch* batch, Persistence persistence,
                              absl::FunctionRef<void()> before_sync) {
  if (batch->empty()) {
    return absl::OkStatus();
  }
  DUNLIN_RETURN_IF_ERROR(failure());
  DUNLIN_RETURN_IF_ERROR(journal_->Append(number, batch));
  if (persistence == Persistence::kSynced) {
    before_sync();
    DUNLIN_RETURN_IF_ERROR(journal_->Sync());
  }
  MutexLock lock(&mutex_);
  committed_ = number;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> TableEnv::UsedBytes() {
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, BeginRead());
  return txn.UsedBytes();
}

// Keeps the newest MemTable and its segment from growing without a bound while the database is slow, or full.
absl::Status TableEnv::MakeRoom() {
  // What was in two tables before a restart is in one.
  const size_t max_bytes = (spans_both_segments_ ? 4 : 2) * options_.write_buffer_bytes;
  const size_t bytes = std::max(mem_tables()->newest->bytes(), journal_->used_bytes());
  if (bytes < max_bytes || Freeze()) {
    return absl::OkStatus();
  }
  const absl::Status status = spans_both_segments_ ? WriteAll() : WriteFrozen();
  if (!status.ok()) {
    // Deletions come even when the database is full, and make room.
    return absl::IsResourceExhausted(status) && bytes < 2 * max_bytes ? absl::OkStatus() : status;
  }
  Freeze();
  return absl::OkStatus();
}

// ---- Checkpoints ----

std::shared_ptr<const TableEnv::MemTables> TableEnv::mem_tables() const {
  MutexLock lock(&mutex_);
  return mem_tables_;
}

bool TableEnv::FreezeIfDue(absl::Time now) {
  const std::shared_ptr<const MemTables> tables = mem_tables();
  if (tables->newest->empty()) {
    dirty_since_ = absl::InfiniteFuture();
  } else if (dirty_since_ == absl::InfiniteFuture() || now < dirty_since_) {
    dirty_since_ = now;
  }
  const bool is_full = !room().ok();
  if (tables->frozen != nullptr || is_full) {
    if (is_full && now >= retried_ && now - retried_ < kCheckpointRetryDelay) {
      return false;
    }
    retried_ = now;
    return tables->frozen != nullptr;
  }
  const bool is_due = tables->newest->bytes() >= options_.write_buffer_bytes ||
                      (dirty_since_ != absl::InfiniteFuture() && now - dirty_since_ >= kCheckpointPeriod);
  return is_due && Freeze();
}

// Returns whether it did.
bool TableEnv::Freeze() {
  {
    MutexLock lock(&mutex_);
    if (mem_tables_->frozen != nullptr || mem_tables_->newest->empty() || spans_both_segments_) {
      return false;
    }
    mem_tables_ = std::make_shared<const MemTables>(MemTables{std::make_shared<MemTable>(), mem_tables_->newest});
    frozen_upto_ = committed_;
  }
  journal_->Switch();
  dirty_since_ = absl::InfiniteFuture();
  return true;
}

absl::Status TableEnv::WriteFrozen() {
  MutexLock checkpoint(&checkpoint_mutex_);
  DUNLIN_RETURN_IF_ERROR(failure());
  std::shared_ptr<MemTable> frozen;
  uint64_t upto = 0;
  {
    MutexLock lock(&mutex_);
    frozen = mem_tables_->frozen;
    upto = frozen_upto_;
  }
  if (frozen == nullptr) {
    return absl::OkStatus();
  }
  DUNLIN_RETURN_IF_ERROR(NoteRoom(Write(MemTables{frozen, nullptr}, upto)));
  MutexLock lock(&mutex_);
  mem_tables_ = std::make_shared<const MemTables>(MemTables{mem_tables_->newest, nullptr});
  return absl::OkStatus();
}

absl::Status TableEnv::WriteAll() {
  MutexLock checkpoint(&checkpoint_mutex_);
  DUNLIN_RETURN_IF_ERROR(failure());
  std::shared_ptr<const MemTables> tables;
  uint64_t upto = 0;
  {
    MutexLock lock(&mutex_);
    tables = mem_tables_;
    upto = committed_;
  }
  if (!tables->newest->empty() || tables->frozen != nullptr) {
    DUNLIN_RETURN_IF_ERROR(NoteRoom(Write(*tables, upto)));
    MutexLock lock(&mutex_);
    mem_tables_ = std::make_shared<const MemTables>(MemTables{std::make_shared<MemTable>(), nullptr});
  }
  spans_both_segments_ = false;
  dirty_since_ = absl::InfiniteFuture();
  journal_->Restart();
  return absl::OkStatus();
}

absl::Status TableEnv::Write(const MemTables& tables, uint64_t number) {
  const auto write = [&](Rows which) -> absl::Status {
    DUNLIN_ASSIGN_OR_RETURN(LmdbTxn txn, database_->BeginWrite());
    for (const Table table : kTables) {
      DUNLIN_RETURN_IF_ERROR(WriteRows(tables.Rows(number, table), table, which, &txn));
    }
    DUNLIN_ASSIGN_OR_RETURN(const auto checkpoint, txn.Get(Table::kMeta, kMetaCheckpoint));
    // Written in any case: a transaction that changes nothing is none.
    const std::string held = which == Rows::kAll ? EncodeBigEndian64(number) : std::string(checkpoint.value_or("none"));
    DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaCheckpoint, held));
    return txn.Commit();
  };
  absl::Status status = write(Rows::kAll);
  // Pages that one transaction frees are for those after the next one.
  for (int i = 0; i < 2 && absl::IsResourceExhausted(status); ++i) {
    DUNLIN_RETURN_IF_ERROR(write(Rows::kSmaller));
    status = write(Rows::kAll);
  }
  return status;
}

absl::Status TableEnv::CheckRoom(size_t size_bytes) {
  DUNLIN_RETURN_IF_ERROR(room());
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t used_bytes, UsedBytes());
  if (used_bytes + size_bytes <= database_->map_size_bytes()) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat("the database has ", used_bytes, " bytes and cannot take ",
                                                   size_bytes, " more (limit ", database_->map_size_bytes(),
                                                   "): delete something, or raise --database-map-size"));
}

absl::Status TableEnv::NoteRoom(const absl::Status& status) {
  if (status.ok() || absl::IsResourceExhausted(status)) {
    MutexLock lock(&mutex_);
    room_ = CopyOf(status);
  }
  return status;
}

absl::Status TableEnv::room() const {
  MutexLock lock(&mutex_);
  return CopyOf(room_);
}

absl::Status TableEnv::failure() const {
  const absl::Status status = journal_failure_.status();
  return status.ok() ? database_->failure() : status;
}

}  // namespace dunlin
