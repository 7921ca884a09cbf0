#ifndef DUNLIN_TESTS_CHAOS_OPTIONS_H_
#define DUNLIN_TESTS_CHAOS_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/chaos/schedule.h"

namespace dunlin::chaos {

// The command line of the chaos program; kUsage explains it.
//
// Thread-safety: a plain value.
struct CommandLine {
  double minutes = 5;
  // 0: as long as `minutes` last.
  uint64_t cycles = 0;
  // Nothing: a random one.
  std::optional<uint64_t> seed;
  size_t replicas = 3;
  double operations_per_second = 400;
  // Empty: all.
  std::vector<FaultKind> only;
  // Empty: none is written.
  std::string json_path;
  bool help = false;
};

inline constexpr char kUsage[] =
    "  --minutes M   how long; default 5\n"
    "  --cycles C    C cycles of every kind of fault instead, one fault at a time\n"
    "  --seed S      the order of the faults, and what is written; default: a random one, which is printed\n"
    "  --replicas N  3 to 5; default 3\n"
    "  --rate OPS    operations a second, 1 to 20000; default 400\n"
    "  --only KINDS  the kinds of faults, as the run calls them, with commas between; default: all\n"
    "  --json FILE   writes the result there as well\n";

// Errors: kInvalidArgument, naming the option, the value and what is allowed.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_OPTIONS_H_
