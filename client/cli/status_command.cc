#include "client/cli/commands.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "storage/status_macros.h"

namespace dunlin::client::cli {

void AddStatusCommand(CommandLine& line) {
  line.Add("status", "Show how the replica is doing", RunStatus)
      .Notes("Exit code 0 says that the replica answered; whether it serves is told by `serving`.");
}

absl::Status RunStatus(CommandContext& context) {
  DUNLIN_ASSIGN_OR_RETURN(const ReplicaStatus status, context.client.GetStatus());
  context.console.out << (context.format == OutputFormat::kJson ? JsonLine(status) : StatusTable(status));
  return absl::OkStatus();
}

}  // namespace dunlin::client::cli
