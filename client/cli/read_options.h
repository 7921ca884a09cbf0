#ifndef DUNLIN_CLIENT_CLI_READ_OPTIONS_H_
#define DUNLIN_CLIENT_CLI_READ_OPTIONS_H_

#include "client/cli/command_line.h"
#include "client/types.h"

// The options that `get` and `list` share.
namespace dunlin::client::cli {

// --max-staleness DURATION, --at-least TOKEN
// REQUIRES: `*options` lives until the command line is parsed.
void AddReadOptions(Command& command, ReadOptions* options);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_READ_OPTIONS_H_
