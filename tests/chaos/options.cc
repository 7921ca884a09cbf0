#include "tests/chaos/options.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/status_macros.h"

namespace dunlin::chaos {
namespace {

constexpr double kMinutesMax = 24 * 60;
constexpr uint64_t kCyclesMax = 10000;
constexpr size_t kReplicasMin = 3;
constexpr size_t kReplicasMax = 5;
constexpr double kRateMax = 20000;

absl::Status ParseNumber(const std::string& text, double min, double max, double* number) {
  double parsed = 0;
  if (!absl::SimpleAtod(text, &parsed) || !(parsed >= min && parsed <= max)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not a number from ", min, " to ", max));
  }
  *number = parsed;
  return absl::OkStatus();
}

template <typename T>
absl::Status ParseCount(const std::string& text, uint64_t min, uint64_t max, T* count) {
  uint64_t parsed = 0;
  if (!absl::SimpleAtoi(text, &parsed) || parsed < min || parsed > max) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not a whole number from ", min, " to ", max));
  }
  *count = static_cast<T>(parsed);
  return absl::OkStatus();
}

absl::Status ParseKinds(const std::string& text, std::vector<FaultKind>* kinds) {
  for (const absl::string_view name : absl::StrSplit(text, ',')) {
    size_t kind = 0;
    while (kind < kFaultKinds && NameOf(static_cast<FaultKind>(kind)) != name) {
      ++kind;
    }
    if (kind == kFaultKinds) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", name, "\" is no kind of fault, such as ", NameOf(FaultKind::kReplicaKill)));
    }
    kinds->push_back(static_cast<FaultKind>(kind));
  }
  return absl::OkStatus();
}

absl::Status Apply(const std::string& name, const std::string& value, CommandLine* line) {
  if (name == "--minutes") {
    return ParseNumber(value, 0.01, kMinutesMax, &line->minutes);
  }
  if (name == "--cycles") {
    return ParseCount(value, 1, kCyclesMax, &line->cycles);
  }
  if (name == "--seed") {
    return ParseCount(value, 0, UINT64_MAX, &line->seed);
  }
  if (name == "--replicas") {
    return ParseCount(value, kReplicasMin, kReplicasMax, &line->replicas);
  }
  if (name == "--rate") {
    return ParseNumber(value, 1, kRateMax, &line->operations_per_second);
  }
  if (name == "--only") {
    return ParseKinds(value, &line->only);
  }
  if (name == "--json") {
    line->json_path = value;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("there is no such option; --help lists them");
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine line;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::pair<std::string, std::string> option = absl::StrSplit(arguments[i], absl::MaxSplits('=', 1));
    if (option.first == "--help" || option.first == "-h") {
      line.help = true;
      return line;
    }
    if (arguments[i].find('=') == std::string::npos) {
      if (i + 1 == arguments.size()) {
        return absl::InvalidArgumentError(absl::StrCat(option.first, ": a value has to follow; --help lists options"));
      }
      option.second = arguments[++i];
    }
    const absl::Status status = Apply(option.first, option.second, &line);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(option.first, ": ", status.message()));
    }
  }
  return line;
}

}  // namespace dunlin::chaos
