#ifndef DUNLIN_TESTS_FUZZ_MUTATION_H_
#define DUNLIN_TESTS_FUZZ_MUTATION_H_

#include <cstdint>
#include <string>
#include <vector>

namespace dunlin {

// Changes one of `inputs` in a few places: bits, bytes, numbers; what is inserted, left out, repeated, or taken from
// another input. `seed` alone decides, the same on every machine.
// REQUIRES: !inputs.empty()
std::string Mutate(const std::vector<std::string>& inputs, uint64_t seed);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_FUZZ_MUTATION_H_
