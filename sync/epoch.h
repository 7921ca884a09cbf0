#ifndef DUNLIN_SYNC_EPOCH_H_
#define DUNLIN_SYNC_EPOCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

// An epoch names one life of a namespace's data in Redis: a random number that changes whenever Redis may have lost
// something. A sequence means something only inside its epoch.
namespace dunlin {

// Stands for "Redis holds no epoch"; never a real one.
inline constexpr uint64_t kNoEpoch = 0;

// In Redis and in events an epoch is this many lowercase hexadecimal digits.
inline constexpr size_t kEpochTextSizeBytes = 16;

std::string FormatEpoch(uint64_t epoch);

// The inverse of FormatEpoch(); nothing for any other text.
std::optional<uint64_t> ParseEpoch(absl::string_view text);

}  // namespace dunlin

#endif  // DUNLIN_SYNC_EPOCH_H_
