#include "storage/scrubber.h"

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "storage/lmdb_env.h"
#include "storage/page_check.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

constexpr std::array<Table, 3> kTablesInOrder = {Table::kRecords, Table::kChanges, Table::kExpiries};

// The smallest key after `key`.
std::string After(absl::string_view key) { return absl::StrCat(key, absl::string_view("\0", 1)); }

}  // namespace

absl::Status Scrubber::CheckPages(absl::FunctionRef<bool()> interrupted) const {
  const auto look = [&]() -> absl::Status {
    LmdbEnv* const database = store_->tables_->database();
    DUNLIN_ASSIGN_OR_RETURN(const LmdbTxn holds_pages, database->BeginRead());
    return dunlin::CheckPages(store_->directory_.path(), database->map_size_bytes(), interrupted);
  };
  const absl::Status status = look();
  // The reader takes up its view without LMDB's locks, which commits that come right then can spoil, though not twice.
  return absl::IsDataLoss(status) ? look() : status;
}

absl::StatusOr<bool> Scrubber::Step() {
  static constexpr std::array<CheckRow, 3> kChecks = {&Scrubber::CheckRecord, &Scrubber::CheckChange,
                                                      &Scrubber::CheckExpiry};
  if (table_ == kTablesInOrder.size()) {
    return false;
  }
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, store_->tables_->BeginRead());
  DUNLIN_RETURN_IF_ERROR(NoteState(txn));
  DUNLIN_ASSIGN_OR_RETURN(TableCursor cursor, TableCursor::Open(txn, kTablesInOrder[table_]));
  DUNLIN_RETURN_IF_ERROR(cursor.Seek(last_key_.empty() ? "" : After(last_key_)));
  size_t bytes = 0;
  for (size_t rows = 0; cursor.valid() && rows < kScrubPageRowsMax && bytes < kScrubPageMaxBytes; ++rows) {
    DUNLIN_RETURN_IF_ERROR((this->*kChecks[table_])(txn, cursor));
    last_key_ = std::string(cursor.key());
    bytes += cursor.key().size() + cursor.value().size();
    DUNLIN_RETURN_IF_ERROR(cursor.Next());
  }
  if (!cursor.valid()) {
    if (kTablesInOrder[table_] == Table::kRecords) {
      Compare();
    }
    ++table_;
    last_key_.clear();
  }
  return table_ < kTablesInOrder.size();
}

// Notes whether anything has been committed since the first page of the records.
absl::Status Scrubber::NoteState(const TableTxn& txn) {
  if (kTablesInOrder[table_] != Table::kRecords) {
    return absl::OkStatus();
  }
  DUNLIN_ASSIGN_OR_RETURN(const auto bytes, txn.Get(Table::kMeta, kMetaState));
  if (!bytes.has_value()) {
    return absl::DataLossError("the store's state is missing");
  }
  DUNLIN_ASSIGN_OR_RETURN(const StoreState state, DecodeState(*bytes));
  if (first_state_bytes_.empty()) {
    first_state_bytes_ = std::string(*bytes);
    first_state_ = state;
    report_.first_revision = state.revision;
  }
  report_.last_revision = state.revision;
  state_changed_ = state_changed_ || *bytes != first_state_bytes_;
  return absl::OkStatus();
}

absl::Status Scrubber::CheckRecord(const TableTxn& txn, const TableCursor& cursor) {
  const absl::string_view key = cursor.key();
  // As every read does: what is damaged is logged, and counted in the status.
  const absl::StatusOr<RecordRow> row = store_->Decode(key, cursor.value());
  if (!row.ok()) {
    AddDamage(key, absl::StripPrefix(row.status().message(), absl::StrCat("key \"", absl::CHexEscape(key), "\": ")));
    return absl::OkStatus();
  }
  Count(key, *row);
  DUNLIN_ASSIGN_OR_RETURN(const auto change_bytes, txn.Get(Table::kChanges, EncodeBigEndian64(row->revision)));
  const absl::StatusOr<ChangeRow> change = DecodeChangeRow(change_bytes.value_or(""));
  if (!change.ok() || change->key != key) {
    AddDamage(key, absl::StrCat("it has no entry among the changes at its revision, ", row->revision,
                                ": whoever follows the changes misses it; put or delete the key to repair it"));
  }
  if (row->record.expiry_unix_ms != 0 && !row->swept) {
    DUNLIN_ASSIGN_OR_RETURN(const auto expiry,
                            txn.Get(Table::kExpiries, EncodeExpiryKey(row->record.expiry_unix_ms, key)));
    if (!expiry.has_value()) {
      AddDamage(key,
                "it has no row among the expiries: it expires, but nobody is told; put or delete the key to repair it");
    }
  }
  return absl::OkStatus();
}

absl::Status Scrubber::CheckChange(const TableTxn& txn, const TableCursor& cursor) {
  const absl::StatusOr<ChangeRow> change = DecodeChangeRow(cursor.value());
  if (cursor.key().size() != 8 || !change.ok()) {
    AddDamage("", "a change entry names no revision or no key; it goes away by itself");
    return absl::OkStatus();
  }
  ++report_.changes;
  const uint64_t revision = ReadBigEndian64(cursor.key());
  DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, change->key));
  // An older record than its own change: the change has lost its record. Other damage of the row was seen before.
  if (row.has_value() && row->size() >= 8 && ReadBigEndian64(*row) < revision) {
    AddDamage(change->key,
              absl::StrCat("its record is of revision ", ReadBigEndian64(*row), ", but it changed at revision ",
                           revision, ": a change was lost; put or delete the key to repair it"));
  }
  return absl::OkStatus();
}

absl::Status Scrubber::CheckExpiry(const TableTxn& txn, const TableCursor& cursor) {
  if (cursor.key().size() <= 8) {
    AddDamage("", "an expiry names no key; it goes away when it is due");
    return absl::OkStatus();
  }
  ++report_.expiries;
  const absl::string_view key = cursor.key().substr(8);
  DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> bytes, txn.Get(Table::kRecords, key));
  const absl::StatusOr<RecordRow> row = DecodeRecordRow(key, bytes.value_or(""));
  // A record that cannot be read was seen before, and may well be the one that the expiry belongs to.
  if (!bytes.has_value() || (row.ok() && (row->swept || row->record.expiry_unix_ms != ReadBigEndian64(cursor.key())))) {
    ++report_.leftover_expiries;
  }
  return absl::OkStatus();
}

void Scrubber::Count(absl::string_view key, const RecordRow& row) {
  if (IsEntry(row)) {
    ++counted_.entries;
    ++report_.entries;
    counted_.digest.Add(key, row.encoded);
  } else {
    ++counted_.tombstones;
    ++report_.tombstones;
  }
  counted_.content.Add(row.encoded);
  counted_.outbox_depth += first_state_.InOutbox(row) ? 1 : 0;
  counted_.unsent_bytes += first_state_.NeverSent(row) ? key.size() + row.encoded.size() : 0;
}

void Scrubber::Compare() {
  if (report_.damaged_count > 0) {
    report_.not_compared_reason = "what damaged records count for is unknown";
    return;
  }
  if (state_changed_) {
    report_.not_compared_reason =
        absl::StrCat("the store was written to while its records were read, at revisions ", report_.first_revision,
                     " to ", report_.last_revision, ": verify again when less is written");
    return;
  }
  const auto compare = [](bool equal) {
    return equal ? ScrubReport::Comparison::kEqual : ScrubReport::Comparison::kDifferent;
  };
  report_.counts =
      compare(counted_.entries == first_state_.entries && counted_.tombstones == first_state_.tombstones &&
              counted_.outbox_depth == first_state_.outbox_depth && counted_.unsent_bytes == first_state_.unsent_bytes);
  report_.digest = compare(counted_.digest == first_state_.digest && counted_.content == first_state_.content);
}

void Scrubber::AddDamage(absl::string_view key, absl::string_view reason) {
  ++report_.damaged_count;
  if (report_.damaged.size() < kScrubFindingsMax) {
    report_.damaged.push_back({std::string(key), std::string(reason)});
  }
}

}  // namespace dunlin
