#include "storage/version.h"

#include "absl/strings/str_format.h"

namespace dunlin {

std::string VersionToString(const Version& version) {
  return absl::StrFormat("%d-%016x", version.time, version.origin);
}

}  // namespace dunlin
