#ifndef DUNLIN_TESTS_STORAGE_SCENARIO_H_
#define DUNLIN_TESTS_STORAGE_SCENARIO_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "storage/write.h"
#include "tests/storage/store_model.h"

namespace dunlin {

// Scenario makes up what may happen to a store, from a seed: few keys, few versions, small times, so that everything
// meets everything.
//
// Thread-safety: one thread at a time.
class Scenario {
 public:
  explicit Scenario(uint64_t seed) : random_(seed) {}

  // A number below `bound`.
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool OneIn(uint64_t chances) { return Below(chances) == 0; }

  std::string Key() { return std::string(1, static_cast<char>('a' + Below(8))); }

  // One to four mutations of different keys, or one with a precondition that has a fair chance to hold.
  LocalWrite Write(const StoreModel& model);

  // Up to six records of other stores and, now and then, of `store_id` itself: new, old, repeated or damaged.
  RemoteBatch Batch(const StoreModel& model, uint64_t store_id, uint64_t now_unix_ms);

  // How far the mirror may have come, and what was in the outbox on the way.
  MirrorProgress Progress(const StoreModel& model);

  EpochChange Epoch();

 private:
  std::mt19937_64 random_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_STORAGE_SCENARIO_H_
