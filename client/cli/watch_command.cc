#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/cli/argument_parsers.h"
#include "client/cli/commands.h"
#include "client/cli/interrupt_handler.h"
#include "client/cli/watch_printer.h"
#include "storage/mutex.h"
#include "storage/status_macros.h"

namespace dunlin::client::cli {
namespace {

struct WatchArguments {
  WatchOptions options;
  WatchLimits limits;
};

void AddArguments(Command& command, const std::shared_ptr<WatchArguments>& arguments) {
  command.Many("KEY", &arguments->options.keys, "The keys to watch; without any, and without --prefix, everything");
  command.Many("--prefix", &arguments->options.prefixes, "Watch all keys that start with this, too; may be repeated");
  command.Flag("--initial-state", &arguments->options.initial_state, "Print the entries there are first, then SYNCED");
  command.Flag("--no-puts", &arguments->options.no_puts, "Leave new values out: DELETE and EXPIRE only");
  command.Flag("--no-deletes", &arguments->options.no_deletes, "Leave DELETE and EXPIRE out");
  command.Flag("--keys-only", &arguments->options.keys_only, "Leave values out");
  command.Option<absl::Duration>(
      {"--progress", "DURATION", "Ask for a heartbeat after so long without a message, from 500ms",
       "the replica's own"},
      ParseDurationArgument, [arguments](absl::Duration interval) { arguments->options.progress_interval = interval; });
  command.Flag("--previous", &arguments->options.previous,
               "Tell what each change has replaced or removed; with --output json");
  command.Flag("--every-change", &arguments->options.every_change,
               "Print GAP where changes are missing because later ones of their keys have replaced them");
  command.Option<absl::Duration>(
      {"--max-lag", "DURATION", "Fail when this reader is behind by more than this, from 1s", "none"},
      ParseDurationArgument, [arguments](absl::Duration lag) { arguments->options.max_lag = lag; });
  command.Option<std::string>(
      {"--resume", "TOKEN", "Go on after this token, as printed by watch or put with --output json"},
      ParseTokenArgument, [arguments](std::string token) { arguments->options.resume_token = std::move(token); });
  command.Option<uint64_t>({"--count", "N", "End after so many events; markers do not count"}, ParseCountArgument,
                           [arguments](uint64_t count) { arguments->limits.events = count; });
  command.Option<absl::Duration>(
      {"--silence", "DURATION",
       "Give up when nothing was heard for so long; keep it above the replica's --watch-heartbeat", "15s"},
      ParseDurationArgument, [arguments](absl::Duration timeout) { arguments->options.silence_timeout = timeout; });
  command.Flag("--heartbeats", &arguments->limits.heartbeats, "Also print the heartbeats of an idle stream");
}

}  // namespace

void AddWatchCommand(CommandLine& line) {
  auto arguments = std::make_shared<WatchArguments>();
  Command command = line.Add(
      "watch", "Print changes as they happen, until Ctrl-C",
      [arguments](CommandContext& context) { return RunWatch(context, arguments->options, arguments->limits); });
  AddArguments(command, arguments);
  command.Notes(
      "Text: PUT <tab> KEY <tab> VALUE (empty with --keys-only), DELETE <tab> KEY, EXPIRE <tab> KEY, or a marker: "
      "RESET, SYNCED, HEARTBEAT, GAP.\n"
      "DAMAGED <tab> KEY (JSON: of type \"damaged\") names a key that the replica cannot read: ask another one.\n"
      "JSON: one object a line; the last line of each message carries its token and lag.");
}

absl::Status RunWatch(CommandContext& context, const WatchOptions& options, const WatchLimits& limits) {
  std::unique_ptr<Watcher> watcher;
  Mutex mutex;
  Watcher* open = nullptr;  // Guarded by `mutex`: the stream that an interrupt ends.
  InterruptHandler interrupt([&mutex, &open] {
    MutexLock lock(&mutex);
    if (open != nullptr) {
      open->Cancel();
    }
  });
  DUNLIN_ASSIGN_OR_RETURN(watcher, context.client.Watch(options));
  {
    MutexLock lock(&mutex);
    open = watcher.get();
  }
  if (interrupt.interrupted()) {
    // It came while there was nothing to cancel yet.
    watcher->Cancel();
  }
  WatchPrinter printer(context.console.out, context.format, limits);
  const absl::Status ended =
      watcher->ForEach([&printer](const WatchMessage& message) { return printer.Print(message); });
  return interrupt.interrupted() ? absl::OkStatus() : ended;
}

}  // namespace dunlin::client::cli
