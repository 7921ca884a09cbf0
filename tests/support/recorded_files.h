#ifndef DUNLIN_TESTS_SUPPORT_RECORDED_FILES_H_
#define DUNLIN_TESTS_SUPPORT_RECORDED_FILES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "storage/mutex.h"
#include "tests/support/file_handler.h"

namespace dunlin {

// What happened to a file below the directory, or a mark. A plain value.
struct FileEvent {
  enum class Kind {
    kWrite,        // `bytes` at `number`; not on the disk yet
    kTruncate,     // to a size of `number`
    kSynced,       // what was written to the file before is on the disk
    kWriteSynced,  // the last write to the file is on the disk; nothing is said of the others
    kSyncFailed,   // what was written to the file before and is not on the disk may or may not get there, ever
    kWriteFailed,  // the same of the last write to the file alone
    kCreated,
    kRenamed,  // to `to`
    kRemoved,
    kNamesSynced,  // the names of the files are on the disk
    kMark,         // the test's, `number`
  };
  Kind kind = Kind::kMark;
  // Relative to the directory.
  std::string path;
  std::string to;
  uint64_t number = 0;
  std::string bytes;
};

// RecordedFiles keeps what this program does to the files below a directory, in its order, with the marks that a test
// sets in between; and it lets writes and syncs fail as disks do. Files are written as always, but nothing is ever
// synced: what a power failure would leave is told by PowerLoss (power_loss.h), from the record.
//
// Thread-safety: safe for concurrent use. There can be one at a time.
class RecordedFiles final : public FileHandler {
 public:
  // Files that are already open are not seen.
  explicit RecordedFiles(const std::string& directory);
  ~RecordedFiles() override;
  RecordedFiles(const RecordedFiles&) = delete;
  RecordedFiles& operator=(const RecordedFiles&) = delete;

  void Mark(uint64_t number) ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<FileEvent> events() const ABSL_LOCKS_EXCLUDED(mutex_);

  // How many syncs there were, of every kind, and how many writes.
  uint64_t syncs() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t writes() const ABSL_LOCKS_EXCLUDED(mutex_);

  // The sync of `kind` (the write) that comes after `count` more fails with `error`, an errno; later ones succeed
  // again, as they do in Linux.
  void FailSyncAfter(SyncKind kind, uint64_t count, int error) ABSL_LOCKS_EXCLUDED(mutex_);
  void FailWriteAfter(uint64_t count, int error) ABSL_LOCKS_EXCLUDED(mutex_);

  // No file can grow beyond this size: a write is cut there, and one that begins there fails with ENOSPC. What a file
  // has already can be overwritten. UINT64_MAX: there is space again.
  void LimitFileSize(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // A fault that strikes once, after a number of calls; 0 in `error` when there is none.
  struct Fault {
    uint64_t after = 0;
    int error = 0;
    // Returns the errno for this call.
    int Strike();
  };

  Verdict BeforeWrite(const std::string& path, uint64_t offset, size_t size, uint64_t file_size) override;
  void AfterWrite(const std::string& path, uint64_t offset, absl::string_view bytes) override;
  int Sync(const std::string& path, SyncKind kind) override;
  void AfterTruncate(const std::string& path, uint64_t size) override;
  void AfterCreate(const std::string& path) override;
  void AfterRename(const std::string& from, const std::string& to) override;
  void AfterRemove(const std::string& path) override;

  void Add(FileEvent event) ABSL_LOCKS_EXCLUDED(mutex_);

  mutable Mutex mutex_;
  std::vector<FileEvent> events_ ABSL_GUARDED_BY(mutex_);
  uint64_t syncs_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t writes_ ABSL_GUARDED_BY(mutex_) = 0;
  SyncKind sync_fault_kind_ ABSL_GUARDED_BY(mutex_) = SyncKind::kFile;
  Fault sync_fault_ ABSL_GUARDED_BY(mutex_);
  Fault write_fault_ ABSL_GUARDED_BY(mutex_);
  uint64_t file_size_max_bytes_ ABSL_GUARDED_BY(mutex_) = UINT64_MAX;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_RECORDED_FILES_H_
