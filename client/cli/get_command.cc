#include <memory>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/json_output.h"
#include "client/cli/read_options.h"
#include "client/cli/text_output.h"
#include "storage/status_macros.h"

namespace dunlin::client::cli {

namespace {

struct GetArguments {
  std::string key;
  ReadOptions options;
};

}  // namespace

void AddGetCommand(CommandLine& line) {
  auto arguments = std::make_shared<GetArguments>();
  Command command = line.Add("get", "Print the value of a key", [arguments](CommandContext& context) {
    return RunGet(context, arguments->key, ValueStyle::kRaw, arguments->options);
  });
  command.Required("KEY", &arguments->key, "The key to read");
  AddReadOptions(command, &arguments->options);
  command.Notes(
      "Prints the value's bytes as they are; on a terminal a newline follows. Exit code 3: there is no such key.");
}

absl::Status RunGet(CommandContext& context, absl::string_view key, ValueStyle style, const ReadOptions& options) {
  DUNLIN_ASSIGN_OR_RETURN(const GetResult result, context.client.Get(key, options));
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
