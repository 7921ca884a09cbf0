#include "storage/lmdb_env.h"

#include <lmdb.h>

#include <cassert>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

constexpr std::array<const char*, kTableCount> kTableNames = {"records", "changes", "expiries", "meta"};

const char* NameOf(Table table) { return kTableNames[static_cast<size_t>(table)]; }

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case MDB_MAP_FULL:
    case MDB_READERS_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
      return absl::StatusCode::kResourceExhausted;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_PANIC:
      return absl::StatusCode::kDataLoss;
    case MDB_VERSION_MISMATCH:
      return absl::StatusCode::kFailedPrecondition;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::string_view RemedyFor(int error) {
  switch (error) {
    case MDB_MAP_FULL:
      return ": raise --database-map-size";
    case ENOSPC:
    case EDQUOT:
      return ": free disk space";
    case MDB_READERS_FULL:
      return ": too many concurrent reads";
    case EACCES:
    case EPERM:
    case EROFS:
      return ": make it writable for this user";
    default:
      return "";
  }
}

absl::Status ErrorOf(int error, absl::string_view what) {
  return absl::Status(CodeOf(error), absl::StrCat("database: ", what, ": ", mdb_strerror(error), RemedyFor(error)));
}

MDB_val ToVal(absl::string_view bytes) { return MDB_val{bytes.size(), const_cast<char*>(bytes.data())}; }

absl::string_view FromVal(const MDB_val& val) {
  return absl::string_view(static_cast<const char*>(val.mv_data), val.mv_size);
}

}  // namespace

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
    return ErrorOf(error, absl::StrCat("reading ", NameOf(table)));
  }
  return absl::make_optional(FromVal(value));
}

absl::Status LmdbTxn::Put(Table table, absl::string_view key, absl::string_view value) {
  MDB_val key_val = ToVal(key);
  MDB_val value_val = ToVal(value);
  const int error = mdb_put(txn_, env_->tables_[static_cast<size_t>(table)], &key_val, &value_val, 0);
  return error == 0 ? absl::OkStatus() : ErrorOf(error, absl::StrCat("writing ", NameOf(table)));
}

absl::Status LmdbTxn::Append(Table table, absl::string_view key, absl::string_view value) {
  MDB_val key_val = ToVal(key);
  MDB_val value_val = ToVal(value);
  const int error = mdb_put(txn_, env_->tables_[static_cast<size_t>(table)], &key_val, &value_val, MDB_APPEND);
  return error == 0 ? absl::OkStatus() : ErrorOf(error, absl::StrCat("appending to ", NameOf(table)));
}

absl::Status LmdbTxn::Delete(Table table, absl::string_view key) {
  MDB_val key_val = ToVal(key);
  const int error = mdb_del(txn_, env_->tables_[static_cast<size_t>(table)], &key_val, nullptr);
  return error == 0 || error == MDB_NOTFOUND ? absl::OkStatus()
                                             : ErrorOf(error, absl::StrCat("deleting from ", NameOf(table)));
}

absl::StatusOr<uint64_t> LmdbTxn::Count(Table table) const {
  MDB_stat stat;
  const int error = mdb_stat(txn_, env_->tables_[static_cast<size_t>(table)], &stat);
  if (error != 0) {
    return ErrorOf(error, absl::StrCat("counting ", NameOf(table)));
  }
  return static_cast<uint64_t>(stat.ms_entries);
}

absl::StatusOr<uint64_t> LmdbTxn::UsedBytes() const {
  uint64_t bytes = 0;
  for (const unsigned table : env_->tables_) {
    MDB_stat stat;
    const int error = mdb_stat(txn_, table, &stat);
    if (error != 0) {
      return ErrorOf(error, "measuring the database");
    }
    bytes += (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * uint64_t{stat.ms_psize};
  }
  return bytes;
}

absl::Status LmdbTxn::Commit() {
  assert(!read_only_);
  // LMDB frees the transaction whether or not the commit succeeds.
  const int error = mdb_txn_commit(std::exchange(txn_, nullptr));
  return error == 0 ? absl::OkStatus() : ErrorOf(error, "committing");
}

// ---- LmdbCursor ----

absl::StatusOr<LmdbCursor> LmdbCursor::Open(const LmdbTxn& txn, Table table) {
  MDB_cursor* cursor = nullptr;
  const int error = mdb_cursor_open(txn.txn_, txn.env_->tables_[static_cast<size_t>(table)], &cursor);
  if (error != 0) {
    return ErrorOf(error, absl::StrCat("opening a cursor on ", NameOf(table)));
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
                                             : ErrorOf(error, absl::StrCat("walking ", NameOf(table_)));
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

// ---- LmdbEnv ----

absl::StatusOr<std::unique_ptr<LmdbEnv>> LmdbEnv::Open(const Options& options) {
  MDB_env* raw = nullptr;
  int error = mdb_env_create(&raw);
  if (error != 0) {
    return ErrorOf(error, "creating the environment");
  }
  std::unique_ptr<LmdbEnv> env(new LmdbEnv(raw));
  mdb_env_set_mapsize(raw, options.map_size_bytes);
  mdb_env_set_maxreaders(raw, options.readers_max);
  mdb_env_set_maxdbs(raw, kTableCount);
  // MDB_NOTLS: a read transaction belongs to whoever holds it, not to a thread. No MDB_WRITEMAP: a stray write in this
  // process must not reach the file.
  const unsigned flags = MDB_NOTLS | (options.sync ? 0 : MDB_NOSYNC);
  error = mdb_env_open(raw, options.directory.c_str(), flags, 0640);
  if (error != 0) {
    return ErrorOf(error, absl::StrCat("opening ", options.directory));
  }
  DUNLIN_RETURN_IF_ERROR(env->OpenTables());
  return env;
}

absl::Status LmdbEnv::OpenTables() {
  DUNLIN_ASSIGN_OR_RETURN(LmdbTxn txn, BeginWrite());
  for (size_t i = 0; i < kTableCount; ++i) {
    const int error = mdb_dbi_open(txn.txn_, kTableNames[i], MDB_CREATE, &tables_[i]);
    if (error != 0) {
      return ErrorOf(error, absl::StrCat("opening table ", kTableNames[i]));
    }
  }
  return txn.Commit();
}

LmdbEnv::~LmdbEnv() {
  for (MDB_txn* txn : pool_) {
    mdb_txn_abort(txn);
  }
  mdb_env_close(env_);
}

absl::StatusOr<LmdbTxn> LmdbEnv::BeginRead() {
  MDB_txn* txn = nullptr;
  {
    MutexLock lock(&mutex_);
    if (!pool_.empty()) {
      txn = pool_.back();
      pool_.pop_back();
    }
  }
  const int error = txn != nullptr ? mdb_txn_renew(txn) : mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  if (error != 0) {
    if (txn != nullptr) {
      mdb_txn_abort(txn);
    }
    return ErrorOf(error, "beginning a read transaction");
  }
  return LmdbTxn(this, txn, /*read_only=*/true);
}

void LmdbEnv::Recycle(MDB_txn* txn) {
  mdb_txn_reset(txn);
  MutexLock lock(&mutex_);
  pool_.push_back(txn);
}

absl::StatusOr<LmdbTxn> LmdbEnv::BeginWrite() {
  MDB_txn* txn = nullptr;
  const int error = mdb_txn_begin(env_, nullptr, 0, &txn);
  if (error != 0) {
    return ErrorOf(error, "beginning a write transaction");
  }
  return LmdbTxn(this, txn, /*read_only=*/false);
}

absl::StatusOr<uint64_t> LmdbEnv::UsedBytes() {
  DUNLIN_ASSIGN_OR_RETURN(const LmdbTxn txn, BeginRead());
  return txn.UsedBytes();
}

}  // namespace dunlin
