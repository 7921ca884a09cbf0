#ifndef DUNLIN_SYNC_REDIS_NAMES_H_
#define DUNLIN_SYNC_REDIS_NAMES_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dunlin {

inline constexpr size_t kNamespaceSizeMaxBytes = 64;

// What a namespace's things are called in Redis. The name stands in braces, so that a Redis Cluster keeps all of them
// in one slot.
struct RedisNames {
  std::string data;     // Hash: key -> record.
  std::string index;    // Sorted set: key, scored by the sequence of its latest write.
  std::string meta;     // Hash: format, epoch, sequence, fleet_id, gc_sequence, sum, sizes, history, delivered:…
  std::string leases;   // Hash: store id -> run id and until when it holds; lowest -> the lowest of these ids.
  std::string channel;  // Pub/sub channel of events.
};

// Errors: kInvalidArgument unless the name is 1 to 64 letters, digits, '.', '_' or '-'.
absl::StatusOr<RedisNames> MakeRedisNames(absl::string_view namespace_name);

}  // namespace dunlin

#endif  // DUNLIN_SYNC_REDIS_NAMES_H_
