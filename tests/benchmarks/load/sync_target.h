#ifndef DUNLIN_TESTS_BENCHMARKS_LOAD_SYNC_TARGET_H_
#define DUNLIN_TESTS_BENCHMARKS_LOAD_SYNC_TARGET_H_

#include <cstddef>
#include <optional>
#include <string>

#include "tests/benchmarks/load/load_target.h"

namespace dunlin::bench {

// SyncTarget is what a disk can do at best: each call writes a few hundred bytes behind the last ones into a file whose
// place on the disk is there already, and waits until they are on it (fdatasync). One at a time.
class SyncTarget final : public LoadTarget {
 public:
  // Makes the file `path`. Aborts the program when the disk fails.
  explicit SyncTarget(const std::string& path);
  ~SyncTarget() override;

  size_t slots() const override { return 1; }
  void Start(size_t slot) override;
  std::optional<Ended> Next(absl::Time deadline) override;

 private:
  const int descriptor_;
  size_t offset_ = 0;
};

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_LOAD_SYNC_TARGET_H_
