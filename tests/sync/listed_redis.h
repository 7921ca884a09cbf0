#ifndef DUNLIN_TESTS_SYNC_LISTED_REDIS_H_
#define DUNLIN_TESTS_SYNC_LISTED_REDIS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "storage/record.h"
#include "sync/epoch.h"
#include "sync/relay_types.h"

namespace dunlin {

using Entries = std::map<std::string, std::string>;

// Whether all of `part` are in `whole`, in this or a newer version.
inline testing::AssertionResult Covers(const Entries& whole, const Entries& part) {
  for (const auto& [key, record] : part) {
    const auto found = whole.find(key);
    if (found == whole.end() || (found->second != record && !Supersedes(found->second, record))) {
      return testing::AssertionFailure() << key << " is missing or older";
    }
  }
  return testing::AssertionSuccess();
}

// ListedRedis is Redis as a list: the write of each sequence, in one epoch after the other.
//
// Thread-safety: one thread at a time.
struct ListedRedis {
  uint64_t epoch = kNoEpoch;
  uint64_t sequence = 0;
  std::string fleet_id;
  int primary = 1;
  // It gives out sequences again that it has forgotten: what a position means is open until the next epoch.
  bool repeats_sequences = false;
  // By key, and by sequence.
  std::map<std::string, std::pair<uint64_t, std::string>> entries;

  Entries UpTo(uint64_t upto) const {
    Entries result;
    for (const auto& [key, entry] : entries) {
      if (entry.first <= upto) {
        result[key] = entry.second;
      }
    }
    return result;
  }

  // A page of the changes after `after`, of at most `entries_max`.
  RelayChangePage ChangesAfter(uint64_t after, size_t entries_max) const {
    std::map<uint64_t, std::string> by_sequence;
    for (const auto& [key, entry] : entries) {
      if (entry.first > after) {
        by_sequence[entry.first] = key;
      }
    }
    RelayChangePage page;
    page.epoch = epoch;
    page.sequence = sequence;
    page.complete = by_sequence.size() <= entries_max;
    for (const auto& [sequence_of_key, key] : by_sequence) {
      if (page.changes.size() == entries_max) {
        break;
      }
      page.changes.push_back({key, entries.at(key).second});
      page.covered_sequence = sequence_of_key;
    }
    if (page.complete) {
      page.covered_sequence = sequence;
    }
    return page;
  }

  // The same, of the orders alone.
  RelayChangePage OrdersAfter(uint64_t after, size_t entries_max) const {
    RelayChangePage page = ChangesAfter(after, entries_max);
    for (RelayChange& change : page.changes) {
      change.record = RecordOrder(change.record);
    }
    return page;
  }
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SYNC_LISTED_REDIS_H_
