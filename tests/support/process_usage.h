#ifndef DUNLIN_TESTS_SUPPORT_PROCESS_USAGE_H_
#define DUNLIN_TESTS_SUPPORT_PROCESS_USAGE_H_

#include <sys/types.h>

#include <cstdint>

#include "absl/time/time.h"

// What a running process takes, as the kernel tells it (proc(5)). Both abort the program when it does not tell, as of a
// process that has ended.
namespace dunlin {

// Its anonymous memory that is resident: what it has allocated, without the pages of its files.
int64_t AnonymousBytes(pid_t pid);

// The processor time that it has used so far, of user and system, in steps of a clock tick (10 ms).
absl::Duration ProcessorTime(pid_t pid);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_PROCESS_USAGE_H_
