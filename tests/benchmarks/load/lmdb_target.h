#ifndef DUNLIN_TESTS_BENCHMARKS_LOAD_LMDB_TARGET_H_
#define DUNLIN_TESTS_BENCHMARKS_LOAD_LMDB_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "tests/benchmarks/load/load_target.h"
#include "tests/storage/bare_lmdb.h"

namespace dunlin::bench {

// LmdbTarget is LMDB by itself: each call reads a random key, or puts some random keys in one synced transaction, on
// the caller's thread, whose processor time is what the call costs.
//
// Thread-safety: one thread at a time.
class LmdbTarget final : public LoadTarget {
 public:
  // `database` holds the first `keys` of ManyKeys(). With `puts_per_call` of 0, calls read. Aborts the program when a
  // key is not there.
  LmdbTarget(BareLmdb* database, size_t keys, size_t puts_per_call)
      : database_(database), keys_(keys), puts_per_call_(puts_per_call) {}

  size_t slots() const override { return 1; }
  void Start(size_t slot) override;
  std::optional<Ended> Next(absl::Time deadline) override;

 private:
  uint64_t Random();

  BareLmdb* const database_;
  const size_t keys_;
  const size_t puts_per_call_;
  uint64_t state_ = 88172645463325252;
};

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_LOAD_LMDB_TARGET_H_
