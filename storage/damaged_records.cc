#include "storage/damaged_records.h"

#include "absl/strings/escaping.h"
#include "storage/limits.h"

namespace dunlin {

void DamagedRecords::Note(absl::string_view key, uint64_t revision) {
  size_t known = 0;
  {
    MutexLock lock(&mutex_);
    const auto found = revisions_.find(key);
    if (found != revisions_.end() && found->second == revision) {
      return;
    }
    if (found == revisions_.end() && revisions_.size() == kDamagedRecordsMax) {
      return;
    }
    revisions_[std::string(key)] = revision;
    known = revisions_.size();
  }
  if (logger_ == nullptr) {
    return;
  }
  logger_->Error("a record of the store is damaged: put or delete its key to repair it, and look at the disk",
                 {{"revision", revision}, {"damaged_records", known}});
  logger_->Debug("damaged record", {{"key", absl::CHexEscape(key)}});
}

void DamagedRecords::Forget(const Record& record) {
  MutexLock lock(&mutex_);
  const auto found = revisions_.find(record.key);
  if (found != revisions_.end() && found->second == record.revision) {
    revisions_.erase(found);
  }
}

std::vector<DamagedRecords::Record> DamagedRecords::known() const {
  std::vector<Record> records;
  MutexLock lock(&mutex_);
  for (const auto& [key, revision] : revisions_) {
    records.push_back(Record{key, revision});
  }
  return records;
}

}  // namespace dunlin
