#ifndef DUNLIN_TESTS_FUZZ_REPLY_TREE_H_
#define DUNLIN_TESTS_FUZZ_REPLY_TREE_H_

#include <string>

#include "sync/redis_reply.h"
#include "tests/fuzz/byte_source.h"

// Replies of Redis as the bytes of a fuzzer's input, in a form in which every mutation is some reply; and as Redis
// sends them.
namespace dunlin {

// Arrays inside of arrays; hiredis reads no deeper ones, and our scripts answer with two.
inline constexpr int kReplyDepthMax = 7;

// Reads one reply. Any bytes make one.
RedisReply ReadReplyTree(ByteSource* source, int depth_max = kReplyDepthMax);

// The inverse, for seeds.
// REQUIRES: texts of at most 255 bytes, arrays of at most 255 elements, at most kReplyDepthMax of them in each other.
std::string WriteReplyTree(const RedisReply& reply);

// As Redis sends it, in RESP2.
// REQUIRES: no line end in the text of a status or an error.
std::string EncodeResp(const RedisReply& reply);

bool IsSameReply(const RedisReply& a, const RedisReply& b);

// In few words.
RedisReply NilReply();
RedisReply IntegerReply(int64_t integer);
RedisReply TextReply(std::string text);
RedisReply StatusReply(std::string text);
RedisReply ErrorReply(std::string text);
RedisReply ArrayReply(std::vector<RedisReply> elements);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_FUZZ_REPLY_TREE_H_
