#ifndef DUNLIN_TESTS_BENCHMARKS_LOAD_LOAD_TARGET_H_
#define DUNLIN_TESTS_BENCHMARKS_LOAD_LOAD_TARGET_H_

#include <cstddef>
#include <optional>

#include "absl/time/time.h"

namespace dunlin::bench {

// LoadTarget is a server as the load generator sees it, whatever it speaks: calls are started in slots, and end.
//
// Thread-safety: one thread at a time.
class LoadTarget {
 public:
  struct Ended {
    size_t slot = 0;
    bool ok = false;
  };

  virtual ~LoadTarget() = default;

  // How many calls may be under way.
  virtual size_t slots() const = 0;

  // Starts a call and returns at once. REQUIRES: the slot, below slots(), has none under way.
  virtual void Start(size_t slot) = 0;

  // Waits until a call ends and tells which, or nothing when `deadline` comes first.
  virtual std::optional<Ended> Next(absl::Time deadline) = 0;
};

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_LOAD_LOAD_TARGET_H_
