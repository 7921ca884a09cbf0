#include "client/cli/write_options.h"

#include "client/cli/argument_parsers.h"

namespace dunlin::client::cli {

void AddIfVersionOption(Command& command, Precondition* precondition) {
  command.Option<Version>({"--if-version", "TIME-ORIGIN", "Write only if the entry has exactly this version"},
                          ParseVersionArgument,
                          [precondition](Version version) { *precondition = IfVersion{version}; });
}

void AddAckOption(Command& command, Ack* ack) {
  command.Option<Ack>({"--ack", "local|mirrored",
                       "Answer once the replica has it on disk (local) or Redis has it, too (mirrored)", "local"},
                      ParseAckArgument, [ack](Ack value) { *ack = value; });
}

}  // namespace dunlin::client::cli
