#ifndef DUNLIN_CLIENT_CLI_COMMANDS_H_
#define DUNLIN_CLIENT_CLI_COMMANDS_H_

#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cli/command_context.h"
#include "client/cli/command_line.h"
#include "client/cli/watch_limits.h"
#include "client/types.h"

// The commands of `dunlin`, one file each. Every command has two entrances: Add...Command() puts it on the command
// line, and Run...() is what it does when it is chosen there, and what the shell calls.
namespace dunlin::client::cli {

void AddGetCommand(CommandLine& line);
void AddPutCommand(CommandLine& line);
void AddDeleteCommand(CommandLine& line);
void AddListCommand(CommandLine& line);
void AddWatchCommand(CommandLine& line);
void AddStatusCommand(CommandLine& line);
void AddWatchersCommand(CommandLine& line);
void AddVerifyCommand(CommandLine& line);
void AddShellCommand(CommandLine& line);

// How text output shows a value: as the bytes it is, for files and pipes, or escaped and on a line of its own.
enum class ValueStyle { kRaw, kLine };

absl::Status RunGet(CommandContext& context, absl::string_view key, ValueStyle style, const ReadOptions& options = {});
absl::Status RunPut(CommandContext& context, absl::string_view key, absl::string_view value, const PutOptions& options);
absl::Status RunDelete(CommandContext& context, absl::string_view key, const DeleteOptions& options);

// Prints page after page, at most `limit` entries.
inline constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();
absl::Status RunList(CommandContext& context, ListOptions options, uint64_t limit);

// Prints what happens until `limits` or the user (Ctrl-C, SIGTERM) end it, either of which is OK.
absl::Status RunWatch(CommandContext& context, const WatchOptions& options, const WatchLimits& limits);

absl::Status RunStatus(CommandContext& context);

// Prints the open watch streams, page after page.
absl::Status RunWatchers(CommandContext& context);

// Prints what the verification has come to. Errors, beside those of the call: kDataLoss when it has found something
// wrong.
absl::Status RunVerify(CommandContext& context);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_COMMANDS_H_
