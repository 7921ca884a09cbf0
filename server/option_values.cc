#include "server/option_values.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "storage/status_macros.h"
#include "storage/utf8.h"

namespace dunlin {
namespace {

constexpr size_t kNameSizeMax = 64;
// An error shows this much of a value.
constexpr size_t kShownBytesMax = 100;

struct Unit {
  absl::string_view name;
  int shift;
};

// The largest first, so that FormatSize() finds the shortest form.
constexpr Unit kUnits[] = {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}};

template <typename... Parts>
absl::Status Reject(absl::string_view value, const Parts&... expected) {
  const std::string shown = ReplaceInvalidUtf8(value.substr(0, kShownBytesMax));
  const absl::string_view cut = value.size() > kShownBytesMax ? "..." : "";
  return absl::InvalidArgumentError(absl::StrCat("\"", shown, cut, "\" ", expected...));
}

bool ParseDigits(absl::string_view text, uint64_t* number) {
  // SimpleAtoi() would also take signs and spaces.
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit) && absl::SimpleAtoi(text, number);
}

// Reads digits and a unit; fails when they do not fit 64 bits.
bool ParseBytes(absl::string_view text, uint64_t* bytes) {
  int shift = 0;
  for (const Unit& unit : kUnits) {
    if (absl::ConsumeSuffix(&text, unit.name)) {
      shift = unit.shift;
      break;
    }
  }
  if (!ParseDigits(text, bytes) || *bytes > (UINT64_MAX >> shift)) return false;
  *bytes <<= shift;
  return true;
}

std::string ParentOf(const std::string& path) {
  const std::string trimmed(absl::StripSuffix(path, "/"));
  const size_t slash = trimmed.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : trimmed.substr(0, slash);
}

// Returns 0 and the type of what is at `path`, or an errno.
int TypeOf(const std::string& path, mode_t* type) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) return errno;
  *type = found.st_mode & S_IFMT;
  return 0;
}

absl::Status CheckFolder(const std::string& path, const std::string& folder) {
  mode_t type = 0;
  const int error = TypeOf(folder, &type);
  if (error != 0) {
    return Reject(path, "cannot be used: the folder ", folder, ": ", strerror(error), "; create it or choose another");
  }
  if (type != S_IFDIR) return Reject(path, "cannot be used: ", folder, " is not a folder; choose another");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> ParseCount(absl::string_view text, uint64_t min, uint64_t max) {
  uint64_t number = 0;
  if (ParseDigits(text, &number) && number >= min && number <= max) return number;
  return Reject(text, "is not a whole number from ", min, " to ", max);
}

absl::StatusOr<uint64_t> ParsePowerOfTwo(absl::string_view text, uint64_t min, uint64_t max) {
  uint64_t number = 0;
  if (ParseDigits(text, &number) && number >= min && number <= max && (number & (number - 1)) == 0) return number;
  return Reject(text, "is not a power of two from ", min, " to ", max, "; write 1024, 65536 and the like");
}

absl::StatusOr<uint64_t> ParseSize(absl::string_view text, uint64_t min_bytes, uint64_t max_bytes) {
  uint64_t bytes = 0;
  if (!ParseBytes(text, &bytes)) {
    return Reject(text, "is not a size; write a number of bytes, or one with the unit KiB, MiB, GiB or TiB");
  }
  if (bytes < min_bytes || bytes > max_bytes) {
    return Reject(text, "is not from ", FormatSize(min_bytes), " to ", FormatSize(max_bytes));
  }
  return bytes;
}

std::string FormatSize(uint64_t bytes) {
  for (const Unit& unit : kUnits) {
    const uint64_t whole = bytes >> unit.shift;
    if (whole > 0 && whole << unit.shift == bytes) return absl::StrCat(whole, unit.name);
  }
  return absl::StrCat(bytes);
}

absl::StatusOr<absl::Duration> ParsePeriod(absl::string_view text, absl::Duration min, absl::Duration max) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration)) {
    return Reject(text, "is not a duration; write a number with a unit, such as 250ms, 5s, 1m30s or 2h");
  }
  if (duration < min || duration > max) {
    return Reject(text, "is not from ", absl::FormatDuration(min), " to ", absl::FormatDuration(max));
  }
  return duration;
}

absl::StatusOr<size_t> ParseChoice(absl::string_view text, const std::vector<absl::string_view>& choices) {
  const auto found = std::find(choices.begin(), choices.end(), text);
  if (found == choices.end()) return Reject(text, "is not one of ", absl::StrJoin(choices, ", "));
  return static_cast<size_t>(found - choices.begin());
}

absl::Status CheckNamespace(absl::string_view name) {
  const bool allowed = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
  });
  if (allowed && !name.empty() && name.size() <= kNameSizeMax) return absl::OkStatus();
  return Reject(name, "does not have 1 to ", kNameSizeMax, " of the characters A-Z a-z 0-9 _ . -");
}

absl::Status CheckReplicaId(absl::string_view name) {
  const bool allowed =
      std::all_of(name.begin(), name.end(), [](char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); });
  if (allowed && !name.empty() && name.size() <= kNameSizeMax) return absl::OkStatus();
  return Reject(name, "does not have 1 to ", kNameSizeMax, " printable ASCII characters");
}

absl::Status CheckDataDirectory(const std::string& path) {
  if (path.empty()) return Reject(path, "is not a folder");
  mode_t type = 0;
  const int error = TypeOf(path, &type);
  if (error == 0 && type != S_IFDIR) return Reject(path, "is a file; give a folder");
  if (error == 0) return absl::OkStatus();
  if (error == ENOENT) return CheckFolder(path, ParentOf(path));
  return Reject(path, "cannot be used: ", strerror(error), "; check the path and its permissions");
}

absl::Status CheckFolderOf(const std::string& path) {
  mode_t type = 0;
  if (TypeOf(path, &type) == 0 && type == S_IFDIR) return Reject(path, "is a folder; give the name of a file in it");
  return CheckFolder(path, ParentOf(path));
}

}  // namespace dunlin
