#include <unistd.h>

#include <iostream>

#include "client/cli/console.h"
#include "client/cli/run_cli.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  dunlin::client::cli::Console console{std::cin, std::cout, std::cerr, isatty(STDIN_FILENO) == 1,
                                       isatty(STDOUT_FILENO) == 1};
  return dunlin::client::cli::RunCli(argc, argv, console);
}
