#ifndef DUNLIN_CLIENT_CLI_RUN_CLI_H_
#define DUNLIN_CLIENT_CLI_RUN_CLI_H_

#include "client/cli/console.h"
#include "client/cli/exit_code.h"

namespace dunlin::client::cli {

// Runs the command line `dunlin` as main() would. Answers go to `console.out`; an error is one line on `console.err`.
//
// Reads the environment: DUNLIN_SERVER stands in for --server.
ExitCode RunCli(int argc, const char* const* argv, Console& console);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_RUN_CLI_H_
