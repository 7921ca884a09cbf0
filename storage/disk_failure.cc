#include "storage/disk_failure.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace dunlin {

bool IsDiskFailure(int error) {
  switch (error) {
    case EIO:
    case ENODEV:
    case ENXIO:
    // What the kernel makes, or says, of a file system that it has found damaged.
    case EROFS:
    case EUCLEAN:
    case ESHUTDOWN:
    // Disks beyond a network, or in another process.
    case EREMOTEIO:
    case ENOTCONN:
    case ESTALE:
    case ETIMEDOUT:
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
