#ifndef DUNLIN_TESTS_BENCHMARKS_LOAD_BATCH_SCRIPT_TARGET_H_
#define DUNLIN_TESTS_BENCHMARKS_LOAD_BATCH_SCRIPT_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "sync/redis_connection.h"
#include "sync/redis_url.h"
#include "tests/benchmarks/load/load_target.h"

namespace dunlin::bench {

// BatchScriptTarget is the least that Redis has to do for a batch of replicated writes: a script that compares what is
// stored, stores what is newer in a hash, puts it at the end of an index, counts, and publishes all of it. Calls are
// pipelined over one connection; nobody subscribes.
//
// Thread-safety: one thread at a time.
class BatchScriptTarget final : public LoadTarget {
 public:
  // `keys_max` keys are written by turns, `writes_per_call` by each call. Aborts the program when Redis does not
  // answer; so do the calls.
  BatchScriptTarget(const RedisEndpoint& endpoint, size_t slots, size_t writes_per_call, size_t keys_max);

  size_t slots() const override { return slots_; }
  void Start(size_t slot) override;
  std::optional<Ended> Next(absl::Time deadline) override;

 private:
  const size_t slots_;
  const size_t writes_per_call_;
  const size_t keys_max_;
  RedisConnection connection_;
  std::string sha_;
  // Written so far: the next version.
  uint64_t written_ = 0;
  // Redis answers in the order of the calls.
  std::deque<size_t> under_way_;
};

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_LOAD_BATCH_SCRIPT_TARGET_H_
