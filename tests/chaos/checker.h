#ifndef DUNLIN_TESTS_CHAOS_CHECKER_H_
#define DUNLIN_TESTS_CHAOS_CHECKER_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/types.h"
#include "tests/chaos/history.h"

namespace dunlin::chaos {

// What is stored under a key.
//
// Thread-safety: a plain value.
struct Stored {
  client::Version version;
  Content content;
  std::optional<absl::Time> expires_at;
};

// All that one replica, or Redis, holds at a moment.
//
// Thread-safety: a plain value.
struct Holdings {
  std::string name;
  // Of a replica, the entries that can be read; of Redis, tombstones and expired records too.
  std::map<std::string, Stored> entries;
  // Of a replica: proves that it has the same entries as another.
  std::string digest;
  // An entry may have expired at any moment between these two.
  absl::Time read_from;
  absl::Time read_until;
};

// Holds what is stored against what was promised, at a moment when nobody writes. Returns what is wrong, one sentence
// each; nothing if all is well:
//
//  - Redis holds each acknowledged write, or one of a higher version under its key, and a record of an acknowledged
//    version holds what was acknowledged;
//  - a record of a higher version is one of those that may have taken place, and none of those that were refused;
//  - each replica holds what Redis holds, with the same versions, and neither more (what was deleted has come back) nor
//    less (what was written is lost);
//  - all digests are equal.
std::vector<std::string> CheckHoldings(const History& history, const Holdings& redis,
                                       const std::vector<Holdings>& replicas);

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_CHECKER_H_
