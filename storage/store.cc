#include "storage/store.h"

#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"
#include "storage/boot_id.h"
#include "storage/journal.h"
#include "storage/lmdb_error.h"
#include "storage/page_check.h"
#include "storage/status_macros.h"
#include "storage/upgrade.h"

namespace dunlin {
namespace {

constexpr absl::string_view kAside = ".damaged";

uint64_t RandomStoreId() {
  absl::BitGen random;
  return absl::Uniform<uint64_t>(absl::IntervalClosed, random, 1, UINT64_MAX);
}

// The checksum does not cover it. 0 when the row is too short to have one.
uint64_t RevisionOfRow(absl::string_view row) { return row.size() < 8 ? 0 : ReadBigEndian64(row); }

absl::Status LacksMetaError(absl::string_view path) {
  return absl::DataLossError(
      absl::StrCat("data directory ", path, " lacks part of its meta data: restore it, or start with an empty one"));
}

// Gives the files of the database and of its journal other names, so that empty ones can be made. Those that were set
// aside before are replaced: there is room for one store, not for one more at each start.
absl::Status SetAside(const std::string& directory, const absl::Status& damage, Logger* logger) {
  DUNLIN_ASSIGN_OR_RETURN(const DataDirectory held, DataDirectory::Acquire(directory));
  std::vector<std::string> files = {DataFileOf(directory)};
  for (size_t i = 0; i < Journal::kSegments; ++i) {
    files.push_back(Journal::PathOf(directory, i));
  }
  for (const std::string& file : files) {
    if (std::rename(file.c_str(), absl::StrCat(file, kAside).c_str()) != 0 && errno != ENOENT) {
      return LmdbErrorToStatus(errno, absl::StrCat("setting aside ", file));
    }
  }
  if (logger != nullptr) {
    logger->Error("the store is damaged and begins anew; what was never sent to Redis is in the old files alone",
                  {{"damage", std::string(damage.message())}, {"old_file", absl::StrCat(files.front(), kAside)}});
  }
  return held.SyncNames();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const Options& options, HybridClock* clock) {
  absl::StatusOr<std::unique_ptr<Store>> store = OpenAsItIs(options, clock);
  if (options.check == StoreCheck::kRebuild && absl::IsDataLoss(store.status())) {
    DUNLIN_RETURN_IF_ERROR(SetAside(options.directory, store.status(), options.logger));
    return OpenAsItIs(options, clock);
  }
  return store;
}

absl::StatusOr<std::unique_ptr<Store>> Store::OpenAsItIs(const Options& options, HybridClock* clock) {
  DUNLIN_ASSIGN_OR_RETURN(DataDirectory directory, DataDirectory::Acquire(options.directory));
  if (options.check != StoreCheck::kOff) {
    DUNLIN_RETURN_IF_ERROR(CheckPages(options.directory, options.map_size_bytes, [] { return false; }));
  }
  LmdbEnv::Options env_options;
  env_options.directory = options.directory;
  env_options.map_size_bytes = options.map_size_bytes;
  env_options.readers_max = kDatabaseReadersMax;
  env_options.sync = options.sync;
  DUNLIN_ASSIGN_OR_RETURN(std::unique_ptr<LmdbEnv> database, LmdbEnv::Open(env_options));
  if (options.sync) {
    DUNLIN_RETURN_IF_ERROR(directory.SyncNames());
  }
  std::unique_ptr<Store> store(new Store(std::move(directory), clock, options.logger));
  DUNLIN_RETURN_IF_ERROR(store->PrepareDatabase(options, database.get()));
  TableEnv::Options tables;
  tables.directory = options.directory;
  tables.store_id = store->identity_.store_id;
  tables.sync = options.sync;
  tables.write_buffer_bytes = options.write_buffer_bytes;
  DUNLIN_ASSIGN_OR_RETURN(store->tables_, TableEnv::Open(tables, std::move(database)));
  DUNLIN_RETURN_IF_ERROR(store->Load());
  DUNLIN_RETURN_IF_ERROR(store->PassOverWhatIsLost(options.boot_id.empty() ? MachineBootId() : options.boot_id));
  return store;
}

// Leaves a database of this format, with its identity known.
absl::Status Store::PrepareDatabase(const Options& options, LmdbEnv* database) {
  DUNLIN_ASSIGN_OR_RETURN(LmdbTxn txn, database->BeginWrite());
  DUNLIN_ASSIGN_OR_RETURN(const auto format, txn.Get(Table::kMeta, kMetaFormat));
  if (format.has_value()) {
    return CheckAndUpgrade(options, std::move(txn));
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
  DUNLIN_RETURN_IF_ERROR(CreateJournal(options));
  DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaFormat, EncodeBigEndian64(kStoreFormat)));
  DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaIdentity, EncodeIdentity(identity_)));
  DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaState, EncodeState(StoreState())));
  DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaExpired, EncodeBigEndian64(0)));
  return txn.Commit();
}

// Before the database says that there is one.
absl::Status Store::CreateJournal(const Options& options) const {
  DUNLIN_RETURN_IF_ERROR(Journal::Create(directory_.path()));
  return options.sync ? directory_.SyncNames() : absl::OkStatus();
}

absl::Status Store::CheckAndUpgrade(const Options& options, LmdbTxn txn) {
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
  if (number == kStoreFormat) {
    return absl::OkStatus();
  }
  DUNLIN_RETURN_IF_ERROR(CreateJournal(options));
  DUNLIN_RETURN_IF_ERROR(UpgradeStore(number, clock_->NowUnixMillis(), &txn));
  return txn.Commit();
}

absl::Status Store::Load() {
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, tables_->BeginRead());
  DUNLIN_ASSIGN_OR_RETURN(const auto state, txn.Get(Table::kMeta, kMetaState));
  DUNLIN_ASSIGN_OR_RETURN(StoreState loaded, DecodeState(state.value_or("")));
  DUNLIN_ASSIGN_OR_RETURN(const auto expired, txn.Get(Table::kMeta, kMetaExpired));
  loaded.expired_latest_unix_ms =
      expired.has_value() && expired->size() == 8 ? ReadBigEndian64(*expired) : ExpiredAtMost(loaded);
  DUNLIN_ASSIGN_OR_RETURN(const auto history, txn.Get(Table::kMeta, kMetaHistory));
  if (history.has_value()) {
    DUNLIN_ASSIGN_OR_RETURN(revision_history_, RevisionHistory::Decode(*history));
  }
  DUNLIN_ASSIGN_OR_RETURN(const auto reserve, txn.Get(Table::kMeta, kMetaReserve));
  version_reserve_ = VersionReserve(reserve.has_value() && reserve->size() == 8 ? ReadBigEndian64(*reserve) : 0);
  clock_->Restore(loaded.clock_time);
  clock_->SetOffset(absl::Microseconds(loaded.clock_offset_us));
  loaded.own_revision = loaded.revision;
  SetState(loaded);
  return absl::OkStatus();
}

// What others have written is told before it is synced, so that revisions may have been told that are not here any more
// when the machine has ended without warning, and own writes are sent to Redis before that, with theirs. They must not
// come to mean something else. The same machine that has not ended since has lost nothing, unless a sync has failed.
absl::Status Store::PassOverWhatIsLost(const std::string& boot_id) {
  bool has_boot = false;
  {
    DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, tables_->BeginRead());
    DUNLIN_ASSIGN_OR_RETURN(const auto lost, txn.Get(Table::kMeta, kMetaLost));
    if (lost.has_value()) {
      DUNLIN_ASSIGN_OR_RETURN(lost_revisions_, LostRevisions::Decode(*lost));
    }
    DUNLIN_ASSIGN_OR_RETURN(const auto boot, txn.Get(Table::kMeta, kMetaBoot));
    if (boot == boot_id && !boot_id.empty() && !tables_->HasFailedSync()) {
      return absl::OkStatus();
    }
    has_boot = boot.has_value();
  }
  // Only here: a store that is opened again and again would get ahead of the clock by a reserve each time.
  clock_->Restore(version_reserve_.upto());
  DUNLIN_ASSIGN_OR_RETURN(TableTxn txn, tables_->BeginWrite());
  StoreState state = this->state();
  state.clock_time = clock_->last_issued();
  if (has_boot) {
    lost_revisions_.Add(state.revision + 1, state.revision + kRevisionsPassedOver);
    state.revision += kRevisionsPassedOver;
    DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaLost, lost_revisions_.Encode()));
  }
  DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaState, EncodeState(state)));
  DUNLIN_RETURN_IF_ERROR(txn.Put(Table::kMeta, kMetaBoot, boot_id));
  DUNLIN_RETURN_IF_ERROR(txn.Commit());
  tables_->ForgetFailedSync();
  SetState(state);
  return absl::OkStatus();
}

// When the last expiry may have been swept, in a store that does not say so: by a clock that may have been put back
// since.
uint64_t Store::ExpiredAtMost(const StoreState& state) const {
  return std::max(clock_->NowUnixMillis(), VersionTimeToUnixMillis(state.clock_time));
}

StoredEntry Store::MakeEntry(absl::string_view key, const RecordRow& row, bool keys_only) {
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

absl::StatusOr<StoredEntry> Store::Get(absl::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, tables_->BeginRead());
  DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, key));
  if (row.has_value()) {
    DUNLIN_ASSIGN_OR_RETURN(const RecordRow decoded, Decode(key, *row));
    if (!ReadsAsAbsent(decoded, clock_->NowUnixMillis())) {
      return MakeEntry(key, decoded, /*keys_only=*/false);
    }
  }
  return absl::NotFoundError(absl::StrCat("key \"", absl::CHexEscape(key), "\" does not exist"));
}

absl::StatusOr<std::string> Store::GetRecord(absl::string_view key) const {
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, tables_->BeginRead());
  DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, key));
  if (!row.has_value()) {
    return std::string();
  }
  DUNLIN_ASSIGN_OR_RETURN(const RecordRow decoded, Decode(key, *row));
  return std::string(decoded.encoded);
}

absl::StatusOr<absl::optional<uint64_t>> Store::FindUnsent(absl::string_view key) const {
  const StoreState state = this->state();
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, tables_->BeginRead());
  DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, key));
  if (!row.has_value()) {
    return absl::optional<uint64_t>();
  }
  DUNLIN_ASSIGN_OR_RETURN(const RecordRow decoded, Decode(key, *row));
  return state.InOutbox(decoded) ? absl::make_optional(decoded.revision) : absl::nullopt;
}

absl::Status Store::BatchGet(absl::Span<const absl::string_view> keys, size_t size_max_bytes,
                             absl::FunctionRef<void(const EntryView&)> visit) const {
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, tables_->BeginRead());
  const uint64_t now = clock_->NowUnixMillis();
  size_t size = 0;
  for (const absl::string_view key : keys) {
    DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, key));
    if (!row.has_value()) {
      continue;
    }
    DUNLIN_ASSIGN_OR_RETURN(const RecordRow decoded, Decode(key, *row));
    if (ReadsAsAbsent(decoded, now)) {
      continue;
    }
    const Record& record = decoded.record;
    size += key.size() + record.value.size();
    if (size > size_max_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat("the answer exceeds ", size_max_bytes, " bytes at key \"",
                                                       absl::CHexEscape(key), "\": ask for fewer keys at once"));
    }
    visit({key, record.value, record.version, decoded.revision, record.expiry_unix_ms});
  }
  return absl::OkStatus();
}

// ---- Damage ----

absl::StatusOr<RecordRow> Store::Decode(absl::string_view key, absl::string_view row) const {
  absl::StatusOr<RecordRow> decoded = DecodeRecordRow(key, row);
  if (absl::IsDataLoss(decoded.status())) {
    damaged_.Note(key, RevisionOfRow(row));
  }
  return decoded;
}

absl::StatusOr<uint64_t> Store::CountDamaged() const {
  const std::vector<DamagedRecords::Record> known = damaged_.known();
  if (known.empty()) {
    return 0;
  }
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, tables_->BeginRead());
  uint64_t count = 0;
  for (const DamagedRecords::Record& record : known) {
    DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, record.key));
    if (row.has_value() && RevisionOfRow(*row) == record.revision) {
      ++count;
    } else {
      damaged_.Forget(record);
    }
  }
  return count;
}

// ---- How it stands ----

absl::StatusOr<std::vector<size_t>> Store::FindOlder(const std::vector<KeyAndOrder>& items) const {
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, tables_->BeginRead());
  const StoreState current = state();
  std::vector<size_t> older;
  for (size_t i = 0; i < items.size(); ++i) {
    DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, items[i].key));
    bool is_older = true;
    if (row.has_value()) {
      const absl::StatusOr<RecordRow> decoded = DecodeRecordRow(items[i].key, *row);
      // A record of a newer format stays whatever comes.
      is_older = decoded.ok()
                     ? RecordOrder(decoded->encoded) < items[i].order || current.IsOwnAndNeverSent(*decoded, store_id())
                     : absl::IsDataLoss(decoded.status());
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

bool Store::GoesOnFrom(const Position& position) const {
  return position.store_id == store_id() && !lost_revisions_.Contains(position.revision);
}

Position Store::position() const {
  MutexLock lock(&mutex_);
  return state_.PositionOf(identity_.store_id);
}

void Store::SetState(const StoreState& state) {
  MutexLock lock(&mutex_);
  state_ = state;
}

}  // namespace dunlin
