#ifndef DUNLIN_CLIENT_CLI_EXIT_CODE_H_
#define DUNLIN_CLIENT_CLI_EXIT_CODE_H_

#include "absl/status/status.h"

namespace dunlin::client::cli {

// What `dunlin` returns to the shell. Scripts depend on these numbers: they do not change, and `dunlin --help` lists
// them.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,             // Anything that has no number of its own.
  kExitUsage = 2,               // The command line, or what the replica calls an invalid argument.
  kExitNotFound = 3,            // The key is absent, deleted or expired.
  kExitPreconditionFailed = 4,  // --if-absent or --if-version does not hold; nothing was changed.
  kExitUnavailable = 5,         // No replica answered, or not in time. A write may or may not have been stored.
  kExitExhausted = 6,           // A quota or a queue of the replica is full.
  kExitUnknownOutcome = 7,      // The replica cannot tell whether a conditional write took place: read the key.
  kExitDenied = 8,              // The replica does not let this caller do this.
};

// The same as text, for --help.
extern const char kExitCodesHelp[];

ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_EXIT_CODE_H_
