#include "client/cli/commands.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "storage/status_macros.h"

namespace dunlin::client::cli {

void AddWatchersCommand(CommandLine& line) {
  line.Add("watchers", "List who watches the replica", RunWatchers)
      .Notes(
          "Text: ID, state (snapshot, replay, live), lag, what waits in the queue, age, peer, and what is watched: "
          "KEY, "
          "PREFIX*, or * for everything. JSON: one object a line.");
}

absl::Status RunWatchers(CommandContext& context) {
  ListWatchersOptions options;
  do {
    DUNLIN_ASSIGN_OR_RETURN(const WatchersPage page, context.client.ListWatchers(options));
    for (const WatcherStatus& watcher : page.watchers) {
      context.console.out << (context.format == OutputFormat::kJson ? JsonLine(watcher) : WatcherLine(watcher));
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  return absl::OkStatus();
}

}  // namespace dunlin::client::cli
