#include "client/cli/read_options.h"

#include "client/cli/argument_parsers.h"

namespace dunlin::client::cli {

void AddMaxStalenessOption(Command& command, ReadOptions* options) {
  command.Option<absl::Duration>(
      {"--max-staleness", "DURATION", "Fail if the replica has not known itself to be up to date for longer",
       "whatever it has"},
      ParseDurationArgument, [options](absl::Duration staleness) { options->max_staleness = staleness; });
}

}  // namespace dunlin::client::cli
