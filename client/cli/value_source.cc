#include "client/cli/value_source.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/str_format.h"
#include "storage/limits.h"

namespace dunlin::client::cli {

absl::StatusOr<std::string> ReadValue(std::istream& in) {
  // One byte more than allowed is enough to know.
  std::string value(kValueSizeMaxBytesHard + 1, '\0');
  in.read(value.data(), static_cast<std::streamsize>(value.size()));
  if (in.bad()) {
    return absl::InvalidArgumentError("the value cannot be read: input/output error");
  }
  value.resize(static_cast<size_t>(in.gcount()));
  if (value.size() > kValueSizeMaxBytesHard) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the value is larger than %d bytes, the most that any replica accepts; store it elsewhere and "
                        "put a reference here",
                        kValueSizeMaxBytesHard));
  }
  return value;
}

absl::StatusOr<std::string> ReadValueFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  // Opening a directory succeeds; only looking inside fails.
  if (!file || (file.peek() == std::ifstream::traits_type::eof() && file.bad())) {
    return absl::InvalidArgumentError(absl::StrFormat("cannot read the file \"%s\": %s", path, std::strerror(errno)));
  }
  file.clear();
  return ReadValue(file);
}

}  // namespace dunlin::client::cli
