#ifndef DUNLIN_STORAGE_LMDB_ENV_H_
#define DUNLIN_STORAGE_LMDB_ENV_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "storage/disk_failure.h"
#include "storage/mutex.h"
#include "storage/reserved_file.h"
#include "storage/table.h"

// Of lmdb.h, which no header includes.
struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

namespace dunlin {

// What LMDB knows a table by.
const char* TableName(Table table);

// The file of the database in `directory`.
std::string DataFileOf(const std::string& directory);

class LmdbEnv;

// LmdbTxn is one transaction: a consistent view of all tables, and, if begun by BeginWrite(), the means to change them.
// Views that it returns stay valid until the next change or the end of the transaction. Destroying it without Commit()
// discards its changes.
//
// Errors of all calls: kResourceExhausted when the map or the disk is full, kUnavailable once the disk has failed (see
// LmdbEnv::failure()), kDataLoss when the database is damaged, kInternal otherwise; each names the table and LMDB's
// reason. After an error a write transaction can only be destroyed.
//
// Thread-safety: one thread at a time.
class LmdbTxn {
 public:
  LmdbTxn(LmdbTxn&& other) noexcept;
  LmdbTxn& operator=(LmdbTxn&&) = delete;
  ~LmdbTxn();

  // Returns the value under `key`, or nullopt. No value is under the empty key: it cannot be stored.
  absl::StatusOr<absl::optional<absl::string_view>> Get(Table table, absl::string_view key) const;

  absl::Status Put(Table table, absl::string_view key, absl::string_view value) {
    return Put(table, key, value, /*flags=*/0);
  }

  // As Put(), for a key that follows every key of the table: cheaper, and leaves pages full.
  absl::Status Append(Table table, absl::string_view key, absl::string_view value);

  // Deletes `key`; deleting an absent key is fine.
  absl::Status Delete(Table table, absl::string_view key);

  // The number of keys in `table`.
  absl::StatusOr<uint64_t> Count(Table table) const;

  // Bytes of the pages that hold data, without the pages free for reuse.
  absl::StatusOr<uint64_t> UsedBytes() const;

  // Makes the changes durable and visible, and ends the transaction.
  // REQUIRES: the transaction was begun by BeginWrite().
  absl::Status Commit();

 private:
  friend class LmdbEnv;
  friend class LmdbCursor;

  LmdbTxn(LmdbEnv* env, MDB_txn* txn, bool read_only) : env_(env), txn_(txn), read_only_(read_only) {}

  absl::Status Put(Table table, absl::string_view key, absl::string_view value, unsigned flags);
  // The error of a call that may have written to the disk.
  absl::Status WriteError(int error, absl::string_view what) const;

  LmdbEnv* env_;
  MDB_txn* txn_;
  bool read_only_;
};

// LmdbCursor walks a table in the byte order of its keys.
//
// Thread-safety: as the transaction's. The transaction must outlive the cursor.
class LmdbCursor {
 public:
  static absl::StatusOr<LmdbCursor> Open(const LmdbTxn& txn, Table table);
  LmdbCursor(LmdbCursor&& other) noexcept;
  LmdbCursor& operator=(LmdbCursor&&) = delete;
  ~LmdbCursor();

  // Moves to the first key at or after `key`, to the next key, to the last one. Past the end, valid() is false.
  absl::Status Seek(absl::string_view key);
  // REQUIRES: valid().
  absl::Status Next();
  absl::Status SeekLast();

  bool valid() const { return valid_; }

  // REQUIRES: valid().
  absl::string_view key() const { return key_; }
  absl::string_view value() const { return value_; }

 private:
  LmdbCursor(MDB_cursor* cursor, Table table) : cursor_(cursor), table_(table) {}
  absl::Status Move(absl::string_view from, int operation);

  MDB_cursor* cursor_;
  Table table_;
  bool valid_ = false;
  absl::string_view key_;
  absl::string_view value_;
};

// LmdbEnv owns an open LMDB database (http://www.lmdb.tech/doc/): a copy-on-write B+ tree with one writer at a time and
// readers that block nobody. Read transactions are pooled, since beginning one afresh costs more than a lookup.
//
// A disk that fails ends all writing, see failure(); reading goes on. A disk that is full only turns down what needs
// room, for as long as it is full.
//
// Thread-safety: safe for concurrent use; all transactions must have ended before destruction.
class LmdbEnv {
 public:
  struct Options {
    std::string directory;
    size_t map_size_bytes = 0;
    uint32_t readers_max = 0;
    // false: commits return before they are on disk. A process crash loses nothing; a power failure may lose the latest
    // commits or the whole database.
    bool sync = true;
  };

  // Opens the database in `options.directory`, creating it if it is empty. A power failure while it is created leaves
  // an empty directory or an empty database.
  // Errors: kPermissionDenied, kDataLoss when it is not a database or damaged, kResourceExhausted when the disk is
  // full.
  static absl::StatusOr<std::unique_ptr<LmdbEnv>> Open(const Options& options);
  LmdbEnv(const LmdbEnv&) = delete;
  LmdbEnv& operator=(const LmdbEnv&) = delete;
  ~LmdbEnv();

  // Begins a view of what has been committed so far. End it soon: pages it may read cannot be reused meanwhile.
  absl::StatusOr<LmdbTxn> BeginRead() ABSL_LOCKS_EXCLUDED(mutex_);

  // Begins a write transaction, waiting for the one under way. Errors: failure().
  absl::StatusOr<LmdbTxn> BeginWrite() ABSL_LOCKS_EXCLUDED(mutex_);

  // OK; or, from the first write or sync on that the disk has failed, the error that ends all writing for good. Whether
  // the transaction that met it is found after a restart is open if its commit failed in the last step; it is never
  // half there.
  absl::Status failure() const { return failure_.status(); }

  size_t map_size_bytes() const { return options_.map_size_bytes; }

  // LmdbTxn::UsedBytes() as of now.
  absl::StatusOr<uint64_t> UsedBytes();

 private:
  friend class LmdbTxn;
  friend class LmdbCursor;

  explicit LmdbEnv(const Options& options) : options_(options), lock_file_(options.directory + "/lock.mdb") {}

  absl::Status OpenAll();
  absl::Status OpenTables();
  // What readers use once LMDB has given its environment up.
  absl::StatusOr<MDB_env*> OpenForReading() ABSL_LOCKS_EXCLUDED(mutex_);
  void Recycle(MDB_txn* txn) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  // These are set while opening.
  ReservedFile lock_file_;
  MDB_env* env_ = nullptr;
  std::array<unsigned, kTableCount> tables_{};

  DiskFailure failure_;

  Mutex mutex_;
  // env_, until LMDB gives that up.
  MDB_env* read_env_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // Ended read transactions of read_env_, ready to be renewed.
  std::vector<MDB_txn*> pool_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_LMDB_ENV_H_
