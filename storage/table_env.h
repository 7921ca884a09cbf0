#ifndef DUNLIN_STORAGE_TABLE_ENV_H_
#define DUNLIN_STORAGE_TABLE_ENV_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/disk_failure.h"
#include "storage/journal.h"
#include "storage/lmdb_env.h"
#include "storage/mem_table.h"
#include "storage/mutex.h"
#include "storage/persistence.h"
#include "storage/table_txn.h"

namespace dunlin {

// TableEnv is the tables of a store on the disk: a database that takes changes in bulk, in front of it what it has not
// taken yet, in memory, and a journal that makes that durable.
//
//   Commit():      rows -> newest MemTable, journal (synced, if asked for); then they are visible
//   Freeze():      the newest MemTable becomes the frozen one; a new one takes its place, with the other segment
//   WriteFrozen(): the rows of the frozen one -> database, in the order of their keys, in one transaction with a sync
//   reading:       the newest MemTable, the frozen one, the database: the first that knows of a row tells
//
// The database remembers the number of the last commit that it holds. When the store is opened, what the journal has
// after it is put into the database. Putting rows again is harmless, so that a checkpoint may come in parts.
//
// A database that is full keeps nothing from being read or from being durable, but WriteFrozen() fails, room() says so,
// and what is in memory must not grow: it is for the caller to refuse what needs room, see CheckRoom(), and to call
// WriteAll() to see whether there is some again.
//
// A disk that fails ends all writing, see failure(); reading goes on.
//
// Thread-safety: one thread at a time writes: it alone calls BeginWrite(), Freeze() and WriteAll(). WriteFrozen() may
// be called by another one meanwhile. All else is safe for concurrent use. All transactions must have ended before
// destruction.
class TableEnv {
 public:
  struct Options {
    std::string directory;
    uint64_t store_id = 0;
    // As of Journal and LmdbEnv.
    bool sync = true;
    // How much memory the newest MemTable takes before it is frozen. A segment of the journal is twice, and with what
    // is frozen it may come to some six times as much where the database is slow, or full.
    size_t write_buffer_bytes = 0;
  };

  // Takes `database` over, whose tables are those of a store, and the journal beside it. Errors: those of the journal
  // and of the database; that it is full is none.
  static absl::StatusOr<std::unique_ptr<TableEnv>> Open(const Options& options, std::unique_ptr<LmdbEnv> database);
  TableEnv(const TableEnv&) = delete;
  TableEnv& operator=(const TableEnv&) = delete;

  // Begins a view of what has been committed so far. End it soon: memory and pages that it may read stay meanwhile.
  absl::StatusOr<TableTxn> BeginRead() ABSL_LOCKS_EXCLUDED(mutex_);

  // Begins a transaction that may write. REQUIRES: no other one is under way.
  // Errors: failure(); kResourceExhausted when the database is full and memory holds as much as it may.
  absl::StatusOr<TableTxn> BeginWrite() ABSL_LOCKS_EXCLUDED(mutex_, checkpoint_mutex_);

  // Freezes what has been committed, if there is enough of it, or some of it since more than kCheckpointPeriod by
  // `now`, a clock that may step. Returns whether WriteFrozen() has something to do.
  // REQUIRES: no transaction that may write is under way; the same for WriteAll().
  bool FreezeIfDue(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  // Writes what is frozen, if anything is, to the database. Errors: failure(); kResourceExhausted when the database or
  // the disk is full; kInternal.
  absl::Status WriteFrozen() ABSL_LOCKS_EXCLUDED(mutex_, checkpoint_mutex_);

  // Writes all that has been committed to the database: what makes room in it first. Errors: as of WriteFrozen().
  absl::Status WriteAll() ABSL_LOCKS_EXCLUDED(mutex_, checkpoint_mutex_);

  // OK; or why the database could not take the last that it was given: it is full.
  absl::Status room() const ABSL_LOCKS_EXCLUDED(mutex_);

  // As room(); kResourceExhausted, too, when the database has reached its limit, or would with `size_bytes` more. What
  // is in memory may be counted twice, until it is in the database.
  absl::Status CheckRoom(size_t size_bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  // OK; or, from the first write or sync on that the disk has failed, the error that ends all writing for good. The
  // commit that met it may be found after a restart; it is never half there.
  absl::Status failure() const;

  // As the journal's.
  bool HasFailedSync() const { return journal_->HasFailedSync(); }
  void ForgetFailedSync() { journal_->ForgetFailedSync(); }

  // The database itself, for whoever looks at its pages.
  LmdbEnv* database() const { return database_.get(); }

  // TableTxn::UsedBytes() as of now.
  absl::StatusOr<uint64_t> UsedBytes();

 private:
  friend class TableTxn;

  using MemTables = TableTxn::MemTables;

  TableEnv(const Options& options, std::unique_ptr<LmdbEnv> database)
      : options_(options), database_(std::move(database)) {}

  absl::Status Replay();
  absl::Status Commit(uint64_t number, JournalBatch* batch, Persistence persistence,
                      absl::FunctionRef<void()> before_sync) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status MakeRoom() ABSL_LOCKS_EXCLUDED(mutex_, checkpoint_mutex_);
  bool Freeze() ABSL_LOCKS_EXCLUDED(mutex_);
  std::shared_ptr<const MemTables> mem_tables() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Writes what `tables` hold, as of commit `number`, to the database, which then holds all up to it.
  absl::Status Write(const MemTables& tables, uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(checkpoint_mutex_);
  // A write to the database has ended so: notes whether there is room.
  absl::Status NoteRoom(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  const std::unique_ptr<LmdbEnv> database_;
  DiskFailure journal_failure_;

  // Used by the writer alone, once opened.
  std::unique_ptr<Journal> journal_;
  // What the journal held when it was opened may lie in both segments: until the database has all of it, neither may
  // begin anew.
  bool spans_both_segments_ = false;
  absl::Time dirty_since_ = absl::InfiniteFuture();
  // While the database is full: when it was last to be tried again.
  absl::Time retried_ = absl::InfinitePast();

  // Held while rows are moved to the database.
  Mutex checkpoint_mutex_;

  mutable Mutex mutex_ ABSL_ACQUIRED_AFTER(checkpoint_mutex_);
  // The MemTables that readers look at, the number of the last commit that they may see, and that of the last one in
  // the frozen table.
  std::shared_ptr<const MemTables> mem_tables_ ABSL_GUARDED_BY(mutex_);
  uint64_t committed_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t frozen_upto_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status room_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_TABLE_ENV_H_
