#include "storage/disk_failure.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace dunlin {

bool IsDiskFailure(int error) {
  switch (error) {
    case EIO:
    case ENODEV:
    case ENXIO:
    case EROFS:  // What the kernel makes of a file system that it has found damaged.
      return true;
    default:
      return false;
  }
}

absl::Status DiskFailure::Note(const absl::Status& reason) {
  MutexLock lock(&mutex_);
  if (status_.ok()) {
    status_ = absl::UnavailableError(
        absl::StrCat("the disk has failed (", reason.message(),
                     "): nothing is stored or acknowledged any more, reads go on; check the disk, then restart"));
  }
  return status_;
}

absl::Status DiskFailure::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

}  // namespace dunlin
