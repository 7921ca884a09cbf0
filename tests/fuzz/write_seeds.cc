// Writes the seeds of all fuzz targets into their folders of the checkout:
//
//   bazel run //tests/fuzz:write_seeds
//
// Seeds that are made no longer are removed; inputs that were found are left alone.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "absl/strings/match.h"
#include "tests/fuzz/seeds.h"

int main() {
  const char* const checkout = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (checkout == nullptr) {
    std::cerr << "Start it by `bazel run`, which tells where the checkout is.\n";
    return 2;
  }
  for (const auto& [target, seeds] : dunlin::AllSeeds()) {
    const std::filesystem::path folder = std::filesystem::path(checkout) / "tests/fuzz/corpus" / target;
    std::filesystem::create_directories(folder);
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (absl::StartsWith(entry.path().filename().string(), dunlin::kSeedPrefix)) {
        std::filesystem::remove(entry.path());
      }
    }
    for (const auto& [name, content] : seeds) {
      std::ofstream(folder / (dunlin::kSeedPrefix + name), std::ios::binary) << content;
    }
    std::cout << target << ": " << seeds.size() << " seeds\n";
  }
  return 0;
}
