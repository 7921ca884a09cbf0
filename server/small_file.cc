#include "server/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/file_descriptor.h"

namespace dunlin {
namespace {

absl::Status ReadError(const std::string& path, int error) {
  return absl::InvalidArgumentError(
      absl::StrCat("cannot read ", path, ": ", strerror(error), "; check the path and its permissions"));
}

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t size_max_bytes) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return ReadError(path, errno);
  std::string content(size_max_bytes + 1, '\0');
  size_t size = 0;
  while (size < content.size()) {
    const ssize_t count = read(file.get(), &content[size], content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ReadError(path, errno);
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  if (size > size_max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has more than ", size_max_bytes, " bytes; is it the right file?"));
  }
  content.resize(size);
  return content;
}

}  // namespace dunlin
