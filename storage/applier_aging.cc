// What Applier (applier.h) does as time goes by: expire, forget what is old, count anew.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "storage/applier.h"
#include "storage/big_endian.h"
#include "storage/status_macros.h"

namespace dunlin {
absl::StatusOr<size_t> Applier::SweepExpired(size_t entries_max) {
  std::vector<std::string> due;
  {
    DUNLIN_ASSIGN_OR_RETURN(TableCursor cursor, TableCursor::Open(*txn_, Table::kExpiries));
    DUNLIN_RETURN_IF_ERROR(cursor.Seek(""));
    while (cursor.valid() && due.size() < entries_max && ReadBigEndian64(cursor.key()) <= now_unix_ms_) {
      due.emplace_back(cursor.key());
      DUNLIN_RETURN_IF_ERROR(cursor.Next());
    }
  }
  for (const std::string& expiry_key : due) {
    DUNLIN_RETURN_IF_ERROR(ExpireOne(expiry_key));
  }
  return due.size();
}

absl::Status Applier::ExpireOne(absl::string_view expiry_key) {
  changed_ = true;
  const absl::string_view key = expiry_key.substr(8);
  DUNLIN_ASSIGN_OR_RETURN(const Stored old, Read(key));
  // One row that cannot be read must not keep all others from expiring; its own expiry goes with it.
  if (!old.status.ok() || old.row.swept || old.row.record.expiry_unix_ms != ReadBigEndian64(expiry_key)) {
    return txn_->Delete(Table::kExpiries, expiry_key);
  }
  // A copy: the row's own bytes move when the tables are written.
  const std::string encoded(old.row.encoded);
  RecordRow swept;
  swept.swept = true;
  swept.unsent = state_->InOutbox(old.row);
  swept.encoded = encoded;
  DUNLIN_ASSIGN_OR_RETURN(swept.record, DecodeRecord(encoded));
  return Replace(key, old, swept, state_->revision + 1);
}

absl::Status Applier::Finish() {
  if (!recount_needed_) {
    return absl::OkStatus();
  }
  recount_needed_ = false;
  const uint64_t unsent_since_unix_ms = state_->unsent_since_unix_ms;
  state_->entries = 0;
  state_->tombstones = 0;
  state_->outbox_depth = 0;
  state_->unsent_bytes = 0;
  state_->digest = Digest();
  state_->content = ContentSum();
  DUNLIN_ASSIGN_OR_RETURN(TableCursor cursor, TableCursor::Open(*txn_, Table::kRecords));
  DUNLIN_RETURN_IF_ERROR(cursor.Seek(""));
  while (cursor.valid()) {
    const absl::StatusOr<RecordRow> row = DecodeRecordRow(cursor.key(), cursor.value());
    if (row.ok()) {
      Count(cursor.key(), *row);
    }
    DUNLIN_RETURN_IF_ERROR(cursor.Next());
  }
  // Counting tells how much waits, not since when.
  state_->unsent_since_unix_ms = unsent_since_unix_ms;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Applier::SweepStaleChanges(uint64_t from, size_t entries_max) {
  std::vector<uint64_t> stale;
  uint64_t next = 0;
  {
    DUNLIN_ASSIGN_OR_RETURN(TableCursor cursor, TableCursor::Open(*txn_, Table::kChanges));
    DUNLIN_RETURN_IF_ERROR(cursor.Seek(EncodeBigEndian64(from)));
    for (size_t seen = 0; cursor.valid() && seen < entries_max; ++seen) {
      const uint64_t revision = ReadBigEndian64(cursor.key());
      const absl::StatusOr<ChangeRow> change = DecodeChangeRow(cursor.value());
      // A row that names no key is of use to nobody, and would stop every later sweep.
      bool is_stale = !change.ok();
      if (change.ok()) {
        DUNLIN_ASSIGN_OR_RETURN(const absl::optional<absl::string_view> row, txn_->Get(Table::kRecords, change->key));
        is_stale = !row.has_value() || row->size() < 8 || ReadBigEndian64(*row) != revision;
      }
      if (is_stale) {
        stale.push_back(revision);
      }
      DUNLIN_RETURN_IF_ERROR(cursor.Next());
    }
    next = cursor.valid() ? ReadBigEndian64(cursor.key()) : 0;
  }
  for (const uint64_t revision : stale) {
    changed_ = true;
    DUNLIN_RETURN_IF_ERROR(txn_->Delete(Table::kChanges, EncodeBigEndian64(revision)));
  }
  return next;
}

// ---- Old age ----

absl::StatusOr<uint64_t> Applier::CollectDead(const Collection& collection) {
  std::vector<std::pair<uint64_t, std::string>> candidates;
  uint64_t next = 0;
  {
    DUNLIN_ASSIGN_OR_RETURN(TableCursor cursor, TableCursor::Open(*txn_, Table::kChanges));
    DUNLIN_RETURN_IF_ERROR(cursor.Seek(EncodeBigEndian64(collection.from_revision)));
    for (size_t seen = 0; cursor.valid() && seen < collection.entries_max; ++seen) {
      const uint64_t revision = ReadBigEndian64(cursor.key());
      if (revision > collection.upto_revision) {
        break;
      }
      if (const absl::StatusOr<ChangeRow> change = DecodeChangeRow(cursor.value()); change.ok()) {
        candidates.emplace_back(revision, change->key);
      }
      DUNLIN_RETURN_IF_ERROR(cursor.Next());
    }
    const uint64_t revision = cursor.valid() ? ReadBigEndian64(cursor.key()) : UINT64_MAX;
    next = revision <= collection.upto_revision ? revision : 0;
  }
  for (const auto& [revision, key] : candidates) {
    DUNLIN_ASSIGN_OR_RETURN(const bool collected, CollectIfDead(revision, key, collection.outbox_too));
    if (collected) {
      state_->collected_revision = std::max(state_->collected_revision, revision);
    }
  }
  return next;
}

absl::StatusOr<bool> Applier::CollectIfDead(uint64_t revision, absl::string_view key, bool outbox_too) {
  DUNLIN_ASSIGN_OR_RETURN(const Stored stored, Read(key));
  const bool is_due = stored.status.ok() && stored.row.revision == revision && !IsEntry(stored.row) &&
                      (outbox_too || !state_->InOutbox(stored.row));
  if (!is_due) {
    return false;
  }
  changed_ = true;
  Uncount(key, stored.row);
  DUNLIN_RETURN_IF_ERROR(txn_->Delete(Table::kRecords, key));
  DUNLIN_RETURN_IF_ERROR(txn_->Delete(Table::kChanges, EncodeBigEndian64(revision)));
  return true;
}

absl::StatusOr<uint64_t> Applier::DropAbsent(const RemoteBatch& batch) {
  std::vector<std::string> absent;
  std::vector<OutboxItem> never_sent;
  {
    DUNLIN_ASSIGN_OR_RETURN(TableCursor cursor, TableCursor::Open(*txn_, Table::kRecords));
    DUNLIN_RETURN_IF_ERROR(cursor.Seek(""));
    while (cursor.valid()) {
      const absl::StatusOr<RecordRow> row = DecodeRecordRow(cursor.key(), cursor.value());
      if (row.ok() && state_->NeverSent(*row)) {
        never_sent.push_back(OutboxItem{std::string(cursor.key()), row->revision});
      }
      // What was sent to Redis while its keys were gathered is there, though it was not seen.
      const uint64_t upto = row.ok() && row->unsent ? std::min(batch.rebuilt_revision, batch.rebuilt_sent_revision)
                                                    : batch.rebuilt_revision;
      if (row.ok() && IsEntry(*row) && row->revision <= upto &&
          VersionTimeToUnixMillis(row->record.version.time) < batch.forgotten_unix_ms &&
          !batch.fleet_keys->Contains(cursor.key())) {
        absent.emplace_back(cursor.key());
      }
      DUNLIN_RETURN_IF_ERROR(cursor.Next());
    }
  }
  const uint64_t batch_first_revision = state_->revision + 1;
  for (const std::string& key : absent) {
    DUNLIN_ASSIGN_OR_RETURN(const Stored old, Read(key));
    // Just below what it replaces: if somebody has it after all, it comes back, and nobody is told that it was deleted.
    Record tombstone;
    tombstone.version = Version{std::max<uint64_t>(old.row.record.version.time, 1) - 1, store_id_};
    tombstone.tombstone = true;
    const std::string encoded = EncodeRecord(tombstone);
    RecordRow row;
    row.encoded = encoded;
    row.record = tombstone;
    DUNLIN_RETURN_IF_ERROR(Replace(key, old, row, batch_first_revision));
  }
  DUNLIN_RETURN_IF_ERROR(RestampForgotten(never_sent, batch.forgotten_unix_ms, *batch.fleet_keys));
  return absent.size();
}

}  // namespace dunlin
