#include "tests/storage/scenario.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/record.h"
#include "storage/version.h"

namespace dunlin {

LocalWrite Scenario::Write(const StoreModel& model) {
  LocalWrite write;
  const bool single = OneIn(2);
  std::set<std::string> keys;
  for (uint64_t count = single ? 1 : 1 + Below(4); keys.size() < count;) {
    keys.insert(Key());
  }
  for (const std::string& key : keys) {
    Mutation mutation;
    mutation.key = key;
    if (OneIn(4)) {
      mutation.kind = Mutation::Kind::kDelete;
    } else {
      // Large ones take pages of their own.
      mutation.value = OneIn(10) ? std::string(5000, 'x') : absl::StrCat(Below(100));
      if (OneIn(3)) {
        mutation.ttl = absl::Milliseconds(1 + Below(3000));
      }
    }
    write.mutations.push_back(std::move(mutation));
  }
  if (single && OneIn(3)) {
    const auto row = model.rows().find(write.mutations.front().key);
    if (row != model.rows().end() && OneIn(2)) {
      write.precondition = {Precondition::Kind::kVersion, row->second.version};
      write.precondition.version.time += OneIn(3) ? 1 : 0;
    } else {
      write.precondition.kind = Precondition::Kind::kAbsent;
    }
  }
  return write;
}

RemoteBatch Scenario::Batch(const StoreModel& model, uint64_t store_id, uint64_t now_unix_ms) {
  RemoteBatch batch;
  for (uint64_t count = Below(7); count > 0; --count) {
    const std::string key = Key();
    const auto row = model.rows().find(key);
    if (row != model.rows().end() && OneIn(4)) {
      batch.records.push_back({key, row->second.encoded});
      continue;
    }
    Record record;
    record.version.time = (now_unix_ms - 1000 + Below(2000)) << kVersionCounterBits;
    if (row != model.rows().end() && OneIn(3)) {
      record.version.time = row->second.version.time + Below(3) - 1;
    }
    record.version.origin = OneIn(5) ? store_id : store_id + 1 - 2 * Below(2);
    const std::string value = absl::StrCat("remote", Below(100));
    if (OneIn(4)) {
      record.tombstone = true;
    } else {
      record.value = value;
      // Some have expired before they arrive.
      record.expiry_unix_ms = OneIn(3) ? now_unix_ms - 500 + Below(2000) : 0;
    }
    batch.records.push_back({key, EncodeRecord(record)});
    if (OneIn(10)) {
      batch.records.back().encoded_record.back() ^= 1;
    }
  }
  batch.epoch = Below(3);
  batch.applied_sequence = Below(50);
  batch.seen_in_epoch = Below(3);
  batch.complete_as_of_unix_ms = OneIn(3) ? 1 + Below(1000) : 0;
  return batch;
}

MirrorProgress Scenario::Progress(const StoreModel& model) {
  MirrorProgress progress;
  progress.epoch = model.epoch() + (OneIn(10) ? 1 : 0);
  progress.revision = Below(model.revision() + 1);
  for (const auto& [revision, key] : model.Outbox()) {
    if (revision <= progress.revision) {
      progress.sent.push_back({key, revision});
    }
  }
  return progress;
}

EpochChange Scenario::Epoch() {
  EpochChange change;
  change.epoch = 1 + Below(2);
  change.fleet_id = 9;
  change.primary = change.epoch + 1;
  change.refill = OneIn(2);
  return change;
}

}  // namespace dunlin
