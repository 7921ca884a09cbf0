// Goal: fuzzing begins with what this version of the program encodes, not with what an older one did. Method: the kept
// seeds are compared with those that are made now.

#include "tests/fuzz/seeds.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

Seeds KeptSeeds(const std::string& target) {
  Seeds kept;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/corpus/" + target)) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, kSeedPrefix)) {
      std::ifstream file(entry.path(), std::ios::binary);
      kept[std::string(absl::StripPrefix(name, kSeedPrefix))] = std::string(std::istreambuf_iterator<char>(file), {});
    }
  }
  return kept;
}

TEST(Seeds, AreUpToDate) {
  for (const auto& [target, seeds] : AllSeeds()) {
    const Seeds kept = KeptSeeds(target);
    for (const auto& [name, content] : seeds) {
      const auto found = kept.find(name);
      EXPECT_TRUE(found != kept.end() && found->second == content)
          << target << "/" << kSeedPrefix << name << ": run `bazel run //tests/fuzz:write_seeds`";
    }
    EXPECT_EQ(kept.size(), seeds.size()) << target << ": run `bazel run //tests/fuzz:write_seeds`";
  }
}

}  // namespace
}  // namespace dunlin
