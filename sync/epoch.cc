#include "sync/epoch.h"

#include "absl/strings/str_format.h"

namespace dunlin {
namespace {

// The value of a lowercase hexadecimal digit, or -1.
int DigitValue(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  if (digit >= 'a' && digit <= 'f') {
    return digit - 'a' + 10;
  }
  return -1;
}

}  // namespace

std::string FormatEpoch(uint64_t epoch) { return absl::StrFormat("%016x", epoch); }

std::optional<uint64_t> ParseEpoch(absl::string_view text) {
  if (text.size() != kEpochTextSizeBytes) {
    return std::nullopt;
  }
  uint64_t epoch = 0;
  for (const char digit : text) {
    const int value = DigitValue(digit);
    if (value < 0) {
      return std::nullopt;
    }
    epoch = epoch << 4 | static_cast<uint64_t>(value);
  }
  return epoch;
}

}  // namespace dunlin
