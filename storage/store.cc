#include "storage/store.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"
#include "storage/status_macros.h"
#include "storage/upgrade.h"

namespace dunlin {
namespace {

// Change rows looked at in one read transaction, which must stay short.
constexpr size_t kChangeRowsPerReadMax = 4096;

uint64_t RandomStoreId() {
  absl::BitGen random;
  return absl::Uniform<uint64_t>(absl::IntervalClosed, random, 1, UINT64_MAX);
}

StoredEntry MakeEntry(absl::string_view key, const RecordRow& row, bool keys_only) {
  StoredEntry entry;
  entry.key = std::string(key);
  entry.version = row.record.version;
  entry.revision = row.revision;
  entry.expiry_unix_ms = row.record.expiry_unix_ms;
  if (!keys_only) {
    entry.value = std::string(row.record.value);
  }
  return entry;
}

absl::Status LacksMetaError(absl::string_view path) {
  return absl::DataLossError(
      absl::StrCat("data directory ", path, " lacks part of its meta data: restore it, or start with an empty one"));
}

size_t SizeOf(const StoredEntry& entry) { return entry.key.size() + entry.value.size(); }

absl::StatusOr<uint64_t> RevisionOf(const LmdbTxn& txn) {
  DUNLIN_ASSIGN_OR_RETURN(const auto row, txn.Get(Table::kMeta, kMetaState));
  if (!row.has_value()) {
    return absl::DataLossError("the store's state is missing");
  }
  DUNLIN_ASSIGN_OR_RETURN(const StoreState state, DecodeState(*row));
  return state.revision;
}

// The row of the change at `revision`, or nullopt if the key has changed since.
absl::StatusOr<absl::optional<RecordRow>> LiveRow(const LmdbTxn& txn, uint64_t revision, absl::string_view key) {
  DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, key));
  // The revision is asked for first: most entries may be stale, and a record's checksum costs more.
  if (!row.has_value() || row->size() < 8 || ReadBigEndian64(*row) != revision) {
    return absl::nullopt;
  }
  DUNLIN_ASSIGN_OR_RETURN(const RecordRow decoded, DecodeRecordRow(key, *row));
  return absl::make_optional(decoded);
}

// Moves `cursor` to the first change after `revision`. Revisions may come from a client's token: there is none after
// the highest number.
absl::Status SeekAfter(LmdbCursor* cursor, uint64_t revision) {
  return revision == UINT64_MAX ? absl::OkStatus() : cursor->Seek(EncodeBigEndian64(revision + 1));
}

ChangeType TypeOf(const RecordRow& row) {
  if (row.record.tombstone) {
    return ChangeType::kDelete;
  }
  return row.swept ? ChangeType::kExpire : ChangeType::kPut;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const Options& options, HybridClock* clock) {
  DUNLIN_ASSIGN_OR_RETURN(DataDirectory directory, DataDirectory::Acquire(options.directory));
  LmdbEnv::Options env_options;
  env_options.directory = options.directory;
  env_options.map_size_bytes = options.map_size_bytes;
  env_options.readers_max = kDatabaseReadersMax;
  env_options.sync = options.sync;
  DUNLIN_ASSIGN_OR_RETURN(std::unique_ptr<LmdbEnv> env, LmdbEnv::Open(env_options));
  if (options.sync) {
    DUNLIN_RETURN_IF_ERROR(directory.SyncNames());
  }
  std::unique_ptr<Store> store(new Store(std::move(directory), std::move(env), clock));
  DUNLIN_RETURN_IF_ERROR(store->LoadOrCreate(options));
  return store;
}

absl::Status Store::LoadOrCreate(const Options& options) {
  DUNLIN_ASSIGN_OR_RETURN(LmdbTxn txn, env_->BeginWrite());
  DUNLIN_ASSIGN_OR_RETURN(const auto format, txn.Get(Table::kMeta, kMetaFormat));
  if (format.has_value()) {
    return Load(options, std::move(txn));
  }
  for (const Table table : {Table::kRecords, Table::kChanges, Table::kExpiries, Table::kMeta}) {
    DUNLIN_ASSIGN_OR_RETURN(const uint64_t rows, txn.Count(table));
    if (rows != 0) {
      return LacksMetaError(directory_.path());
    }
  }
  return Create(options, std::move(txn));
}

absl::Status Store::Create(const Options& options, LmdbTxn txn) {
  identity_.store_id = options.new_store_id != 0 ? options.new_store_id : RandomStoreId();
  identity_.replication_namespace = options.replication_namespace;
  DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaFormat, EncodeBigEndian64(kStoreFormat)));
  DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaIdentity, EncodeIdentity(identity_)));
  DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaState, EncodeState(StoreState())));
  return txn.Commit();
}

absl::Status Store::Load(const Options& options, LmdbTxn txn) {
  DUNLIN_ASSIGN_OR_RETURN(const auto format, txn.Get(Table::kMeta, kMetaFormat));
  const uint64_t number = format->size() == 8 ? ReadBigEndian64(*format) : 0;
  if (number > kStoreFormat) {
    return absl::FailedPreconditionError(absl::StrCat("data directory ", directory_.path(), " has format ", number,
                                                      "; this program reads up to format ", kStoreFormat,
                                                      ": start the version that wrote it, or a later one"));
  }
  DUNLIN_ASSIGN_OR_RETURN(const auto identity, txn.Get(Table::kMeta, kMetaIdentity));
  DUNLIN_ASSIGN_OR_RETURN(const auto state, txn.Get(Table::kMeta, kMetaState));
  if (number == 0 || !identity.has_value() || !state.has_value()) {
    return LacksMetaError(directory_.path());
  }
  DUNLIN_ASSIGN_OR_RETURN(identity_, DecodeIdentity(*identity));
  if (identity_.replication_namespace != options.replication_namespace) {
    return absl::FailedPreconditionError(
        absl::StrCat("data directory ", directory_.path(), " belongs to namespace \"", identity_.replication_namespace,
                     "\", not \"", options.replication_namespace, "\": name that one, or another directory"));
  }
  if (number < kStoreFormat) {
    DUNLIN_ASSIGN_OR_RETURN(const StoreState upgraded, UpgradeStore(number, clock_->NowUnixMillis(), &txn));
    DUNLIN_RETURN_IF_ERROR(txn.Commit());
    Resume(upgraded);
    return absl::OkStatus();
  }
  DUNLIN_ASSIGN_OR_RETURN(const StoreState loaded, DecodeState(*state));
  DUNLIN_ASSIGN_OR_RETURN(const auto history, txn.Get(Table::kMeta, kMetaHistory));
  if (history.has_value()) {
    DUNLIN_ASSIGN_OR_RETURN(revision_history_, RevisionHistory::Decode(*history));
  }
  Resume(loaded);
  return absl::OkStatus();
}

void Store::Resume(const StoreState& state) {
  clock_->Restore(state.clock_time);
  clock_->SetOffset(absl::Microseconds(state.clock_offset_us));
  SetState(state);
}

absl::StatusOr<StoredEntry> Store::Get(absl::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const LmdbTxn txn, env_->BeginRead());
  DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, key));
  if (row.has_value()) {
    DUNLIN_ASSIGN_OR_RETURN(const RecordRow decoded, DecodeRecordRow(key, *row));
    if (!ReadsAsAbsent(decoded, clock_->NowUnixMillis())) {
      return MakeEntry(key, decoded, /*keys_only=*/false);
    }
  }
  return absl::NotFoundError(absl::StrCat("key \"", absl::CHexEscape(key), "\" does not exist"));
}

absl::StatusOr<std::string> Store::GetRecord(absl::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const LmdbTxn txn, env_->BeginRead());
  DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, key));
  if (!row.has_value()) {
    return std::string();
  }
  DUNLIN_ASSIGN_OR_RETURN(const RecordRow decoded, DecodeRecordRow(key, *row));
  return std::string(decoded.encoded);
}

absl::StatusOr<std::vector<StoredEntry>> Store::BatchGet(const std::vector<std::string>& keys,
                                                         size_t size_max_bytes) const {
  DUNLIN_ASSIGN_OR_RETURN(const LmdbTxn txn, env_->BeginRead());
  const uint64_t now = clock_->NowUnixMillis();
  std::vector<StoredEntry> entries;
  size_t size = 0;
  for (const std::string& key : keys) {
    DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, key));
    if (!row.has_value()) {
      continue;
    }
    DUNLIN_ASSIGN_OR_RETURN(const RecordRow decoded, DecodeRecordRow(key, *row));
    if (ReadsAsAbsent(decoded, now)) {
      continue;
    }
    size += key.size() + decoded.record.value.size();
    if (size > size_max_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat("the answer exceeds ", size_max_bytes, " bytes at key \"",
                                                       absl::CHexEscape(key), "\": ask for fewer keys at once"));
    }
    entries.push_back(MakeEntry(key, decoded, /*keys_only=*/false));
  }
  return entries;
}

absl::StatusOr<EntryPage> Store::List(absl::string_view prefix, absl::string_view after_key, size_t entries_max,
                                      size_t size_max_bytes, bool keys_only) const {
  DUNLIN_ASSIGN_OR_RETURN(const LmdbTxn txn, env_->BeginRead());
  const uint64_t now = clock_->NowUnixMillis();
  EntryPage page;
  DUNLIN_ASSIGN_OR_RETURN(page.revision, RevisionOf(txn));
  DUNLIN_ASSIGN_OR_RETURN(LmdbCursor cursor, LmdbCursor::Open(txn, Table::kRecords));
  // The smallest key after K is K and a NUL.
  const std::string after = after_key.empty() ? "" : absl::StrCat(after_key, absl::string_view("\0", 1));
  DUNLIN_RETURN_IF_ERROR(cursor.Seek(std::max(std::string(prefix), after)));
  size_t size = 0;
  for (; cursor.valid() && absl::StartsWith(cursor.key(), prefix);) {
    DUNLIN_ASSIGN_OR_RETURN(const RecordRow row, DecodeRecordRow(cursor.key(), cursor.value()));
    if (!ReadsAsAbsent(row, now)) {
      StoredEntry entry = MakeEntry(cursor.key(), row, keys_only);
      size += SizeOf(entry);
      if (page.entries.size() == entries_max || (size > size_max_bytes && !page.entries.empty())) {
        return page;
      }
      page.entries.push_back(std::move(entry));
    }
    DUNLIN_RETURN_IF_ERROR(cursor.Next());
  }
  page.complete = true;
  return page;
}

absl::StatusOr<ChangePage> Store::ReadChanges(uint64_t after_revision, const KeyFilter& filter, size_t changes_max,
                                              size_t size_max_bytes) const {
  DUNLIN_ASSIGN_OR_RETURN(const LmdbTxn txn, env_->BeginRead());
  const uint64_t now = clock_->NowUnixMillis();
  ChangePage page;
  page.covered_revision = after_revision;
  DUNLIN_ASSIGN_OR_RETURN(LmdbCursor cursor, LmdbCursor::Open(txn, Table::kChanges));
  DUNLIN_RETURN_IF_ERROR(SeekAfter(&cursor, after_revision));
  size_t size = 0;
  for (size_t seen = 0; cursor.valid(); ++seen) {
    if (seen == kChangeRowsPerReadMax || page.changes.size() == changes_max || size >= size_max_bytes) {
      return page;
    }
    const uint64_t revision = ReadBigEndian64(cursor.key());
    DUNLIN_ASSIGN_OR_RETURN(const ChangeRow change, DecodeChangeRow(cursor.value()));
    if (filter(change.key)) {
      DUNLIN_ASSIGN_OR_RETURN(const absl::optional<RecordRow> row, LiveRow(txn, revision, change.key));
      if (row.has_value() && (row->swept || row->record.tombstone || !IsDead(row->record, now))) {
        page.changes.push_back(
            MakeChange(TypeOf(*row), revision, change.batch_first_revision, change.key, row->encoded, row->record));
        size += page.changes.back().SizeBytes();
      }
    }
    page.covered_revision = revision;
    DUNLIN_RETURN_IF_ERROR(cursor.Next());
  }
  page.complete = true;
  return page;
}

absl::StatusOr<ChangePage> Store::ReadOutbox(uint64_t after_revision, size_t changes_max, size_t size_max_bytes) const {
  const StoreState state = this->state();
  ChangePage page;
  page.covered_revision = after_revision;
  if (state.outbox_depth == 0) {
    // What came from others need not be walked through.
    page.covered_revision = std::max(after_revision, state.revision);
    page.complete = true;
    return page;
  }
  DUNLIN_ASSIGN_OR_RETURN(const LmdbTxn txn, env_->BeginRead());
  DUNLIN_ASSIGN_OR_RETURN(LmdbCursor cursor, LmdbCursor::Open(txn, Table::kChanges));
  DUNLIN_RETURN_IF_ERROR(SeekAfter(&cursor, after_revision));
  size_t size = 0;
  uint64_t own_batch = 0;
  for (size_t seen = 0; cursor.valid(); ++seen) {
    const uint64_t revision = ReadBigEndian64(cursor.key());
    DUNLIN_ASSIGN_OR_RETURN(const ChangeRow change, DecodeChangeRow(cursor.value()));
    const bool full = seen >= kChangeRowsPerReadMax || page.changes.size() >= changes_max || size >= size_max_bytes;
    if (full && change.batch_first_revision != own_batch) {
      return page;
    }
    DUNLIN_ASSIGN_OR_RETURN(const absl::optional<RecordRow> row, LiveRow(txn, revision, change.key));
    if (row.has_value() && state.InOutbox(*row)) {
      const bool known_to_redis = !state.NeverSent(*row);
      if (!page.changes.empty() && known_to_redis != page.known_to_redis) {
        return page;
      }
      page.known_to_redis = known_to_redis;
      page.changes.push_back(
          MakeChange(TypeOf(*row), revision, change.batch_first_revision, change.key, row->encoded, row->record));
      size += page.changes.back().SizeBytes();
      // Records of others, sent while the centre is refilled, need not stay together.
      own_batch = row->unsent ? change.batch_first_revision : 0;
    }
    page.covered_revision = revision;
    DUNLIN_RETURN_IF_ERROR(cursor.Next());
  }
  page.complete = true;
  return page;
}

absl::StatusOr<std::vector<size_t>> Store::FindOlder(const std::vector<KeyAndOrder>& items) const {
  DUNLIN_ASSIGN_OR_RETURN(const LmdbTxn txn, env_->BeginRead());
  std::vector<size_t> older;
  for (size_t i = 0; i < items.size(); ++i) {
    DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, items[i].key));
    bool is_older = true;
    if (row.has_value()) {
      const absl::StatusOr<RecordRow> decoded = DecodeRecordRow(items[i].key, *row);
      // A record of a newer format stays whatever comes.
      is_older = decoded.ok() ? RecordOrder(decoded->encoded) < items[i].order : absl::IsDataLoss(decoded.status());
    }
    if (is_older) {
      older.push_back(i);
    }
  }
  return older;
}

StoreState Store::state() const {
  MutexLock lock(&mutex_);
  return state_;
}

Position Store::position() const {
  MutexLock lock(&mutex_);
  return Position{state_.epoch, state_.applied_sequence, identity_.store_id, state_.revision};
}

void Store::SetState(const StoreState& state) {
  MutexLock lock(&mutex_);
  state_ = state;
}

}  // namespace dunlin
