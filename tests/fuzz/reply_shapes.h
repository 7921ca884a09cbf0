#ifndef DUNLIN_TESTS_FUZZ_REPLY_SHAPES_H_
#define DUNLIN_TESTS_FUZZ_REPLY_SHAPES_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "sync/redis_reply.h"

// The shapes in which our scripts answer, as the heads of sync/scripts/*.lua describe them. More elements than
// described are no harm: a later script may say more.
namespace dunlin {

// How many items the batches have whose answers are read.
inline constexpr int64_t kBatchItems = 3;

bool IsPosition(const RedisReply& reply);
bool IsChangesPage(const RedisReply& reply);
bool IsMirrorReply(const RedisReply& reply);
bool IsConditionalReply(const RedisReply& reply);
bool IsEpochInForce(const RedisReply& reply);
bool IsRecords(const RedisReply& reply);
bool IsMissingReply(const RedisReply& reply);
bool IsCollectReply(const RedisReply& reply);
bool IsReindexReply(const RedisReply& reply);

// Whether it is an array that begins with the string `word`.
bool Says(const RedisReply& reply, absl::string_view word);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_FUZZ_REPLY_SHAPES_H_
