// Goal (guarantees G1 to G4, G6 to G8, G10, G12): under every kind of fault, nothing acknowledged is lost, the fleet
// becomes equal within 10 s, watch streams are right, no process ends by itself, memory stays bounded.
// Method: real processes, as tests/chaos/run starts them: two cycles of each kind of fault; with DUNLIN_LONG=1 an hour,
// in which faults overlap; under a sanitizer one cycle, with patience, for what the sanitizer finds. DUNLIN_SEED=N
// repeats the order of faults that a failure has named.

#include <cstdlib>
#include <iostream>
#include <string>

#include "gtest/gtest.h"
#include "tests/chaos/chaos_run.h"
#include "tests/chaos/run_result.h"
#include "tests/chaos/small_disk.h"
#include "tests/support/test_size.h"

namespace dunlin::chaos {
namespace {

constexpr uint64_t kSeedDefault = 1;
constexpr uint64_t kCycles = 2;

TEST(Chaos, NothingAcknowledgedIsLost) {
  ChaosRun::Options options;
  const char* seed = std::getenv("DUNLIN_SEED");
  options.seed = seed != nullptr ? std::strtoull(seed, nullptr, 10) : kSeedDefault;
  options.small_disk = EnterOwnMountNamespace().ok();
  options.report = [](const std::string& text) { std::cout << text << std::endl; };
  if (IsLong()) {
    options.duration = absl::Hours(1);
  } else {
    options.cycles = kCycles;
  }
  if (IsSanitized()) {
    // Instrumented programs are several times slower, and larger.
    options.cycles = 1;
    options.operations_per_second /= 4;
    options.convergence_max *= 3;
    options.resident_max_bytes *= 4;
  }
  const RunResult result = ChaosRun(options).Run();
  std::cout << Summarise(result) << std::endl;
  for (const auto& [kind, reason] : result.left_out) {
    std::cout << "left out: " << kind << " (" << reason << ")" << std::endl;
  }
  for (const std::string& violation : result.violations) {
    ADD_FAILURE() << "DUNLIN_SEED=" << options.seed << ": " << violation;
  }
  EXPECT_GT(result.acknowledged_total(), 0u);
}

}  // namespace
}  // namespace dunlin::chaos
