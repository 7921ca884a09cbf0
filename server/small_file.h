#ifndef DUNLIN_SERVER_SMALL_FILE_H_
#define DUNLIN_SERVER_SMALL_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace dunlin {

// Returns the content of the file at `path`.
// Errors: kInvalidArgument, naming the path and the reason, when it cannot be read or has more than `size_max_bytes`.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t size_max_bytes);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_SMALL_FILE_H_
