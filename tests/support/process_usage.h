#ifndef DUNLIN_TESTS_SUPPORT_PROCESS_USAGE_H_
#define DUNLIN_TESTS_SUPPORT_PROCESS_USAGE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/time/time.h"

// What a running process takes, and does, as the kernel tells it (proc(5)). The first two abort the program when it
// does not tell, as of a process that has ended.
namespace dunlin {

// Its anonymous memory that is resident: what it has allocated, without the pages of its files.
int64_t AnonymousBytes(pid_t pid);

// The processor time that all its threads have used so far, of user and system.
absl::Duration ProcessorTime(pid_t pid);

// What each of its threads waits for in the kernel, for a person who wonders why it does not go on, like
// "committer D jbd2_log_wait_commit": name, state and function. "" when it has ended.
std::string DescribeThreads(pid_t pid);

// How much of the last 10 s somebody on this machine has waited for processors and for disks, like
// "cpu: some avg10=1.00 ..."; "" where the kernel does not tell.
std::string DescribePressure();

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_PROCESS_USAGE_H_
