#ifndef DUNLIN_STORAGE_DATA_DIRECTORY_H_
#define DUNLIN_STORAGE_DATA_DIRECTORY_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace dunlin {

// DataDirectory is the right to use a directory: it holds an exclusive flock(2) on DIRECTORY/LOCK, which the system
// releases when the process ends, however it ends.
//
// Thread-safety: one thread at a time.
class DataDirectory {
 public:
  // Creates `path` if its parent exists, and locks it.
  // Errors: kNotFound when the parent does not exist, kPermissionDenied when the directory cannot be written,
  // kFailedPrecondition when another process holds it, naming that process.
  static absl::StatusOr<DataDirectory> Acquire(const std::string& path);
  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;
  ~DataDirectory();

  const std::string& path() const { return path_; }

  // Makes the names of the files in the directory, and the directory's own, survive a power failure: fsync of a file
  // alone does not promise that.
  absl::Status SyncNames() const;

 private:
  DataDirectory(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}

  std::string path_;
  int lock_fd_;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_DATA_DIRECTORY_H_
