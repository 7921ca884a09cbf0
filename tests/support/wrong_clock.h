#ifndef DUNLIN_TESTS_SUPPORT_WRONG_CLOCK_H_
#define DUNLIN_TESTS_SUPPORT_WRONG_CLOCK_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace dunlin {

// Whether a process can be given a wrong clock here: Debian's libfaketime is installed, and no sanitizer has to be
// loaded before it.
bool HasWrongClocks();

// The environment, as NAME=value, of a process whose time of day is off by `offset`. Its monotonic clock is right, as
// every machine's is.
// REQUIRES: HasWrongClocks().
std::vector<std::string> WrongClockEnvironment(absl::Duration offset);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_WRONG_CLOCK_H_
