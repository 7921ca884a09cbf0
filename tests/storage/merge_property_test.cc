// Goal (guarantee G3): stores that get the same records end the same, whatever the order in which they come, the
// batches in which they come together, and how often they come: merging is commutative, associative and idempotent in
// the store itself, not only in the rule that decides between two records. Method: properties (RapidCheck) over random
// values, deletions and expiries under few keys and few versions, so that equal versions of different contents are
// among them, given to real stores by their real committers.

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"
#include "storage/record.h"
#include "tests/storage/store_tester.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using Records = std::vector<VersionedRecord>;

Records SomeRecords() {
  Records records;
  const size_t count = *rc::gen::inRange<size_t>(1, 20);
  for (size_t i = 0; i < count; ++i) {
    const std::string key = absl::StrCat("key/", *rc::gen::inRange(0, 3));
    const Version version{*rc::gen::inRange<uint64_t>(1, 4), *rc::gen::inRange<uint64_t>(1, 3)};
    if (*rc::gen::inRange(0, 3) == 0) {
      records.push_back(RemoteDelete(key, version));
      continue;
    }
    // None, one that has passed, one that passes in this very millisecond, and one to come.
    const uint64_t expiry_unix_ms = *rc::gen::element<uint64_t>(
        0, 1, FakeClock::kStartUnixMillis, uint64_t{FakeClock::kStartUnixMillis} + uint64_t{1'000'000});
    records.push_back(RemotePut(key, version, *rc::gen::arbitrary<std::string>(), expiry_unix_ms));
  }
  return records;
}

// std::shuffle()'s result differs from one library to the next.
void Shuffle(std::mt19937_64* random, Records* records) {
  for (size_t left = records->size(); left > 1; --left) {
    std::swap((*records)[left - 1], (*records)[(*random)() % left]);
  }
}

// Gives `records` to the store, so many at a time as `random` draws.
void Apply(std::mt19937_64* random, const Records& records, StoreTester* store) {
  for (size_t first = 0; first < records.size();) {
    const size_t count = std::min<size_t>(records.size() - first, 1 + (*random)() % 5);
    const auto begin = records.begin() + static_cast<ptrdiff_t>(first);
    RC_ASSERT(store->Apply(Records(begin, begin + static_cast<ptrdiff_t>(count))).ok());
    first += count;
  }
}

// The record that has to be left of each key, told by the rule alone.
std::map<std::string, std::string> Winners(const Records& records) {
  std::map<std::string, std::string> winners;
  for (const VersionedRecord& record : records) {
    const auto [winner, is_first] = winners.try_emplace(record.key, record.encoded_record);
    if (!is_first && Supersedes(record.encoded_record, winner->second)) {
      winner->second = record.encoded_record;
    }
  }
  return winners;
}

RC_GTEST_PROP(MergePropertyTest, StoresThatGetTheSameRecordsInAnyOrderAndCompanyEndTheSame, ()) {
  const Records records = SomeRecords();
  std::mt19937_64 random(*rc::gen::arbitrary<uint64_t>());
  Records again = records;
  again.insert(again.end(), records.begin(), records.end());
  Shuffle(&random, &again);

  const TempDir one_directory;
  const TempDir other_directory;
  StoreTester one(one_directory.path());
  StoreTester other(other_directory.path());
  RC_ASSERT(one.opened().ok() && other.opened().ok());
  Apply(&random, records, &one);
  Apply(&random, again, &other);

  const StoreState state = one.state();
  const StoreState other_state = other.state();
  RC_ASSERT(state.digest == other_state.digest);
  RC_ASSERT(state.entries == other_state.entries);
  RC_ASSERT(state.tombstones == other_state.tombstones);
  for (const auto& [key, winner] : Winners(records)) {
    const absl::StatusOr<std::string> stored = one.store().GetRecord(key);
    const absl::StatusOr<std::string> other_stored = other.store().GetRecord(key);
    RC_ASSERT(stored.ok() && other_stored.ok());
    RC_ASSERT(*stored == winner);
    RC_ASSERT(*other_stored == winner);
  }
}

RC_GTEST_PROP(MergePropertyTest, WhatAStoreHasChangesNothingWhenItComesAgain, ()) {
  const Records records = SomeRecords();
  std::mt19937_64 random(*rc::gen::arbitrary<uint64_t>());
  const TempDir directory;
  StoreTester store(directory.path());
  RC_ASSERT(store.opened().ok());
  Apply(&random, records, &store);
  const uint64_t revision = store.state().revision;
  Apply(&random, records, &store);
  RC_ASSERT(store.state().revision == revision);
}

}  // namespace
}  // namespace dunlin
