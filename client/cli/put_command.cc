#include <memory>
#include <optional>
#include <string>

#include "client/cli/argument_parsers.h"
#include "client/cli/commands.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "client/cli/value_source.h"
#include "client/cli/write_options.h"
#include "storage/status_macros.h"

namespace dunlin::client::cli {
namespace {

struct PutArguments {
  std::string key;
  std::optional<std::string> value;
  std::optional<std::string> file;
  bool if_absent = false;
  PutOptions options;
};

absl::StatusOr<std::string> ValueOf(const PutArguments& arguments, Console& console) {
  if (arguments.file.has_value()) {
    return ReadValueFile(*arguments.file);
  }
  if (!arguments.value.has_value()) {
    return absl::InvalidArgumentError("put needs a VALUE, - for standard input, or --file");
  }
  if (*arguments.value == "-") {
    return ReadValue(console.in);
  }
  return *arguments.value;
}

absl::Status PutAsAsked(CommandContext& context, const PutArguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const std::string value, ValueOf(arguments, context.console));
  PutOptions options = arguments.options;
  if (arguments.if_absent) {
    options.precondition = IfAbsent{};
  }
  return RunPut(context, arguments.key, value, options);
}

}  // namespace

void AddPutCommand(CommandLine& line) {
  auto arguments = std::make_shared<PutArguments>();
  Command command = line.Add("put", "Store a value under a key",
                             [arguments](CommandContext& context) { return PutAsAsked(context, *arguments); });
  command.Required("KEY", &arguments->key, "The key to write");
  command.Optional("VALUE", &arguments->value, "The value; - reads it from standard input");
  command.Optional("--file", &arguments->file, "Read the value from this file");
  command.Exclude("--file", "VALUE");
  command.Option<absl::Duration>({"--ttl", "DURATION", "Let the entry expire after this time"}, ParseDurationArgument,
                                 [arguments](absl::Duration ttl) { arguments->options.ttl = ttl; });
  AddIfVersionOption(command, &arguments->options.precondition);
  command.Flag("--if-absent", &arguments->if_absent, "Write only if the key is absent");
  command.Exclude("--if-absent", "--if-version");
  AddAckOption(command, &arguments->options.ack);
  command.Notes("A VALUE that looks like an option goes behind --, as in: dunlin put KEY -- --help");
}

absl::Status RunPut(CommandContext& context, absl::string_view key, absl::string_view value,
                    const PutOptions& options) {
  DUNLIN_ASSIGN_OR_RETURN(const WriteResult result, context.client.Put(key, value, options));
  context.console.out << (context.format == OutputFormat::kJson ? JsonLine(result) : WriteLine(result));
  return absl::OkStatus();
}

}  // namespace dunlin::client::cli
