#include <memory>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "storage/status_macros.h"

namespace dunlin::client::cli {

void AddGetCommand(CommandLine& line) {
  auto key = std::make_shared<std::string>();
  Command command = line.Add("get", "Print the value of a key",
                             [key](CommandContext& context) { return RunGet(context, *key, ValueStyle::kRaw); });
  command.Required("KEY", key.get(), "The key to read");
  command.Notes(
      "Prints the value's bytes as they are; on a terminal a newline follows. Exit code 3: there is no such key.");
}

absl::Status RunGet(CommandContext& context, absl::string_view key, ValueStyle style) {
  DUNLIN_ASSIGN_OR_RETURN(const GetResult result, context.client.Get(key));
  std::ostream& out = context.console.out;
  if (context.format == OutputFormat::kJson) {
    out << JsonLine(result);
  } else if (style == ValueStyle::kLine) {
    out << EscapeForTerminal(result.entry.value) << "\n";
  } else {
    out << result.entry.value << (context.console.out_is_terminal ? "\n" : "");
  }
  return absl::OkStatus();
}

}  // namespace dunlin::client::cli
