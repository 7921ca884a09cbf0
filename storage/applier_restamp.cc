// How Applier (applier.h) gives own writes that were never sent other versions: those of a clock that was wrong, and
// those that may be older than a deletion that nobody remembers.

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "storage/applier.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "storage/status_macros.h"

namespace dunlin {

absl::StatusOr<size_t> Applier::Restamp(const Restamping& restamping) {
  clock_->ComeBack();
  const uint64_t before = state_->revision;
  const absl::Span<const OutboxItem> items = restamping.items;
  const absl::Span<const uint64_t> redis_times = restamping.redis_times;
  for (size_t first = 0, end = 0; first < items.size(); first = end) {
    DUNLIN_ASSIGN_OR_RETURN(const uint64_t batch, BatchOf(items[first]));
    bool ahead = false;
    for (end = first; end < items.size(); ++end) {
      DUNLIN_ASSIGN_OR_RETURN(const uint64_t batch_of_next, BatchOf(items[end]));
      if (end > first && (batch == 0 || batch_of_next != batch)) {
        break;
      }
      DUNLIN_ASSIGN_OR_RETURN(const bool next_is_ahead, IsAheadOfClock(items[end]));
      ahead = ahead || next_is_ahead;
    }
    // All of an atomic batch or nothing: it must stay one.
    if (ahead) {
      DUNLIN_RETURN_IF_ERROR(RestampGroup(items.subspan(first, end - first),
                                          redis_times.subspan(std::min(first, redis_times.size()), end - first)));
    }
  }
  state_->clock_time = clock_->last_issued();
  // Whatever is stamped anew next, Redis has refused after this.
  state_->turned_down_time = 0;
  return state_->revision - before;
}

// The first revision of the batch that `item` belongs to; 0 if it has changed since it was read.
absl::StatusOr<uint64_t> Applier::BatchOf(const OutboxItem& item) const {
  DUNLIN_ASSIGN_OR_RETURN(const auto row, txn_->Get(Table::kChanges, EncodeBigEndian64(item.revision)));
  if (!row.has_value()) {
    return 0;
  }
  DUNLIN_ASSIGN_OR_RETURN(const ChangeRow change, DecodeChangeRow(*row));
  return change.key == item.key ? change.batch_first_revision : 0;
}

absl::StatusOr<bool> Applier::IsAheadOfClock(const OutboxItem& item) const {
  DUNLIN_ASSIGN_OR_RETURN(const Stored stored, Read(item.key));
  const uint64_t limit_unix_ms = now_unix_ms_ + static_cast<uint64_t>(absl::ToInt64Milliseconds(kClockDriftMax));
  return stored.status.ok() && MayRestamp(stored.row, item) &&
         VersionTimeToUnixMillis(stored.row.record.version.time) > limit_unix_ms;
}

// Others know of what has been in Redis, and what somebody else has written is theirs.
bool Applier::MayRestamp(const RecordRow& row, const OutboxItem& item) const {
  return row.revision == item.revision && state_->IsOwnAndNeverSent(row, store_id_);
}

absl::Status Applier::RestampGroup(absl::Span<const OutboxItem> group, absl::Span<const uint64_t> redis_times) {
  const uint64_t batch_first_revision = state_->revision + 1;
  // What Redis has may be of a time when its clock was ahead of where it is now; and more may have come since it was
  // asked.
  std::vector<uint64_t> at_least(group.size());
  // One time for all of them, as IssueForBatch() has it.
  BatchTimes times;
  for (size_t i = 0; i < group.size(); ++i) {
    const uint64_t known = std::max(i < redis_times.size() ? redis_times[i] : 0, state_->turned_down_time);
    at_least[i] = known == UINT64_MAX ? 0 : known + 1;
    times.Include(at_least[i], clock_->IsFarAhead(at_least[i]));
  }
  times.present = clock_->IssueAnew(times.present, batch_first_revision);
  times.future = times.future == 0 ? 0 : clock_->IssueAnew(times.future, batch_first_revision);
  for (size_t i = 0; i < group.size(); ++i) {
    DUNLIN_RETURN_IF_ERROR(RestampOne(group[i], times.For(at_least[i]), batch_first_revision));
  }
  return absl::OkStatus();
}

// Gives the record of `item` a version of `time`, or of a later one if that is what it has.
absl::Status Applier::RestampOne(const OutboxItem& item, uint64_t time, uint64_t batch_first_revision) {
  DUNLIN_ASSIGN_OR_RETURN(const Stored old, Read(item.key));
  if (!old.status.ok() || !MayRestamp(old.row, item)) {
    return absl::OkStatus();
  }
  Record record = old.row.record;
  const uint64_t old_unix_ms = VersionTimeToUnixMillis(record.version.time);
  // The clock may give out once more what it has given out before it came back.
  for (record.version.time = time; record.version == old.row.record.version;) {
    record.version.time = clock_->Issue(record.version.time + 1, state_->revision + 1);
  }
  if (old.row.swept) {
    // Its end has been told here: it must not live on elsewhere.
    record.expiry_unix_ms = std::min(record.expiry_unix_ms, now_unix_ms_);
  } else if (record.expiry_unix_ms != 0) {
    const uint64_t left_ms = record.expiry_unix_ms - std::min(record.expiry_unix_ms - 1, old_unix_ms);
    record.expiry_unix_ms = now_unix_ms_ + left_ms;
  }
  const std::string encoded = EncodeRecord(record);
  RecordRow row;
  row.unsent = true;
  row.swept = old.row.swept;
  row.encoded = encoded;
  row.record = record;
  return Replace(item.key, old, row, batch_first_revision);
}

// What this store has written, has never sent, and what may be older than a deletion that nobody remembers: some
// replicas would take it and some would not. So it is stamped anew, unless the fleet has the key: then what it has is
// newer than any such deletion.
absl::Status Applier::RestampForgotten(const std::vector<OutboxItem>& items, uint64_t forgotten_unix_ms,
                                       const KeySet& fleet_keys) {
  // By the atomic batch that they are of, which must stay one.
  std::map<uint64_t, std::vector<OutboxItem>> groups;
  std::set<uint64_t> forgotten;
  for (const OutboxItem& item : items) {
    DUNLIN_ASSIGN_OR_RETURN(const uint64_t batch, BatchOf(item));
    DUNLIN_ASSIGN_OR_RETURN(const Stored stored, Read(item.key));
    const uint64_t group = batch != 0 ? batch : item.revision;
    groups[group].push_back(item);
    if (stored.status.ok() && MayRestamp(stored.row, item) && !fleet_keys.Contains(item.key) &&
        VersionTimeToUnixMillis(stored.row.record.version.time) < forgotten_unix_ms) {
      forgotten.insert(group);
    }
  }
  for (const uint64_t group : forgotten) {
    std::vector<OutboxItem>& members = groups[group];
    std::sort(members.begin(), members.end(),
              [](const OutboxItem& a, const OutboxItem& b) { return a.revision < b.revision; });
    DUNLIN_RETURN_IF_ERROR(RestampGroup(members, {}));
  }
  state_->clock_time = std::max(state_->clock_time, clock_->last_issued());
  return absl::OkStatus();
}

}  // namespace dunlin
