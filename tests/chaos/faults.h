#ifndef DUNLIN_TESTS_CHAOS_FAULTS_H_
#define DUNLIN_TESTS_CHAOS_FAULTS_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "tests/chaos/history.h"
#include "tests/chaos/schedule.h"
#include "tests/chaos/world.h"

namespace dunlin::chaos {

// A Fault is made on a World and taken back again.
//
// Thread-safety: one thread at a time.
class Fault {
 public:
  virtual ~Fault() = default;

  // Errors: kInternal when a process behaved as it never should; the run then has failed.
  virtual absl::Status Begin() = 0;
  // When it returns, nothing stands in the way of the fleet any more: all that has to run runs, and Redis has a primary
  // that the sentinels name.
  virtual absl::Status End() = 0;
};

// Whether the fault can be made on this machine; if not, why, for people.
std::string WhyNotPossible(FaultKind kind);

// `world` and `history` must outlive the result. The history takes the writes that fill a disk.
std::unique_ptr<Fault> MakeFault(const PlannedFault& planned, World* world, History* history);

// The three families of faults, each in a file of its own; null for a fault of another family.
std::unique_ptr<Fault> MakeReplicaFault(const PlannedFault& planned, World* world, History* history);
std::unique_ptr<Fault> MakeRedisFault(const PlannedFault& planned, World* world);
std::unique_ptr<Fault> MakeNetworkFault(const PlannedFault& planned, World* world);

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_FAULTS_H_
