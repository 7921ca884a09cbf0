#include "tests/chaos/faults.h"

#include <cstdlib>
#include <iostream>

#include "tests/support/wrong_clock.h"

namespace dunlin::chaos {

std::string WhyNotPossible(FaultKind kind) {
  if (kind == FaultKind::kClockOffset && !HasWrongClocks()) {
    return "libfaketime is not installed, or a sanitizer stands in its way";
  }
  return "";
}

std::unique_ptr<Fault> MakeFault(const PlannedFault& planned, World* world, History* history) {
  std::unique_ptr<Fault> fault = MakeReplicaFault(planned, world, history);
  if (fault == nullptr) {
    fault = MakeRedisFault(planned, world);
  }
  if (fault == nullptr) {
    fault = MakeNetworkFault(planned, world);
  }
  if (fault == nullptr) {
    std::cerr << "chaos: nobody makes the fault " << NameOf(planned.kind) << std::endl;
    std::abort();
  }
  return fault;
}

}  // namespace dunlin::chaos
