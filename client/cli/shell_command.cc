#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands.h"
#include "client/cli/error_line.h"
#include "client/cli/line_reader.h"
#include "client/cli/shell_line.h"
#include "storage/status_macros.h"

namespace dunlin::client::cli {
namespace {

using Words = std::vector<std::string>;

// One command of the shell. `run` is given the whole line, already checked for the number of its words.
struct ShellCommand {
  absl::string_view name;
  absl::string_view arguments;
  size_t words_min;
  size_t words_max;
  absl::string_view help;
  absl::Status (*run)(CommandContext& context, const Words& words);
};

absl::Status Help(CommandContext& context, const Words& words);

absl::Status Get(CommandContext& context, const Words& words) { return RunGet(context, words[1], ValueStyle::kLine); }

absl::Status Put(CommandContext& context, const Words& words) { return RunPut(context, words[1], words[2], {}); }

absl::Status Delete(CommandContext& context, const Words& words) { return RunDelete(context, words[1], {}); }

absl::Status List(CommandContext& context, const Words& words) {
  ListOptions options;
  options.prefix = words.size() > 1 ? words[1] : "";
  return RunList(context, options, kUnlimited);
}

absl::Status Watch(CommandContext& context, const Words& words) {
  WatchOptions options;
  if (words.size() > 1 && absl::EndsWith(words[1], "*")) {
    options.prefixes = {words[1].substr(0, words[1].size() - 1)};
  } else if (words.size() > 1) {
    options.keys = {words[1]};
  }
  const absl::Status status = RunWatch(context, options, WatchLimits());
  if (context.console.in_is_terminal) {
    // The terminal has just shown ^C.
    context.console.out << "\n";
  }
  return status;
}

absl::Status Status(CommandContext& context, const Words&) { return RunStatus(context); }

absl::Status Watchers(CommandContext& context, const Words&) { return RunWatchers(context); }

absl::Status Verify(CommandContext& context, const Words&) { return RunVerify(context); }

// Never reached: the loop ends before it runs the command.
absl::Status Quit(CommandContext&, const Words&) { return absl::OkStatus(); }

constexpr std::array<ShellCommand, 10> kCommands = {{
    {"GET", "KEY", 2, 2, "print a value", Get},
    {"PUT", "KEY VALUE", 3, 3, "store a value", Put},
    {"DEL", "KEY", 2, 2, "remove a key", Delete},
    {"LIST", "[PREFIX]", 1, 2, "list entries", List},
    {"WATCH", "[KEY | PREFIX*]", 1, 2, "print changes until Ctrl-C", Watch},
    {"STATUS", "", 1, 1, "show how the replica is doing", Status},
    {"WATCHERS", "", 1, 1, "list who watches the replica", Watchers},
    {"VERIFY", "", 1, 1, "check all that the replica holds", Verify},
    {"HELP", "", 1, 1, "print this", Help},
    {"QUIT", "", 1, 1, "leave; so does Ctrl-D", Quit},
}};

absl::Status Help(CommandContext& context, const Words&) {
  for (const ShellCommand& command : kCommands) {
    context.console.out << absl::StreamFormat("%-7s%-17s %s\n", command.name, command.arguments, command.help);
  }
  context.console.out
      << "Words with blanks go in \"double quotes\", where \\\" \\\\ \\n \\r \\t and \\xHH are escapes.\n";
  return absl::OkStatus();
}

absl::Status UsageError(const ShellCommand& command, size_t words) {
  const bool takes_arguments = !command.arguments.empty();
  const bool likely_unquoted = takes_arguments && words > command.words_max;
  return absl::InvalidArgumentError(
      absl::StrCat("usage: ", command.name, takes_arguments ? " " : "", command.arguments,
                   likely_unquoted ? "; put words with blanks in \"double quotes\"" : ""));
}

absl::StatusOr<const ShellCommand*> FindCommand(const Words& words) {
  const std::string name = absl::AsciiStrToUpper(words[0]);
  for (const ShellCommand& command : kCommands) {
    if (command.name != name) {
      continue;
    }
    if (words.size() < command.words_min || words.size() > command.words_max) {
      return UsageError(command, words.size());
    }
    return &command;
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no command ", words[0], "; HELP lists them"));
}

// Runs one line. Sets `*quit` if it asks to leave.
absl::Status RunLine(CommandContext& context, absl::string_view line, bool* quit) {
  DUNLIN_ASSIGN_OR_RETURN(const Words words, ParseShellLine(line));
  if (words.empty()) {
    return absl::OkStatus();
  }
  DUNLIN_ASSIGN_OR_RETURN(const ShellCommand* command, FindCommand(words));
  *quit = command->run == Quit;
  return command->run(context, words);
}

std::unique_ptr<LineReader> NewLineReader(const CommandContext& context) {
  if (context.console.in_is_terminal) {
    return NewTerminalLineReader(absl::StrCat("dunlin ", context.server, "> "), HistoryPath());
  }
  return NewStreamLineReader(context.console.in);
}

// Counts what failed in a script.
struct Failures {
  absl::StatusCode first_code = absl::StatusCode::kOk;
  int first_line = 0;
  int count = 0;
};

void Report(const absl::Status& status, int line_number, Console& console, Failures* failures) {
  const std::string where = console.in_is_terminal ? "" : absl::StrCat("line ", line_number, ": ");
  console.err << ErrorLine(absl::StrCat(where, status.message())) << std::flush;
  if (failures->count++ == 0) {
    failures->first_code = status.code();
    failures->first_line = line_number;
  }
}

// Runs line after line. A failure does not end a script, but the script then fails as its first failure did.
absl::Status RunShell(CommandContext& context) {
  const std::unique_ptr<LineReader> reader = NewLineReader(context);
  Failures failures;
  std::string line;
  bool quit = false;
  for (int line_number = 1; !quit && reader->ReadLine(&line); ++line_number) {
    const absl::Status status = RunLine(context, line, &quit);
    context.console.out.flush();
    if (!status.ok()) {
      Report(status, line_number, context.console, &failures);
    }
  }
  if (context.console.in_is_terminal || failures.count == 0) {
    return absl::OkStatus();
  }
  return absl::Status(failures.first_code,
                      absl::StrFormat("%d commands failed, the first on line %d", failures.count, failures.first_line));
}

}  // namespace

void AddShellCommand(CommandLine& line) {
  line.Add("shell", "Type commands at a prompt; HELP lists them", RunShell)
      .Notes(
          "When standard input is not a terminal, commands are read from it line by line, and the exit code is that "
          "of\n"
          "the first that failed.");
}

}  // namespace dunlin::client::cli
