// The reads of a store (store.h) that go on from page to page, each page in one short read transaction.

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "storage/status_macros.h"
#include "storage/store.h"

namespace dunlin {
namespace {

absl::StatusOr<StoreState> StateOf(const TableTxn& txn) {
  DUNLIN_ASSIGN_OR_RETURN(const auto row, txn.Get(Table::kMeta, kMetaState));
  if (!row.has_value()) {
    return absl::DataLossError("the store's state is missing");
  }
  return DecodeState(*row);
}

absl::StatusOr<uint64_t> RevisionOf(const TableTxn& txn) {
  DUNLIN_ASSIGN_OR_RETURN(const StoreState state, StateOf(txn));
  return state.revision;
}

// Moves `cursor` to the first change after `revision`. Revisions may come from a client's token: there is none after
// the highest number.
absl::Status SeekAfter(TableCursor* cursor, uint64_t revision) {
  return revision == UINT64_MAX ? absl::OkStatus() : cursor->Seek(EncodeBigEndian64(revision + 1));
}

ChangeType TypeOf(const RecordRow& row) {
  if (row.record.tombstone) {
    return ChangeType::kDelete;
  }
  return row.swept ? ChangeType::kExpire : ChangeType::kPut;
}

// ReadBudget is what one read transaction may still look at.
class ReadBudget {
 public:
  // Whether a row may be looked at that weighs `size_bytes`; the first one always may.
  bool Admit(size_t size_bytes) {
    if (rows_ == kReadRowsMax || bytes_ >= kReadMaxBytes) {
      return false;
    }
    ++rows_;
    bytes_ += size_bytes;
    return true;
  }

 private:
  size_t rows_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

struct Store::LiveRow {
  // Whether the row is that of the change: the key may have changed since.
  bool found = false;
  // Whether its record is damaged; if not, `row` is what it says.
  bool damaged = false;
  RecordRow row;
};

absl::StatusOr<Store::LiveRow> Store::FindLiveRow(const TableTxn& txn, uint64_t revision, absl::string_view key) const {
  LiveRow live;
  DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn.Get(Table::kRecords, key));
  // The revision is asked for first: most entries may be stale, and a record's checksum costs more. A row that is too
  // short to have one may be that of any change of its key.
  if (!row.has_value() || (row->size() >= 8 && ReadBigEndian64(*row) != revision)) {
    return live;
  }
  live.found = true;
  const absl::StatusOr<RecordRow> decoded = Decode(key, *row);
  live.damaged = absl::IsDataLoss(decoded.status());
  if (decoded.ok()) {
    live.row = *decoded;
  } else if (!live.damaged) {
    return decoded.status();
  }
  return live;
}

absl::StatusOr<EntryPage> Store::List(absl::string_view prefix, absl::string_view after_key, size_t entries_max,
                                      size_t size_max_bytes, bool keys_only) const {
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, tables_->BeginRead());
  const uint64_t now = clock_->NowUnixMillis();
  EntryPage page;
  page.covered_key = std::string(after_key);
  DUNLIN_ASSIGN_OR_RETURN(page.revision, RevisionOf(txn));
  DUNLIN_ASSIGN_OR_RETURN(TableCursor cursor, TableCursor::Open(txn, Table::kRecords));
  // The smallest key after K is K and a NUL.
  const std::string after = after_key.empty() ? "" : absl::StrCat(after_key, absl::string_view("\0", 1));
  DUNLIN_RETURN_IF_ERROR(cursor.Seek(std::max(std::string(prefix), after)));
  ReadBudget budget;
  size_t size = 0;
  while (cursor.valid() && absl::StartsWith(cursor.key(), prefix)) {
    if (!budget.Admit(cursor.value().size())) {
      return page;
    }
    const absl::StatusOr<RecordRow> row = Decode(cursor.key(), cursor.value());
    const bool damaged = absl::IsDataLoss(row.status());
    if (!row.ok() && !damaged) {
      return row.status();
    }
    if (damaged || !ReadsAsAbsent(*row, now)) {
      const size_t items = page.entries.size() + page.damaged_keys.size();
      size += cursor.key().size() + (damaged || keys_only ? 0 : row->record.value.size());
      if (items == entries_max || (size > size_max_bytes && items > 0)) {
        return page;
      }
      if (damaged) {
        page.damaged_keys.emplace_back(cursor.key());
      } else {
        page.entries.push_back(MakeEntry(cursor.key(), *row, keys_only));
      }
    }
    page.covered_key.assign(cursor.key().data(), cursor.key().size());
    DUNLIN_RETURN_IF_ERROR(cursor.Next());
  }
  page.complete = true;
  return page;
}

absl::StatusOr<ChangePage> Store::ReadChanges(uint64_t after_revision, const KeyFilter& filter, size_t changes_max,
                                              size_t size_max_bytes) const {
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, tables_->BeginRead());
  const uint64_t now = clock_->NowUnixMillis();
  ChangePage page;
  page.covered_revision = after_revision;
  DUNLIN_ASSIGN_OR_RETURN(const StoreState state, StateOf(txn));
  page.collected_revision = state.collected_revision;
  DUNLIN_ASSIGN_OR_RETURN(TableCursor cursor, TableCursor::Open(txn, Table::kChanges));
  DUNLIN_RETURN_IF_ERROR(SeekAfter(&cursor, after_revision));
  size_t size = 0;
  for (size_t seen = 0; cursor.valid(); ++seen) {
    if (seen == kReadRowsMax || page.changes.size() + page.damaged.size() == changes_max || size >= size_max_bytes) {
      return page;
    }
    const uint64_t revision = ReadBigEndian64(cursor.key());
    const absl::StatusOr<ChangeRow> change = DecodeChangeRow(cursor.value());
    // A row that names no key is of use to nobody; one that is missing was of a key that has changed since.
    page.is_conflated = page.is_conflated || !change.ok() || revision != page.covered_revision + 1;
    if (change.ok() && filter(change->key)) {
      DUNLIN_ASSIGN_OR_RETURN(const LiveRow live, FindLiveRow(txn, revision, change->key));
      const RecordRow& row = live.row;
      if (live.damaged) {
        page.damaged.push_back(DamagedChange{revision, std::string(change->key)});
        size += change->key.size();
      } else if (live.found && (row.swept || row.record.tombstone || !IsDead(row.record, now))) {
        page.changes.push_back(
            MakeChange(TypeOf(row), revision, change->batch_first_revision, change->key, row.encoded, row.record));
        size += page.changes.back().SizeBytes();
      } else {
        page.is_conflated = true;
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
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, tables_->BeginRead());
  DUNLIN_ASSIGN_OR_RETURN(TableCursor cursor, TableCursor::Open(txn, Table::kChanges));
  DUNLIN_RETURN_IF_ERROR(SeekAfter(&cursor, after_revision));
  size_t size = 0;
  uint64_t own_batch = 0;
  for (size_t seen = 0; cursor.valid(); ++seen) {
    const uint64_t revision = ReadBigEndian64(cursor.key());
    const absl::StatusOr<ChangeRow> change = DecodeChangeRow(cursor.value());
    const uint64_t batch = change.ok() ? change->batch_first_revision : 0;
    const bool full = seen >= kReadRowsMax || page.changes.size() >= changes_max || size >= size_max_bytes;
    if (full && (batch == 0 || batch != own_batch)) {
      return page;
    }
    LiveRow live;
    if (change.ok()) {
      DUNLIN_ASSIGN_OR_RETURN(live, FindLiveRow(txn, revision, change->key));
    }
    if (live.found && !live.damaged && state.InOutbox(live.row)) {
      const bool known_to_redis = !state.NeverSent(live.row);
      if (!page.changes.empty() && known_to_redis != page.known_to_redis) {
        return page;
      }
      page.known_to_redis = known_to_redis;
      page.changes.push_back(
          MakeChange(TypeOf(live.row), revision, batch, change->key, live.row.encoded, live.row.record));
      size += page.changes.back().SizeBytes();
      // Records of others, sent while the centre is refilled, need not stay together.
      own_batch = live.row.unsent ? batch : 0;
    }
    page.covered_revision = revision;
    DUNLIN_RETURN_IF_ERROR(cursor.Next());
  }
  page.complete = true;
  return page;
}

absl::StatusOr<absl::optional<Version>> Store::OldestNeverSent() const {
  const StoreState state = this->state();
  if (state.outbox_depth == 0) {
    return absl::nullopt;
  }
  uint64_t after = std::max(state.mirrored_high_revision, never_sent_after_.load(std::memory_order_relaxed));
  absl::optional<Version> version;
  for (bool complete = false; !complete && !version.has_value();) {
    DUNLIN_ASSIGN_OR_RETURN(version, FindNeverSent(&after, &complete));
  }
  never_sent_after_.store(after, std::memory_order_relaxed);
  return version;
}

// One read of OldestNeverSent(), which moves `after` over what is of no interest.
absl::StatusOr<absl::optional<Version>> Store::FindNeverSent(uint64_t* after, bool* complete) const {
  DUNLIN_ASSIGN_OR_RETURN(const TableTxn txn, tables_->BeginRead());
  DUNLIN_ASSIGN_OR_RETURN(TableCursor cursor, TableCursor::Open(txn, Table::kChanges));
  DUNLIN_RETURN_IF_ERROR(SeekAfter(&cursor, *after));
  ReadBudget budget;
  while (cursor.valid()) {
    const uint64_t revision = ReadBigEndian64(cursor.key());
    const absl::StatusOr<ChangeRow> change = DecodeChangeRow(cursor.value());
    LiveRow live;
    if (change.ok()) {
      DUNLIN_ASSIGN_OR_RETURN(live, FindLiveRow(txn, revision, change->key));
    }
    if (live.row.unsent && live.row.record.version.origin == identity_.store_id) {
      return absl::make_optional(live.row.record.version);
    }
    *after = revision;
    if (!budget.Admit(live.row.encoded.size())) {
      return absl::nullopt;
    }
    DUNLIN_RETURN_IF_ERROR(cursor.Next());
  }
  *complete = true;
  return absl::nullopt;
}

}  // namespace dunlin
