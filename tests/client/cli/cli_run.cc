#include "tests/client/cli/cli_run.h"

#include <sstream>

#include "client/cli/console.h"
#include "client/cli/run_cli.h"

namespace dunlin::client::cli {

CliRun RunWith(const std::vector<std::string>& arguments, const std::string& input, bool out_is_terminal) {
  std::vector<const char*> argv = {"dunlin"};
  for (const std::string& argument : arguments) {
    argv.push_back(argument.c_str());
  }
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  Console console{in, out, err, /*in_is_terminal=*/false, out_is_terminal};
  CliRun run;
  run.exit_code = RunCli(static_cast<int>(argv.size()), argv.data(), console);
  run.out = out.str();
  run.err = err.str();
  return run;
}

}  // namespace dunlin::client::cli
