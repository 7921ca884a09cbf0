#include "client/cli/read_options.h"

#include <string>
#include <utility>

#include "client/cli/argument_parsers.h"

namespace dunlin::client::cli {

void AddReadOptions(Command& command, ReadOptions* options) {
  command.Option<absl::Duration>(
      {"--max-staleness", "DURATION", "Fail if the replica has not known itself to be up to date for longer",
       "whatever it has"},
      ParseDurationArgument, [options](absl::Duration staleness) { options->max_staleness = staleness; });
  command.Option<std::string>(
      {"--at-least", "TOKEN", "Wait until the replica has what this token, of whichever replica, tells of"},
      ParseTokenArgument, [options](std::string token) { options->at_least = std::move(token); });
}

}  // namespace dunlin::client::cli
