#ifndef DUNLIN_CLIENT_CLI_COMMAND_CONTEXT_H_
#define DUNLIN_CLIENT_CLI_COMMAND_CONTEXT_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cli/console.h"
#include "client/cli/output_format.h"
#include "client/client.h"

namespace dunlin::client::cli {

// What a command works with: where it reads and writes, whom it asks, and how it shows the answer.
struct CommandContext {
  Console& console;
  Client& client;
  std::string server;
  OutputFormat format = OutputFormat::kText;
  // As the user has asked for; unset: what suits the command.
  std::optional<absl::Duration> timeout;
};

// A command with its arguments. What it prints, it prints as a whole or not at all; its error is printed by the caller.
using Action = std::function<absl::Status(CommandContext&)>;

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_COMMAND_CONTEXT_H_
