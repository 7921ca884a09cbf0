#ifndef DUNLIN_TESTS_FUZZ_REPLY_CHECKS_H_
#define DUNLIN_TESTS_FUZZ_REPLY_CHECKS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "sync/redis_reply.h"

// Require that what was made of a reply is what stands in it; else they end the program, as DUNLIN_REQUIRE does.
namespace dunlin {

// `status` of a reply that was not understood.
void RequireLoss(const absl::Status& status);

// That the element `at` of `reply` is this.
void RequireNumber(const RedisReply& reply, size_t at, uint64_t number);
void RequireTime(const RedisReply& reply, size_t at, absl::Time time);
void RequireText(const RedisReply& reply, size_t at, absl::string_view text);
void RequireEpoch(const RedisReply& reply, size_t at, uint64_t epoch);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_FUZZ_REPLY_CHECKS_H_
