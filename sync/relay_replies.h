#ifndef DUNLIN_SYNC_RELAY_REPLIES_H_
#define DUNLIN_SYNC_RELAY_REPLIES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sync/redis_reply.h"
#include "sync/relay_types.h"

// Turns what the scripts answer into the types of a Relay. Each function takes a reply that is not an error.
// Errors: kDataLoss, naming what was expected: another version of the script, or something that is not Redis.
namespace dunlin {

// position.lua. Leaves master_replid empty.
absl::StatusOr<RelayPosition> ParsePosition(RedisReply reply);
// changes.lua
absl::StatusOr<RelayChangePage> ParseChangesPage(RedisReply reply);
// mirror.lua
// `items` is how many the batch has.
absl::StatusOr<MirrorReply> ParseMirrorReply(RedisReply reply, size_t items);
// conditional.lua
absl::StatusOr<ConditionalReply> ParseConditionalReply(RedisReply reply);
// start_epoch.lua
absl::StatusOr<EpochInForce> ParseEpochInForce(RedisReply reply);

// records.lua
absl::StatusOr<RelayRecords> ParseRecords(RedisReply reply);
// missing.lua
absl::StatusOr<MissingReply> ParseMissingReply(RedisReply reply);
// delivered.lua, asked for `stores` of them.
absl::StatusOr<DeliveredReply> ParseDelivered(RedisReply reply, size_t stores);
// collect.lua
absl::StatusOr<CollectReply> ParseCollectReply(RedisReply reply);
// reindex.lua
absl::StatusOr<ReindexReply> ParseReindexReply(RedisReply reply);

// The replication id in the answer to INFO replication; empty if it does not tell.
std::string ParseMasterReplid(absl::string_view info);
// The maxmemory-policy in the answer to INFO memory, if it makes Redis throw keys away that never expire, as Dunlin's;
// empty if it does not, or there is no limit to its memory.
std::string ParseEvictionPolicy(absl::string_view info);

}  // namespace dunlin

#endif  // DUNLIN_SYNC_RELAY_REPLIES_H_
