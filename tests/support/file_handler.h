#ifndef DUNLIN_TESTS_SUPPORT_FILE_HANDLER_H_
#define DUNLIN_TESTS_SUPPORT_FILE_HANDLER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace dunlin {

// FileHandler is told what the program does to the files below one directory, and may let it fail. Paths are relative
// to that directory; the directory itself is "".
//
// Thread-safety: its calls come one at a time, from any thread. It must not touch those files itself.
class FileHandler {
 public:
  // What is synced.
  enum class SyncKind {
    kFile,       // fsync() or fdatasync() of a file
    kDirectory,  // fsync() of a directory: the names in it
    kWrite,      // the write just told, through a descriptor opened with O_DSYNC or O_SYNC
  };

  // What becomes of a write.
  struct Verdict {
    // If not 0, it fails with this errno, and nothing is written.
    int error = 0;
    // It is cut to this size.
    size_t size_max_bytes = SIZE_MAX;
  };

  virtual ~FileHandler() = default;

  // Asked before a write to a file that is `file_size` bytes long; told after it what has been written.
  virtual Verdict BeforeWrite(const std::string& path, uint64_t offset, size_t size, uint64_t file_size) = 0;
  virtual void AfterWrite(const std::string& path, uint64_t offset, absl::string_view bytes) = 0;

  // Stands in the place of the sync itself, which does not take place. Returns 0 or an errno.
  virtual int Sync(const std::string& path, SyncKind kind) = 0;

  virtual void AfterTruncate(const std::string& path, uint64_t size) = 0;
  virtual void AfterCreate(const std::string& path) = 0;
  virtual void AfterRename(const std::string& from, const std::string& to) = 0;
  virtual void AfterRemove(const std::string& path) = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_FILE_HANDLER_H_
