// What Oracle (oracle.h) knows of writes that are stamped anew.

#include <utility>

#include "storage/record.h"
#include "tests/simulation/oracle.h"

namespace dunlin {

// Whether a write of this replica that nobody else has heard of says the same under another version. A Redis that takes
// over may have an earlier clock than the one that had accepted it.
bool Oracle::IsRestamped(const Stored& stored, const Change& change) const {
  return (published_.count({change.key, stored.version}) == 0 || redis_losses_ > 0) && SaysTheSame(stored, change);
}

bool Oracle::SaysTheSame(const Stored& stored, const Change& change) {
  const absl::StatusOr<Record> before = DecodeRecord(stored.record);
  const absl::StatusOr<Record> after = DecodeRecord(change.encoded_record);
  return before.ok() && after.ok() && before->version.origin == after->version.origin &&
         before->tombstone == after->tombstone && before->value == after->value;
}

// A write that has waited for longer than deletions are remembered gets a higher version, under which it also replaces
// what others have written meanwhile.
void Oracle::AcknowledgeAgain(const std::string& key, const Version& before, const Version& after) {
  auto& writes = acknowledged_[key];
  if (const auto found = writes.find(before); found != writes.end()) {
    Acknowledged write = found->second;
    write.version = after;
    writes.emplace(after, std::move(write));
  }
}

void Oracle::Restamp(const std::string& key, const Version& before, const Version& after) {
  ++restamped_count_;
  restamped_keys_.insert(key);
  restamped_to_[{key, before}] = after;
  auto& writes = acknowledged_[key];
  const auto found = writes.find(before);
  // It may not have been acknowledged yet, or never: a crash has come between.
  if (found != writes.end()) {
    Acknowledged write = found->second;
    write.version = after;
    writes.emplace(after, std::move(write));
  }
  // What it has replaced while the clock was wrong stays replaced.
  for (auto it = writes.upper_bound(after); it != writes.end() && !(before < it->first);) {
    const bool nobody_knows = published_.count({key, it->first}) == 0 || redis_losses_ > 0;
    if (it->first.origin == before.origin && nobody_knows) {
      restamped_to_[{key, it->first}] = after;
      it = writes.erase(it);
    } else {
      ++it;
    }
  }
  writes.erase(before);
}

// The version that has taken the place of one that was stamped anew, or that one.
Version Oracle::LatestOf(const std::string& key, Version version) const {
  for (auto it = restamped_to_.find({key, version}); it != restamped_to_.end();
       it = restamped_to_.find({key, version})) {
    version = it->second;
  }
  return version;
}

}  // namespace dunlin
