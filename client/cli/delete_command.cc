#include <memory>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "client/cli/write_options.h"
#include "storage/status_macros.h"

namespace dunlin::client::cli {
namespace {

struct DeleteArguments {
  std::string key;
  DeleteOptions options;
};

}  // namespace

void AddDeleteCommand(CommandLine& line) {
  auto arguments = std::make_shared<DeleteArguments>();
  Command command = line.Add("delete", "Remove a key", [arguments](CommandContext& context) {
    return RunDelete(context, arguments->key, arguments->options);
  });
  command.Required("KEY", &arguments->key, "The key to remove");
  AddIfVersionOption(command, &arguments->options.precondition);
  AddAckOption(command, &arguments->options.ack);
  command.Notes("Removing an absent key is no error; `existed` tells.");
}

absl::Status RunDelete(CommandContext& context, absl::string_view key, const DeleteOptions& options) {
  DUNLIN_ASSIGN_OR_RETURN(const DeleteResult result, context.client.Delete(key, options));
  context.console.out << (context.format == OutputFormat::kJson ? JsonLine(result) : DeleteLine(result));
  return absl::OkStatus();
}

}  // namespace dunlin::client::cli
