#ifndef DUNLIN_SYNC_SCRIPTS_H_
#define DUNLIN_SYNC_SCRIPTS_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace dunlin {

// The programs that Dunlin runs inside Redis. Their arguments and replies are described at the head of each file in
// sync/scripts/; RedisRelay is the only caller.
enum class ScriptId {
  kMirror,
  kConditional,
  kChanges,
  kPosition,
  kStartEpoch,
  kRecords,
  kMissing,
  kCollect,
  kReindex,
  kDelivered,
};

inline constexpr size_t kScriptCount = 10;

struct Script {
  // The name of its file, for messages.
  absl::string_view name;
  absl::string_view text;
};

const Script& GetScript(ScriptId id);

}  // namespace dunlin

#endif  // DUNLIN_SYNC_SCRIPTS_H_
