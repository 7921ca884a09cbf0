#include "tests/fuzz/fuzz_target.h"

#include <cstdlib>
#include <iostream>

namespace dunlin {

void PropertyBroken(absl::string_view file, int line, absl::string_view property, absl::string_view detail) {
  std::cerr << file << ":" << line << ": broken: " << property << "\n  " << detail << std::endl;
  std::abort();
}

std::vector<const Milestone*>& Milestone::Mutable() {
  static auto* const milestones = new std::vector<const Milestone*>();
  return *milestones;
}

// FNV-1a: any hash would do that is the same everywhere.
size_t PickBelow(size_t bound, absl::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
  }
  return static_cast<size_t>(hash % bound);
}

}  // namespace dunlin
