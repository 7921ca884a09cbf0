#ifndef DUNLIN_CLIENT_CLI_WRITE_OPTIONS_H_
#define DUNLIN_CLIENT_CLI_WRITE_OPTIONS_H_

#include "client/cli/command_line.h"
#include "client/types.h"

// The options that `put` and `delete` share.
namespace dunlin::client::cli {

// --if-version TIME-ORIGIN
// REQUIRES: `*precondition` lives until the command line is parsed.
void AddIfVersionOption(Command& command, Precondition* precondition);

// --ack local|mirrored
// REQUIRES: `*ack` lives until the command line is parsed.
void AddAckOption(Command& command, Ack* ack);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_WRITE_OPTIONS_H_
