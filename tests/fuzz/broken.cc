// A fuzz target whose property does not hold of inputs that begin with "lie".

#include "absl/strings/match.h"
#include "tests/fuzz/fuzz_target.h"

namespace dunlin {
namespace {

Milestone long_input("an input of more than two bytes was seen");

void CheckBroken(absl::string_view input) {
  if (input.size() > 2) {
    long_input.Reach();
  }
  DUNLIN_REQUIRE(!absl::StartsWith(input, "lie"), "a lie was told");
}

}  // namespace
}  // namespace dunlin

DUNLIN_FUZZ_TARGET(dunlin::CheckBroken);
