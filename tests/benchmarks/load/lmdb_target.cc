#include "tests/benchmarks/load/lmdb_target.h"

#include <cstdlib>
#include <iostream>
#include <vector>

#include "tests/benchmarks/data_set.h"

namespace dunlin::bench {

void LmdbTarget::Start(size_t) {
  if (puts_per_call_ == 0) {
    if (!database_->Reads(ManyKeys(Random() % keys_))) {
      std::cerr << "bench: a key of LMDB is not there" << std::endl;
      std::abort();
    }
    return;
  }
  std::vector<BareLmdb::Pair> pairs;
  for (size_t i = 0; i < puts_per_call_; ++i) {
    const uint64_t random = Random();
    pairs.emplace_back(ManyKeys(random % keys_), DataSetValue(random));
  }
  database_->Put(pairs);
}

std::optional<LoadTarget::Ended> LmdbTarget::Next(absl::Time) { return Ended{0, true}; }

// xorshift64 (Marsaglia 2003).
uint64_t LmdbTarget::Random() {
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  return state_;
}

}  // namespace dunlin::bench
