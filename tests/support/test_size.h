#ifndef DUNLIN_TESTS_SUPPORT_TEST_SIZE_H_
#define DUNLIN_TESTS_SUPPORT_TEST_SIZE_H_

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace dunlin {

// Whether the programmes are to be long ones (tests/run --long), and whether what runs is compiled with a sanitizer.
inline bool IsLong() {
  const char* is_long = std::getenv("DUNLIN_LONG");
  return is_long != nullptr && std::string(is_long) == "1";
}
inline bool IsSanitized() { return std::getenv("DUNLIN_SANITIZED") != nullptr; }

// The seeds of a randomised test: 1 to `count`, and `long_factor` times as many with DUNLIN_LONG=1 in the environment.
// DUNLIN_SEED=N runs the one seed that a failure has named, DUNLIN_SEEDS=M-N a part of a long run.
inline std::vector<uint64_t> TestSeeds(int count, int long_factor = 50) {
  if (const char* seed = std::getenv("DUNLIN_SEED")) {
    return {std::strtoull(seed, nullptr, 10)};
  }
  if (IsLong()) {
    count *= long_factor;
  }
  uint64_t first = 1;
  uint64_t last = static_cast<uint64_t>(count);
  if (const char* part = std::getenv("DUNLIN_SEEDS")) {
    char* dash = nullptr;
    first = std::strtoull(part, &dash, 10);
    last = *dash == '-' ? std::strtoull(dash + 1, nullptr, 10) : first;
  }
  std::vector<uint64_t> seeds;
  for (uint64_t seed = first; seed <= last; ++seed) {
    seeds.push_back(seed);
  }
  return seeds;
}

// How often a test repeats what differs by its seed alone: `plain` times, or `sanitized` times under a sanitizer, which
// looks for what each repetition shows alike and makes it several times slower.
inline int TestRepetitions(int plain, int sanitized) { return IsSanitized() ? sanitized : plain; }

// The writes per second that a test of load has to sustain: `plain`, or `sanitized` under a sanitizer.
// DUNLIN_WRITES_PER_SECOND=N demands another rate of a machine that is too slow, or very fast.
inline double TestWritesPerSecond(double plain, double sanitized) {
  if (const char* rate = std::getenv("DUNLIN_WRITES_PER_SECOND")) {
    return std::strtod(rate, nullptr);
  }
  return IsSanitized() ? sanitized : plain;
}

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_TEST_SIZE_H_
