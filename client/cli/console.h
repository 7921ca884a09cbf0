#ifndef DUNLIN_CLIENT_CLI_CONSOLE_H_
#define DUNLIN_CLIENT_CLI_CONSOLE_H_

#include <istream>
#include <ostream>

namespace dunlin::client::cli {

// The world outside a run of the command line: the process's own streams, or a test's.
struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
};

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_CONSOLE_H_
