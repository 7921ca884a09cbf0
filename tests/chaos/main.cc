// The chaos program: see tests/chaos/run.

#include <signal.h>

#include <atomic>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "tests/chaos/chaos_run.h"
#include "tests/chaos/options.h"
#include "tests/chaos/run_result.h"
#include "tests/chaos/small_disk.h"

namespace dunlin::chaos {
namespace {

constexpr int kViolatedExitCode = 1;
constexpr int kUsageExitCode = 2;
constexpr int kInterruptedExitCode = 130;

// Set by a signal. Relaxed is all that a handler needs: nothing else is passed on by it.
std::atomic<bool> interrupted{false};

void HandleSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted.store(true, std::memory_order_relaxed); };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGHUP, &action, nullptr);
}

int Main(const std::vector<std::string>& arguments) {
  const absl::StatusOr<CommandLine> line = ParseCommandLine(arguments);
  if (!line.ok()) {
    std::cerr << "tests/chaos/run: " << line.status().message() << "\n" << kUsage;
    return kUsageExitCode;
  }
  if (line->help) {
    std::cout << kUsage;
    return 0;
  }
  HandleSignals();
  ChaosRun::Options options;
  options.seed = line->seed.value_or(std::random_device()());
  options.replicas = line->replicas;
  options.operations_per_second = line->operations_per_second;
  options.cycles = line->cycles;
  options.duration = absl::Minutes(line->minutes);
  options.only = line->only;
  options.interrupted = &interrupted;
  options.report = [](const std::string& text) { std::cout << text << std::endl; };
  const absl::Status own_mounts = EnterOwnMountNamespace();
  options.small_disk = own_mounts.ok();
  if (!own_mounts.ok()) {
    std::cout << "no disk can be filled up here (" << own_mounts.message() << "): a small quota takes its place\n";
  }
  std::cout << "seed " << options.seed << std::endl;
  const RunResult result = ChaosRun(options).Run();
  for (const auto& [kind, reason] : result.left_out) {
    if (line->only.empty()) {
      std::cout << "left out: " << kind << " (" << reason << ")\n";
    }
  }
  for (const std::string& violation : result.violations) {
    std::cout << "VIOLATION: " << violation << "\n";
  }
  if (!line->json_path.empty() && !(std::ofstream(line->json_path) << ToJson(result))) {
    std::cerr << "tests/chaos/run: --json " << line->json_path << " cannot be written\n";
  }
  std::cout << Summarise(result) << std::endl;
  if (!result.violations.empty()) {
    return kViolatedExitCode;
  }
  return result.interrupted ? kInterruptedExitCode : 0;
}

}  // namespace
}  // namespace dunlin::chaos

int main(int argc, char** argv) { return dunlin::chaos::Main({argv + 1, argv + argc}); }
