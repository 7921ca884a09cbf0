#include "tests/storage/store_model.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"

namespace dunlin {
namespace {

bool Expired(const StoreModel::Row& row, uint64_t now_unix_ms) {
  return row.swept || (row.expiry_unix_ms != 0 && row.expiry_unix_ms <= now_unix_ms);
}

std::string Encode(const StoreModel::Row& row) {
  Record record;
  record.version = row.version;
  record.tombstone = row.tombstone;
  record.expiry_unix_ms = row.expiry_unix_ms;
  record.value = row.value;
  return EncodeRecord(record);
}

}  // namespace

bool StoreModel::Lives(const std::string& key, uint64_t now_unix_ms) const {
  const auto found = rows_.find(key);
  return found != rows_.end() && !found->second.tombstone && !Expired(found->second, now_unix_ms);
}

bool StoreModel::Accepts(const LocalWrite& write, uint64_t now_unix_ms) const {
  const std::string& key = write.mutations.front().key;
  switch (write.precondition.kind) {
    case Precondition::Kind::kNone:
      return true;
    case Precondition::Kind::kAbsent:
      return !Lives(key, now_unix_ms);
    case Precondition::Kind::kVersion:
      return Lives(key, now_unix_ms) && rows_.at(key).version == write.precondition.version;
  }
  return false;
}

void StoreModel::Replace(const std::string& key, Row row, uint64_t now_unix_ms) {
  const auto found = rows_.find(key);
  if (found != rows_.end()) {
    const Row& old = found->second;
    if (old.unsent && old.revision > mirrored_high_revision_ && !Expired(old, now_unix_ms) &&
        old.version.origin == store_id_ && row.version.origin != store_id_) {
      ++writes_superseded_;
    }
  }
  row.revision = ++revision_;
  rows_[key] = std::move(row);
}

std::string StoreModel::Write(const LocalWrite& write, const WriteResult& result, uint64_t now_unix_ms) {
  const uint64_t batch_first_revision = revision_ + 1;
  if (result.versions.size() != write.mutations.size() || result.existed.size() != write.mutations.size() ||
      result.revisions.size() != write.mutations.size()) {
    return "an answer of the wrong length";
  }
  const Version issued_before = last_issued_;
  for (size_t i = 0; i < write.mutations.size(); ++i) {
    const Mutation& mutation = write.mutations[i];
    if (result.existed[i] != Lives(mutation.key, now_unix_ms)) {
      return absl::StrCat("existed is wrong for ", mutation.key);
    }
    Row row;
    row.version = result.versions[i];
    const auto old = rows_.find(mutation.key);
    if (row.version.origin != store_id_ || (old != rows_.end() && !(row.version > old->second.version)) ||
        !(row.version > issued_before)) {
      return absl::StrCat("a version that is not new: ", VersionToString(row.version));
    }
    if (row.version != result.versions.front()) {
      return absl::StrCat("a batch of several versions: ", VersionToString(row.version));
    }
    last_issued_ = row.version;
    row.batch_first_revision = batch_first_revision;
    row.unsent = true;
    row.tombstone = mutation.kind == Mutation::Kind::kDelete;
    if (!row.tombstone) {
      row.value = mutation.value;
      if (mutation.ttl != absl::InfiniteDuration()) {
        row.expiry_unix_ms = now_unix_ms + static_cast<uint64_t>(absl::ToInt64Milliseconds(mutation.ttl));
      }
    }
    row.encoded = Encode(row);
    Replace(mutation.key, row, now_unix_ms);
    if (result.revisions[i] != revision_) {
      return absl::StrCat("revision ", result.revisions[i], " instead of ", revision_);
    }
  }
  const Position& position = result.position;
  const bool right = position.epoch == epoch_ && position.sequence == applied_sequence_ &&
                     position.store_id == store_id_ && position.revision == revision_;
  return right ? "" : "the position is wrong";
}

std::string StoreModel::Apply(const RemoteBatch& batch, const ApplyResult& result, uint64_t now_unix_ms) {
  const uint64_t batch_first_revision = revision_ + 1;
  uint64_t applied = 0;
  uint64_t damaged = 0;
  std::vector<uint64_t> revisions;
  for (const VersionedRecord& incoming : batch.records) {
    const absl::StatusOr<Record> record = DecodeRecord(incoming.encoded_record);
    if (!record.ok()) {
      ++damaged;
      revisions.push_back(0);
      continue;
    }
    const auto old = rows_.find(incoming.key);
    if (old == rows_.end() || Supersedes(incoming.encoded_record, old->second.encoded)) {
      ++applied;
      Row row;
      row.batch_first_revision = batch_first_revision;
      row.version = record->version;
      row.tombstone = record->tombstone;
      row.expiry_unix_ms = record->expiry_unix_ms;
      row.value = std::string(record->value);
      row.encoded = incoming.encoded_record;
      row.swept = Expired(row, now_unix_ms);
      // Redis has lost what it held in another epoch, for all one knows.
      row.unsent = batch.seen_in_epoch != 0 && batch.seen_in_epoch != epoch_;
      Replace(incoming.key, row, now_unix_ms);
    }
    revisions.push_back(rows_[incoming.key].revision);
  }
  if (batch.epoch != 0 && batch.epoch == epoch_) {
    applied_sequence_ = std::max(applied_sequence_, batch.applied_sequence);
    complete_unix_ms_ = batch.complete_as_of_unix_ms != 0 ? batch.complete_as_of_unix_ms : complete_unix_ms_;
  }
  if (result.applied != applied || result.damaged != damaged || result.revisions != revisions) {
    return "the answer to a remote batch is wrong";
  }
  const bool right = result.position.revision == revision_ && result.position.sequence == applied_sequence_;
  return right ? "" : "the position is wrong";
}

void StoreModel::EnterEpoch(const EpochChange& change) {
  epoch_ = change.epoch;
  fleet_id_ = change.fleet_id;
  primary_ = change.primary;
  applied_sequence_ = 0;
  if (change.refill) {
    mirrored_revision_ = 0;
    refill_revision_ = revision_;
  }
}

void StoreModel::AdvanceMirrored(uint64_t epoch, uint64_t revision) {
  if (epoch != epoch_ || revision <= mirrored_revision_) {
    return;
  }
  mirrored_revision_ = revision;
  mirrored_high_revision_ = std::max(mirrored_high_revision_, revision);
  if (revision >= refill_revision_) {
    refill_revision_ = 0;
  }
}

size_t StoreModel::Sweep(size_t entries_max, uint64_t now_unix_ms) {
  std::set<std::pair<uint64_t, std::string>> due;
  for (const auto& [key, row] : rows_) {
    if (!row.swept && Expired(row, now_unix_ms)) {
      due.emplace(row.expiry_unix_ms, key);
    }
  }
  size_t swept = 0;
  for (const auto& [expiry, key] : due) {
    if (swept == entries_max) {
      break;
    }
    ++swept;
    Row row = rows_[key];
    // What Redis has is not sent again for having expired; what it has not is still to be sent.
    row.unsent = InOutbox(row);
    row.swept = true;
    row.revision = ++revision_;
    row.batch_first_revision = revision_;
    rows_[key] = row;
  }
  return swept;
}

std::map<uint64_t, std::string> StoreModel::ByRevision() const {
  std::map<uint64_t, std::string> out;
  for (const auto& [key, row] : rows_) {
    out[row.revision] = key;
  }
  return out;
}

std::map<uint64_t, std::string> StoreModel::Outbox() const {
  std::map<uint64_t, std::string> out;
  for (const auto& [key, row] : rows_) {
    if (InOutbox(row)) {
      out[row.revision] = key;
    }
  }
  return out;
}

StoreState StoreModel::State(const StoreState& actual) const {
  StoreState state;
  state.clock_time = actual.clock_time;
  state.clock_offset_us = actual.clock_offset_us;
  state.revision = revision_;
  for (const auto& [key, row] : rows_) {
    state.content.Add(row.encoded);
    if (row.unsent && row.revision > mirrored_high_revision_) {
      state.unsent_bytes += key.size() + row.encoded.size();
    }
    if (row.tombstone || row.swept) {
      ++state.tombstones;
    } else {
      ++state.entries;
      state.digest.Add(key, row.encoded);
    }
  }
  state.epoch = epoch_;
  state.applied_sequence = applied_sequence_;
  state.fleet_id = fleet_id_;
  state.primary = primary_;
  state.mirrored_revision = mirrored_revision_;
  state.refill_revision = refill_revision_;
  state.outbox_depth = Outbox().size();
  state.mirrored_high_revision = mirrored_high_revision_;
  state.writes_superseded = writes_superseded_;
  state.complete_unix_ms = complete_unix_ms_;
  state.unsent_since_unix_ms = actual.unsent_since_unix_ms;
  return state;
}

// ---- The tables ----

namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

Rows ReadTable(const TableTxn& txn, Table table) {
  Rows rows;
  absl::StatusOr<TableCursor> cursor = TableCursor::Open(txn, table);
  if (cursor.ok() && cursor->Seek("").ok()) {
    while (cursor->valid()) {
      rows.emplace_back(cursor->key(), cursor->value());
      if (!cursor->Next().ok()) {
        break;
      }
    }
  }
  return rows;
}

}  // namespace

std::string CheckTables(const TableTxn& txn, const StoreState& state) {
  StoreState counted;
  std::map<uint64_t, std::string> live;
  std::set<std::string> expiries;
  for (const auto& [key, bytes] : ReadTable(txn, Table::kRecords)) {
    const absl::StatusOr<RecordRow> row = DecodeRecordRow(key, bytes);
    if (!row.ok()) {
      return row.status().ToString();
    }
    if (!live.emplace(row->revision, key).second || row->revision > state.revision) {
      return absl::StrCat("(1): revision ", row->revision, " of ", key, " is not its own");
    }
    if (row->record.expiry_unix_ms != 0 && !row->swept) {
      expiries.insert(EncodeExpiryKey(row->record.expiry_unix_ms, key));
    }
    const bool entry = !row->record.tombstone && !row->swept;
    ++(entry ? counted.entries : counted.tombstones);
    if (entry) {
      counted.digest.Add(key, row->encoded);
    }
    counted.content.Add(row->encoded);
    counted.outbox_depth += state.InOutbox(*row) ? 1 : 0;
    counted.unsent_bytes += state.NeverSent(*row) ? key.size() + row->encoded.size() : 0;
  }
  for (const auto& [revision, bytes] : ReadTable(txn, Table::kChanges)) {
    const absl::StatusOr<ChangeRow> change = DecodeChangeRow(bytes);
    const auto found = live.find(ReadBigEndian64(revision));
    if (change.ok() && found != live.end() && found->second == change->key) {
      live.erase(found);
    }
  }
  if (!live.empty()) {
    return absl::StrCat("(1): no change entry for ", live.begin()->second);
  }
  for (const auto& [key, bytes] : ReadTable(txn, Table::kExpiries)) {
    if (expiries.erase(key) == 0) {
      return absl::StrCat("(2): an expiry too many for ", key.substr(8));
    }
  }
  if (!expiries.empty()) {
    return absl::StrCat("(2): no expiry for ", expiries.begin()->substr(8));
  }
  const bool counts = counted.entries == state.entries && counted.tombstones == state.tombstones &&
                      counted.digest == state.digest && counted.content == state.content &&
                      counted.outbox_depth == state.outbox_depth && counted.unsent_bytes == state.unsent_bytes &&
                      (counted.unsent_bytes == 0 || state.unsent_since_unix_ms != 0);
  return counts ? ""
                : absl::StrCat("(3): entries ", state.entries, " counted ", counted.entries, ", tombstones ",
                               state.tombstones, " counted ", counted.tombstones, ", outbox ", state.outbox_depth,
                               " counted ", counted.outbox_depth, ", unsent bytes ", state.unsent_bytes, " counted ",
                               counted.unsent_bytes, " since ", state.unsent_since_unix_ms, ", digest ",
                               counted.digest == state.digest, ", content ", counted.content == state.content);
}

std::string CompareTables(const TableTxn& txn, const StoreModel& model) {
  const Rows rows = ReadTable(txn, Table::kRecords);
  if (rows.size() != model.rows().size()) {
    return absl::StrCat(rows.size(), " rows instead of ", model.rows().size());
  }
  for (const auto& [key, bytes] : rows) {
    const auto expected = model.rows().find(key);
    const absl::StatusOr<RecordRow> row = DecodeRecordRow(key, bytes);
    if (!row.ok() || expected == model.rows().end() || row->revision != expected->second.revision ||
        row->swept != expected->second.swept || row->unsent != expected->second.unsent ||
        row->encoded != expected->second.encoded) {
      return absl::StrCat("the row of ", key, " differs");
    }
  }
  return "";
}

}  // namespace dunlin
