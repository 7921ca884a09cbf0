#include "tests/fuzz/reply_shapes.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "storage/version.h"

namespace dunlin {
namespace {

using Type = RedisReply::Type;

bool IsEpoch(const RedisReply& reply) {
  const bool digits = std::all_of(reply.text.begin(), reply.text.end(),
                                  [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  return reply.type == Type::kString && digits && (reply.text.empty() || reply.text.size() == 16);
}

bool IsCursor(const RedisReply& reply) {
  uint64_t cursor = 0;
  const bool digits = std::all_of(reply.text.begin(), reply.text.end(), absl::ascii_isdigit);
  return reply.type == Type::kString && digits && absl::SimpleAtoi(reply.text, &cursor);
}

bool HasShape(const RedisReply& reply, char shape) {
  switch (shape) {
    case 'E':
      return IsEpoch(reply);
    case 'N':
      return reply.type == Type::kInteger && reply.integer >= 0;
    case '1':  // A position in a list of Lua's.
      return reply.type == Type::kInteger && reply.integer >= 1;
    case 'C':  // A cursor of HSCAN.
      return IsCursor(reply);
    case 'T':
      return reply.type == Type::kString;
    case 't':  // The time of a version, or of none.
      return reply.type == Type::kString && (reply.text.empty() || reply.text.size() == 8);
    case 'V':  // A record, at least as far as its version.
      return reply.type == Type::kString && reply.text.size() >= kVersionSizeBytes;
    default:
      return false;
  }
}

// Whether the elements from `first` on begin with `shapes`, one letter each.
bool Has(const RedisReply& reply, size_t first, absl::string_view shapes) {
  if (reply.type != Type::kArray || reply.elements.size() < first + shapes.size()) {
    return false;
  }
  return std::equal(shapes.begin(), shapes.end(), reply.elements.begin() + first,
                    [](char shape, const RedisReply& element) { return HasShape(element, shape); });
}

// What follows "OK" in the answer to a batch.
bool IsAppliedBatch(const RedisReply& reply) {
  if (!Has(reply, 1, "ENNN")) {
    return false;
  }
  int64_t last_position = 0;
  int64_t stored = kBatchItems;
  for (size_t i = 5; i < reply.elements.size(); i += 3) {
    if (!Has(reply, i, "NN") || !Has(reply, i + 2, reply.elements[i + 1].integer == 1 ? "N" : "T")) {
      return false;
    }
    const int64_t position = reply.elements[i].integer;
    const int64_t outcome = reply.elements[i + 1].integer;
    if (position <= last_position || position > kBatchItems || outcome < 1 || outcome > 3) {
      return false;
    }
    last_position = position;
    stored -= outcome == 3 ? 0 : 1;
  }
  return reply.elements[2].integer - stored == reply.elements[4].integer;
}

}  // namespace

// A sum is written as an epoch is.
bool IsPosition(const RedisReply& reply) { return Has(reply, 0, "ENNTNNNETNN"); }

bool IsChangesPage(const RedisReply& reply) {
  if (!Has(reply, 0, "ENNNNN")) {
    return false;
  }
  for (size_t i = 6; i < reply.elements.size(); i += 2) {
    if (!Has(reply, i, "TT")) {
      return false;
    }
  }
  return true;
}

bool IsMirrorReply(const RedisReply& reply) {
  if (Says(reply, "OK")) {
    return IsAppliedBatch(reply);
  }
  if (Says(reply, "CLOCK")) {
    return Has(reply, 1, "N1") && std::all_of(reply.elements.begin() + 3, reply.elements.end(),
                                              [](const RedisReply& time) { return HasShape(time, 't'); });
  }
  return (Says(reply, "EPOCH") && Has(reply, 1, "E")) || (Says(reply, "LATE") && Has(reply, 1, "N"));
}

bool IsConditionalReply(const RedisReply& reply) {
  return (Says(reply, "OK") && Has(reply, 1, "ENN")) || (Says(reply, "CONDITION") && Has(reply, 1, "T")) ||
         (Says(reply, "STALE") && Has(reply, 1, "V")) || (Says(reply, "EPOCH") && Has(reply, 1, "E")) ||
         ((Says(reply, "CLOCK") || Says(reply, "LATE")) && Has(reply, 1, "N"));
}

bool IsEpochInForce(const RedisReply& reply) { return Has(reply, 0, "EN"); }

bool IsRecords(const RedisReply& reply) {
  return Has(reply, 0, "ET") && std::all_of(reply.elements.begin() + 1, reply.elements.end(),
                                            [](const RedisReply& element) { return HasShape(element, 'T'); });
}

bool IsMissingReply(const RedisReply& reply) {
  if ((!Says(reply, "OK") && !Says(reply, "EPOCH")) || !Has(reply, 1, "E")) {
    return false;
  }
  int64_t last = 0;
  for (size_t i = 2; i < reply.elements.size(); ++i) {
    if (!HasShape(reply.elements[i], '1') || reply.elements[i].integer <= last) {
      return false;
    }
    last = reply.elements[i].integer;
  }
  return true;
}

bool IsCollectReply(const RedisReply& reply) {
  return (Says(reply, "OK") && Has(reply, 1, "ENNN")) || (Says(reply, "EPOCH") && Has(reply, 1, "E"));
}

bool IsReindexReply(const RedisReply& reply) {
  return (Says(reply, "OK") && Has(reply, 1, "ENC")) || (Says(reply, "EPOCH") && Has(reply, 1, "E"));
}

bool Says(const RedisReply& reply, absl::string_view word) {
  return Has(reply, 0, "T") && reply.elements[0].text == word;
}

}  // namespace dunlin
