#ifndef DUNLIN_SYNC_REDIS_REPLY_H_
#define DUNLIN_SYNC_REDIS_REPLY_H_

#include <cstdint>
#include <string>
#include <vector>

namespace dunlin {

// One reply of Redis (protocol RESP2), with all that is inside.
//
// Thread-safety: a plain value.
struct RedisReply {
  enum class Type {
    kNil,
    kInteger,  // `integer`
    kString,   // `text`, any bytes
    kStatus,   // `text`, such as "OK"
    kError,    // `text`, such as "NOSCRIPT No matching script."; see sync/redis_error.h
    kArray,    // `elements`
  };

  bool is_error() const { return type == Type::kError; }

  Type type = Type::kNil;
  int64_t integer = 0;
  std::string text;
  std::vector<RedisReply> elements;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_REDIS_REPLY_H_
