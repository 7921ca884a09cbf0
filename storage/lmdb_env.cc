#include "storage/lmdb_env.h"

#include <lmdb.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "storage/lmdb_error.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

constexpr std::array<const char*, kTableCount> kTableNames = {"records", "changes", "expiries", "meta"};

MDB_val ToVal(absl::string_view bytes) { return MDB_val{bytes.size(), const_cast<char*>(bytes.data())}; }

absl::string_view FromVal(const MDB_val& val) {
  return absl::string_view(static_cast<const char*>(val.mv_data), val.mv_size);
}

}  // namespace

const char* TableName(Table table) { return kTableNames[static_cast<size_t>(table)]; }

std::string DataFileOf(const std::string& directory) { return absl::StrCat(directory, "/data.mdb"); }

// ---- LmdbTxn ----

LmdbTxn::LmdbTxn(LmdbTxn&& other) noexcept
    : env_(other.env_), txn_(std::exchange(other.txn_, nullptr)), read_only_(other.read_only_) {}

LmdbTxn::~LmdbTxn() {
  if (txn_ == nullptr) {
    return;
  }
  if (read_only_) {
    env_->Recycle(txn_);
  } else {
    mdb_txn_abort(txn_);
  }
}

absl::StatusOr<absl::optional<absl::string_view>> LmdbTxn::Get(Table table, absl::string_view key) const {
  if (key.empty()) {
    return absl::nullopt;
  }
  MDB_val key_val = ToVal(key);
  MDB_val value;
  const int error = mdb_get(txn_, env_->tables_[static_cast<size_t>(table)], &key_val, &value);
  if (error == MDB_NOTFOUND) {
    return absl::nullopt;
  }
  if (error != 0) {
    return LmdbErrorToStatus(error, absl::StrCat("reading ", TableName(table)));
  }
  return absl::make_optional(FromVal(value));
}

absl::Status LmdbTxn::Append(Table table, absl::string_view key, absl::string_view value) {
  return Put(table, key, value, MDB_APPEND);
}

absl::Status LmdbTxn::Put(Table table, absl::string_view key, absl::string_view value, unsigned flags) {
  MDB_val key_val = ToVal(key);
  MDB_val value_val = ToVal(value);
  const int error = LmdbWriteError(
      [&] { return mdb_put(txn_, env_->tables_[static_cast<size_t>(table)], &key_val, &value_val, flags); });
  return error == 0 ? absl::OkStatus() : WriteError(error, absl::StrCat("writing ", TableName(table)));
}

absl::Status LmdbTxn::Delete(Table table, absl::string_view key) {
  MDB_val key_val = ToVal(key);
  const int error =
      LmdbWriteError([&] { return mdb_del(txn_, env_->tables_[static_cast<size_t>(table)], &key_val, nullptr); });
  return error == 0 || error == MDB_NOTFOUND ? absl::OkStatus()
                                             : WriteError(error, absl::StrCat("deleting from ", TableName(table)));
}

absl::StatusOr<uint64_t> LmdbTxn::Count(Table table) const {
  MDB_stat stat;
  const int error = mdb_stat(txn_, env_->tables_[static_cast<size_t>(table)], &stat);
  if (error != 0) {
    return LmdbErrorToStatus(error, absl::StrCat("counting ", TableName(table)));
  }
  return static_cast<uint64_t>(stat.ms_entries);
}

absl::StatusOr<uint64_t> LmdbTxn::UsedBytes() const {
  uint64_t bytes = 0;
  for (const unsigned table : env_->tables_) {
    MDB_stat stat;
    const int error = mdb_stat(txn_, table, &stat);
    if (error != 0) {
      return LmdbErrorToStatus(error, "measuring the database");
    }
    bytes += (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * uint64_t{stat.ms_psize};
  }
  return bytes;
}

absl::Status LmdbTxn::Commit() {
  assert(!read_only_);
  // LMDB frees the transaction whether or not the commit succeeds.
  const int error = LmdbWriteError([&] { return mdb_txn_commit(std::exchange(txn_, nullptr)); });
  if (error == 0) {
    return absl::OkStatus();
  }
  const absl::Status status = WriteError(error, "committing");
  // When the last step fails, LMDB writes no more, whatever the reason, and whether the transaction will be found after
  // a restart is open. Only the next transaction is told so.
  const absl::StatusOr<LmdbTxn> next = env_->BeginWrite();
  return next.ok() ? status : next.status();
}

absl::Status LmdbTxn::WriteError(int error, absl::string_view what) const {
  const absl::Status status = LmdbErrorToStatus(error, what);
  return IsDiskFailure(error) ? env_->failure_.Note(status) : status;
}

// ---- LmdbCursor ----

absl::StatusOr<LmdbCursor> LmdbCursor::Open(const LmdbTxn& txn, Table table) {
  MDB_cursor* cursor = nullptr;
  const int error = mdb_cursor_open(txn.txn_, txn.env_->tables_[static_cast<size_t>(table)], &cursor);
  if (error != 0) {
    return LmdbErrorToStatus(error, absl::StrCat("opening a cursor on ", TableName(table)));
  }
  return LmdbCursor(cursor, table);
}

LmdbCursor::LmdbCursor(LmdbCursor&& other) noexcept
    : cursor_(std::exchange(other.cursor_, nullptr)),
      table_(other.table_),
      valid_(other.valid_),
      key_(other.key_),
      value_(other.value_) {}

LmdbCursor::~LmdbCursor() {
  if (cursor_ != nullptr) {
    mdb_cursor_close(cursor_);
  }
}

absl::Status LmdbCursor::Move(absl::string_view from, int operation) {
  MDB_val key = ToVal(from);
  MDB_val value;
  const int error = mdb_cursor_get(cursor_, &key, &value, static_cast<MDB_cursor_op>(operation));
  valid_ = error == 0;
  if (valid_) {
    key_ = FromVal(key);
    value_ = FromVal(value);
  }
  return error == 0 || error == MDB_NOTFOUND ? absl::OkStatus()
                                             : LmdbErrorToStatus(error, absl::StrCat("walking ", TableName(table_)));
}

absl::Status LmdbCursor::Seek(absl::string_view key) {
  // LMDB has no empty keys: the empty key means the first.
  return key.empty() ? Move(key, MDB_FIRST) : Move(key, MDB_SET_RANGE);
}

absl::Status LmdbCursor::Next() {
  assert(valid_);
  return Move({}, MDB_NEXT);
}

absl::Status LmdbCursor::SeekLast() { return Move({}, MDB_LAST); }

// ---- LmdbEnv: opening ----

namespace {

absl::StatusOr<MDB_env*> OpenEnv(const LmdbEnv::Options& options, const std::string& path, unsigned flags) {
  MDB_env* env = nullptr;
  int error = mdb_env_create(&env);
  if (error != 0) {
    return LmdbErrorToStatus(error, "creating the environment");
  }
  mdb_env_set_mapsize(env, options.map_size_bytes);
  mdb_env_set_maxreaders(env, options.readers_max);
  mdb_env_set_maxdbs(env, kTableCount);
  error = mdb_env_open(env, path.c_str(), flags, 0640);
  if (error != 0) {
    mdb_env_close(env);
    return LmdbErrorToStatus(error, absl::StrCat("opening ", path));
  }
  return env;
}

// LMDB writes the first two pages of a new database without syncing in between; a power failure meanwhile would leave
// a file that it takes for damaged. So they are written and synced under another name.
absl::Status CreateDataFile(const LmdbEnv::Options& options) {
  const std::string unfinished = absl::StrCat(DataFileOf(options.directory), ".new");
  // Of an attempt that came to no end.
  unlink(unfinished.c_str());
  DUNLIN_ASSIGN_OR_RETURN(MDB_env* const env, OpenEnv(options, unfinished, MDB_NOSUBDIR | MDB_NOLOCK));
  int error = options.sync ? mdb_env_sync(env, /*force=*/1) : 0;
  mdb_env_close(env);
  if (error == 0 && std::rename(unfinished.c_str(), DataFileOf(options.directory).c_str()) != 0) {
    error = errno;
  }
  return error == 0 ? absl::OkStatus() : LmdbErrorToStatus(error, absl::StrCat("creating ", unfinished));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LmdbEnv>> LmdbEnv::Open(const Options& options) {
  std::unique_ptr<LmdbEnv> env(new LmdbEnv(options));
  DUNLIN_RETURN_IF_ERROR(env->OpenAll());
  return env;
}

absl::Status LmdbEnv::OpenAll() {
  if (access(DataFileOf(options_.directory).c_str(), F_OK) != 0 && errno == ENOENT) {
    DUNLIN_RETURN_IF_ERROR(CreateDataFile(options_));
  }
  // LMDB writes its table of readers through a mapping. Its first page is touched at once; the rest is there when LMDB
  // has given the file its size.
  DUNLIN_RETURN_IF_ERROR(lock_file_.Reserve());
  // MDB_NOTLS: a read transaction belongs to whoever holds it, not to a thread. No MDB_WRITEMAP: a stray write in this
  // process must not reach the file.
  DUNLIN_ASSIGN_OR_RETURN(env_, OpenEnv(options_, options_.directory, MDB_NOTLS | (options_.sync ? 0 : MDB_NOSYNC)));
  DUNLIN_RETURN_IF_ERROR(lock_file_.Reserve());
  {
    MutexLock lock(&mutex_);
    read_env_ = env_;
  }
  return OpenTables();
}

absl::Status LmdbEnv::OpenTables() {
  DUNLIN_ASSIGN_OR_RETURN(LmdbTxn txn, BeginWrite());
  for (size_t i = 0; i < kTableCount; ++i) {
    const int error = mdb_dbi_open(txn.txn_, kTableNames[i], MDB_CREATE, &tables_[i]);
    if (error != 0) {
      return LmdbErrorToStatus(error, absl::StrCat("opening table ", kTableNames[i]));
    }
  }
  return txn.Commit();
}

LmdbEnv::~LmdbEnv() {
  for (MDB_txn* txn : pool_) {
    mdb_txn_abort(txn);
  }
  if (read_env_ != env_) {
    mdb_env_close(read_env_);
  }
  mdb_env_close(env_);
}

// ---- LmdbEnv: transactions ----

absl::StatusOr<LmdbTxn> LmdbEnv::BeginRead() {
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  {
    MutexLock lock(&mutex_);
    env = read_env_;
    if (!pool_.empty()) {
      txn = pool_.back();
      pool_.pop_back();
    }
  }
  int error = txn != nullptr ? mdb_txn_renew(txn) : mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn);
  if (error != 0 && txn != nullptr) {
    mdb_txn_abort(txn);
  }
  if (error == MDB_PANIC) {
    DUNLIN_ASSIGN_OR_RETURN(env, OpenForReading());
    error = mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn);
  }
  if (error != 0) {
    return LmdbErrorToStatus(error, "beginning a read transaction");
  }
  return LmdbTxn(this, txn, /*read_only=*/true);
}

// A second environment on the same file. That is allowed here because it takes no locks, and needs none: nobody writes
// any more. It sees the last commit that succeeded, since LMDB has taken back the first step of the one that failed.
absl::StatusOr<MDB_env*> LmdbEnv::OpenForReading() {
  MutexLock lock(&mutex_);
  if (read_env_ != env_) {
    return read_env_;
  }
  DUNLIN_ASSIGN_OR_RETURN(MDB_env* const env,
                          OpenEnv(options_, options_.directory, MDB_NOTLS | MDB_RDONLY | MDB_NOLOCK));
  absl::Cleanup close_env = [env] { mdb_env_close(env); };
  MDB_txn* txn = nullptr;
  int error = mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn);
  for (size_t i = 0; error == 0 && i < kTableCount; ++i) {
    unsigned table = 0;
    error = mdb_dbi_open(txn, kTableNames[i], 0, &table);
    // Cursors and lookups know the tables by the handles of env_.
    assert(error != 0 || table == tables_[i]);
  }
  error = error == 0 ? mdb_txn_commit(std::exchange(txn, nullptr)) : error;
  mdb_txn_abort(txn);
  if (error != 0) {
    return LmdbErrorToStatus(error, "opening the database again for reading");
  }
  std::move(close_env).Cancel();
  for (MDB_txn* pooled : pool_) {
    mdb_txn_abort(pooled);
  }
  pool_.clear();
  read_env_ = env;
  return env;
}

void LmdbEnv::Recycle(MDB_txn* txn) {
  mdb_txn_reset(txn);
  MutexLock lock(&mutex_);
  if (mdb_txn_env(txn) == read_env_) {
    pool_.push_back(txn);
  } else {
    mdb_txn_abort(txn);
  }
}

absl::StatusOr<LmdbTxn> LmdbEnv::BeginWrite() {
  DUNLIN_RETURN_IF_ERROR(failure_.status());
  MDB_txn* txn = nullptr;
  const int error = mdb_txn_begin(env_, nullptr, 0, &txn);
  if (error != 0) {
    const absl::Status status = LmdbErrorToStatus(error, "beginning a write transaction");
    // The last step of a commit has failed, for whatever reason: LMDB writes no more.
    return error == MDB_PANIC ? failure_.Note(status) : status;
  }
  return LmdbTxn(this, txn, /*read_only=*/false);
}

absl::StatusOr<uint64_t> LmdbEnv::UsedBytes() {
  DUNLIN_ASSIGN_OR_RETURN(const LmdbTxn txn, BeginRead());
  return txn.UsedBytes();
}

}  // namespace dunlin
