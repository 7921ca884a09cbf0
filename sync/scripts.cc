#include "sync/scripts.h"

#include <array>

#include "sync/script_texts.h"

namespace dunlin {
namespace {

// In the order of ScriptId.
constexpr std::array<Script, kScriptCount> kScripts = {{
    {"mirror.lua", kMirrorText},
    {"conditional.lua", kConditionalText},
    {"changes.lua", kChangesText},
    {"position.lua", kPositionText},
    {"start_epoch.lua", kStartEpochText},
    {"records.lua", kRecordsText},
    {"missing.lua", kMissingText},
    {"collect.lua", kCollectText},
    {"reindex.lua", kReindexText},
    {"delivered.lua", kDeliveredText},
}};

static_assert(static_cast<size_t>(ScriptId::kDelivered) + 1 == kScriptCount);

}  // namespace

const Script& GetScript(ScriptId id) { return kScripts[static_cast<size_t>(id)]; }

}  // namespace dunlin
