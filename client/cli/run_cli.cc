#include "client/cli/run_cli.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "client/cli/argument_parsers.h"
#include "client/cli/command_context.h"
#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/error_line.h"
#include "client/client.h"
#include "server/build_info.h"
#include "storage/status_macros.h"

namespace dunlin::client::cli {
namespace {

// What holds for every command: whom to ask, and how to show the answer.
struct GlobalOptions {
  ClientOptions client;
  std::optional<absl::Duration> timeout;
  OutputFormat format = OutputFormat::kText;
};

void AddGlobalOptions(CommandLine& line, GlobalOptions* options) {
  Command global = line.Global();
  global.Option<std::string>({"--server", "HOST:PORT", "The replica to ask", options->client.server}, ParseTextArgument,
                             [options](std::string server) { options->client.server = std::move(server); });
  global.FromEnvironment("--server", "DUNLIN_SERVER");
  global.Option<OutputFormat>({"--output", "text|json", "How to show answers", "text"}, ParseOutputFormatArgument,
                              [options](OutputFormat format) { options->format = format; });
  global.Option<absl::Duration>({"--timeout", "DURATION", "How long to wait for an answer", "5s"},
                                ParseDurationArgument, [options](absl::Duration timeout) {
                                  options->client.timeout = timeout;
                                  options->timeout = timeout;
                                });
  global.Notes(kExitCodesHelp);
}

void AddCommands(CommandLine& line) {
  AddGetCommand(line);
  AddPutCommand(line);
  AddDeleteCommand(line);
  AddListCommand(line);
  AddWatchCommand(line);
  AddStatusCommand(line);
  AddWatchersCommand(line);
  AddVerifyCommand(line);
  AddShellCommand(line);
}

absl::Status ParseAndRun(int argc, const char* const* argv, Console& console) {
  CommandLine line("dunlin", "Reads, writes and watches the entries of a Dunlin replica.");
  line.Version(VersionLine("dunlin", GetBuildInfo()));
  GlobalOptions options;
  AddGlobalOptions(line, &options);
  AddCommands(line);
  DUNLIN_ASSIGN_OR_RETURN(const CommandLine::Choice choice, line.Parse(argc, argv));
  if (choice.action == nullptr) {
    console.out << choice.help;
    return absl::OkStatus();
  }
  DUNLIN_ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, Client::Create(options.client));
  CommandContext context{console, *client, options.client.server, options.format, options.timeout};
  return choice.action(context);
}

}  // namespace

ExitCode RunCli(int argc, const char* const* argv, Console& console) {
  absl::Status status = ParseAndRun(argc, argv, console);
  if (!console.out.flush()) {
    status.Update(absl::UnknownError("standard output cannot be written to: closed, or the disk is full"));
  }
  if (!status.ok()) {
    console.err << ErrorLine(status.message()) << std::flush;
  }
  return ExitCodeOf(status);
}

}  // namespace dunlin::client::cli
