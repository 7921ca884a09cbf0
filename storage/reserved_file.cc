#include "storage/reserved_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "storage/file_error.h"

namespace dunlin {
namespace {

absl::Status ErrorOf(int error, const std::string& path) {
  return FileErrorToStatus(error, absl::StrCat(path, " cannot be prepared"));
}

}  // namespace

ReservedFile::~ReservedFile() {
  if (descriptor_ >= 0) {
    close(descriptor_);
  }
}

absl::Status ReservedFile::Reserve() {
  if (descriptor_ < 0) {
    descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  }
  struct stat file {};
  if (descriptor_ < 0 || fstat(descriptor_, &file) != 0) {
    return ErrorOf(errno, path_);
  }
  const off_t size = std::max<off_t>(file.st_size, sysconf(_SC_PAGESIZE));
  const int error = fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, 0, size) == 0 ? 0 : errno;
  return error == ENOSPC || error == EDQUOT ? ErrorOf(error, path_) : absl::OkStatus();
}

}  // namespace dunlin
