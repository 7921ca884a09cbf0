#ifndef DUNLIN_TESTS_CLIENT_CLI_CLI_RUN_H_
#define DUNLIN_TESTS_CLIENT_CLI_CLI_RUN_H_

#include <string>
#include <vector>

namespace dunlin::client::cli {

// What a run of the command line came to.
struct CliRun {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// Runs `dunlin` with these arguments in this process, with `input` as its standard input. Its output is as for a pipe,
// not a terminal, unless asked otherwise.
CliRun RunWith(const std::vector<std::string>& arguments, const std::string& input = "", bool out_is_terminal = false);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_TESTS_CLIENT_CLI_CLI_RUN_H_
