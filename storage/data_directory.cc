#include "storage/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace dunlin {
namespace {

absl::Status ErrnoToStatus(int error, const std::string& path, absl::string_view what) {
  const std::string message = absl::StrCat("data directory ", path, ": ", what, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(absl::StrCat(message, ": create its parent first"));
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(absl::StrCat(message, ": make it writable for this user"));
    case ENOTDIR:
    case EEXIST:
      return absl::InvalidArgumentError(absl::StrCat(message, ": name a directory"));
    case ENOSPC:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InternalError(message);
  }
}

std::string HolderOf(int lock_fd) {
  char pid[32] = {};
  const ssize_t size = pread(lock_fd, pid, sizeof(pid) - 1, 0);
  return size > 0 ? absl::StrCat("process ", pid) : "another process";
}

// The holder's process id, so that the error of a second start can name it.
void WriteHolder(int lock_fd) {
  const std::string pid = absl::StrCat(getpid());
  if (ftruncate(lock_fd, 0) == 0) {
    // Only a courtesy: a full disk must not keep the replica from starting.
    (void)!pwrite(lock_fd, pid.data(), pid.size(), 0);
  }
}

absl::Status SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return ErrnoToStatus(errno, path, "cannot be opened");
  }
  const int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  return error == 0 ? absl::OkStatus() : ErrnoToStatus(error, path, "cannot be synced");
}

}  // namespace

absl::StatusOr<DataDirectory> DataDirectory::Acquire(const std::string& path) {
  if (mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) {
    return ErrnoToStatus(errno, path, "cannot be created");
  }
  const int fd = open(absl::StrCat(path, "/LOCK").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) {
    return ErrnoToStatus(errno, path, "cannot be written");
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    const std::string holder = HolderOf(fd);
    close(fd);
    if (error == EWOULDBLOCK) {
      return absl::FailedPreconditionError(absl::StrCat("data directory ", path, " is in use by ", holder,
                                                        ": stop it, or give this replica a directory of its own"));
    }
    return ErrnoToStatus(error, path, "cannot be locked");
  }
  WriteHolder(fd);
  return DataDirectory(path, fd);
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

absl::Status DataDirectory::SyncNames() const {
  absl::Status status = SyncDirectory(path_);
  if (status.ok()) {
    // A parent that may be entered but not read cannot be synced; whoever set it up so has made it durable.
    const absl::Status parent = SyncDirectory(absl::StrCat(path_, "/.."));
    status = absl::IsPermissionDenied(parent) ? absl::OkStatus() : parent;
  }
  return status;
}

DataDirectory::~DataDirectory() {
  if (lock_fd_ >= 0) {
    close(lock_fd_);
  }
}

}  // namespace dunlin
