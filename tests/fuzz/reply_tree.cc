#include "tests/fuzz/reply_tree.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"

namespace dunlin {
namespace {

using Type = RedisReply::Type;

// The first byte of a reply. Numbers of Redis are mostly small, so that these have a form of their own.
enum Tag : uint8_t { kNil, kSmallInteger, kInteger, kString, kStatus, kError, kArray, kTags };

Tag TagOf(const RedisReply& reply) {
  switch (reply.type) {
    case Type::kNil:
      return kNil;
    case Type::kInteger:
      return reply.integer >= 0 && reply.integer <= UINT8_MAX ? kSmallInteger : kInteger;
    case Type::kString:
      return kString;
    case Type::kStatus:
      return kStatus;
    case Type::kError:
      return kError;
    case Type::kArray:
      return kArray;
  }
  return kNil;
}

RedisReply Make(Type type, int64_t integer, std::string text, std::vector<RedisReply> elements) {
  RedisReply reply;
  reply.type = type;
  reply.integer = integer;
  reply.text = std::move(text);
  reply.elements = std::move(elements);
  return reply;
}

}  // namespace

RedisReply ReadReplyTree(ByteSource* source, int depth_max) {
  switch (source->Byte() % kTags) {
    case kSmallInteger:
      return IntegerReply(source->Byte());
    case kInteger:
      return IntegerReply(static_cast<int64_t>(source->Number()));
    case kString:
      return TextReply(std::string(source->Text()));
    case kStatus:
      return StatusReply(std::string(source->Text()));
    case kError:
      return ErrorReply(std::string(source->Text()));
    case kArray: {
      RedisReply array = ArrayReply({});
      for (int left = source->Byte(); left > 0 && depth_max > 0 && !source->empty(); --left) {
        array.elements.push_back(ReadReplyTree(source, depth_max - 1));
      }
      return array;
    }
    default:
      return NilReply();
  }
}

std::string WriteReplyTree(const RedisReply& reply) {
  const Tag tag = TagOf(reply);
  std::string bytes(1, static_cast<char>(tag));
  if (tag == kSmallInteger) {
    bytes.push_back(static_cast<char>(reply.integer));
  } else if (tag == kInteger) {
    AppendBigEndian64(static_cast<uint64_t>(reply.integer), &bytes);
  } else if (tag == kArray) {
    assert(reply.elements.size() <= UINT8_MAX);
    bytes.push_back(static_cast<char>(reply.elements.size()));
    for (const RedisReply& element : reply.elements) {
      absl::StrAppend(&bytes, WriteReplyTree(element));
    }
  } else if (tag != kNil) {
    assert(reply.text.size() <= UINT8_MAX);
    bytes.push_back(static_cast<char>(reply.text.size()));
    absl::StrAppend(&bytes, reply.text);
  }
  return bytes;
}

std::string EncodeResp(const RedisReply& reply) {
  switch (reply.type) {
    case Type::kNil:
      return "$-1\r\n";
    case Type::kInteger:
      return absl::StrCat(":", reply.integer, "\r\n");
    case Type::kString:
      return absl::StrCat("$", reply.text.size(), "\r\n", reply.text, "\r\n");
    case Type::kStatus:
      return absl::StrCat("+", reply.text, "\r\n");
    case Type::kError:
      return absl::StrCat("-", reply.text, "\r\n");
    case Type::kArray:
      break;
  }
  std::string bytes = absl::StrCat("*", reply.elements.size(), "\r\n");
  for (const RedisReply& element : reply.elements) {
    absl::StrAppend(&bytes, EncodeResp(element));
  }
  return bytes;
}

bool IsSameReply(const RedisReply& a, const RedisReply& b) {
  return a.type == b.type && a.integer == b.integer && a.text == b.text &&
         std::equal(a.elements.begin(), a.elements.end(), b.elements.begin(), b.elements.end(), IsSameReply);
}

RedisReply NilReply() { return RedisReply(); }
RedisReply IntegerReply(int64_t integer) { return Make(Type::kInteger, integer, "", {}); }
RedisReply TextReply(std::string text) { return Make(Type::kString, 0, std::move(text), {}); }
RedisReply StatusReply(std::string text) { return Make(Type::kStatus, 0, std::move(text), {}); }
RedisReply ErrorReply(std::string text) { return Make(Type::kError, 0, std::move(text), {}); }
RedisReply ArrayReply(std::vector<RedisReply> elements) { return Make(Type::kArray, 0, "", std::move(elements)); }

}  // namespace dunlin
