#ifndef DUNLIN_SERVER_OPTION_VALUES_H_
#define DUNLIN_SERVER_OPTION_VALUES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// How the values of options are written. Errors are kInvalidArgument; they quote the value and say what is expected,
// and leave it to the caller to name the option.
namespace dunlin {

// Reads a whole number in [min, max].
absl::StatusOr<uint64_t> ParseCount(absl::string_view text, uint64_t min, uint64_t max);

// As ParseCount(), and a power of two.
absl::StatusOr<uint64_t> ParsePowerOfTwo(absl::string_view text, uint64_t min, uint64_t max);

// Reads a number of bytes in [min, max]: "1048576", "1024KiB", "1MiB", "8GiB" or "1TiB".
absl::StatusOr<uint64_t> ParseSize(absl::string_view text, uint64_t min_bytes, uint64_t max_bytes);

// The shortest exact form that ParseSize() reads.
std::string FormatSize(uint64_t bytes);

// Reads a duration in [min, max]: "5s", "250ms", "1m30s".
absl::StatusOr<absl::Duration> ParsePeriod(absl::string_view text, absl::Duration min, absl::Duration max);

// Returns the position of `text` in `choices`.
absl::StatusOr<size_t> ParseChoice(absl::string_view text, const std::vector<absl::string_view>& choices);

// The name becomes the hash tag of keys in Redis, and so has 1 to 64 of the characters A-Z a-z 0-9 _ . -
absl::Status CheckNamespace(absl::string_view name);

// The name has 1 to 64 printable ASCII characters.
absl::Status CheckReplicaId(absl::string_view name);

// `path` must be a folder, or one that can be created in an existing folder.
absl::Status CheckDataDirectory(const std::string& path);

// The folder in which the file `path` is to be written must exist.
absl::Status CheckFolderOf(const std::string& path);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_OPTION_VALUES_H_
