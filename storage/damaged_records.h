#ifndef DUNLIN_STORAGE_DAMAGED_RECORDS_H_
#define DUNLIN_STORAGE_DAMAGED_RECORDS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "storage/logger.h"
#include "storage/mutex.h"

namespace dunlin {

// DamagedRecords remembers which records of a store were found damaged, so that each is logged once, however often it
// is read, and an operator can be told how many there are. A record that is written anew is another one: it has another
// revision.
//
// Thread-safety: safe for concurrent use.
class DamagedRecords {
 public:
  struct Record {
    std::string key;
    uint64_t revision = 0;
  };

  // `logger` must outlive this object; null: nothing is logged.
  explicit DamagedRecords(Logger* logger) : logger_(logger) {}
  DamagedRecords(const DamagedRecords&) = delete;
  DamagedRecords& operator=(const DamagedRecords&) = delete;

  // A read has found the record under `key`, of `revision`, damaged. Beyond kDamagedRecordsMax none are remembered.
  void Note(absl::string_view key, uint64_t revision) ABSL_LOCKS_EXCLUDED(mutex_);

  // `record` is no longer there.
  void Forget(const Record& record) ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<Record> known() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Logger* const logger_;

  mutable Mutex mutex_;
  std::map<std::string, uint64_t, std::less<>> revisions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_DAMAGED_RECORDS_H_
