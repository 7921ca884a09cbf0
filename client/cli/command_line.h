#ifndef DUNLIN_CLIENT_CLI_COMMAND_LINE_H_
#define DUNLIN_CLIENT_CLI_COMMAND_LINE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/command_context.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the name is CLI11's
class App;
}

namespace dunlin::client::cli {

// An option as --help shows it: `--name PLACEHOLDER`, what it does, and what holds without it.
struct OptionText {
  std::string name;
  std::string placeholder;
  std::string help;
  std::string default_text = "";
};

// Command declares what one command of a CommandLine takes. Targets are set while the command line is parsed.
//
// REQUIRES: targets live until then.
// Thread-safety: none; one thread uses it.
class Command {
 public:
  // CommandLine makes them. REQUIRES: `app` outlives the command.
  explicit Command(CLI::App* app);

  void Required(const std::string& name, std::string* target, const std::string& help);
  void Optional(const std::string& name, std::optional<std::string>* target, const std::string& help);

  // Any number of them; an option is given once for each.
  void Many(const std::string& name, std::vector<std::string>* target, const std::string& help);

  void Flag(const std::string& name, bool* target, const std::string& help);

  // An option with a value, which `parse`, a function of argument_parsers.h, turns into what `set` is given. What it
  // refuses becomes a usage error.
  template <typename T>
  void Option(const OptionText& text, absl::StatusOr<T> (*parse)(absl::string_view), std::function<void(T)> set) {
    AddOption(text, [parse, set = std::move(set)](const std::string& value) {
      absl::StatusOr<T> parsed = parse(value);
      if (!parsed.ok()) {
        return parsed.status();
      }
      set(*std::move(parsed));
      return absl::OkStatus();
    });
  }

  // Lets an environment variable stand in for an option.
  void FromEnvironment(const std::string& option, const std::string& variable);

  // Refuses two arguments of these names together.
  void Exclude(const std::string& one, const std::string& other);

  // What --help says at its end.
  void Notes(const std::string& text);

 private:
  void AddOption(const OptionText& text, std::function<absl::Status(const std::string&)> take);

  CLI::App& app_;
};

// CommandLine is the one place that knows CLI11: what a user may type, what they typed, and what is wrong with it.
// CLI11 reports by exceptions; they end here.
//
// Thread-safety: none; one thread uses it.
class CommandLine {
 public:
  // What came of parsing: either a text that was asked for, or a command to run.
  struct Choice {
    std::string help;
    Action action;
  };

  CommandLine(const std::string& program, const std::string& description);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // What --version prints, without the end of the line.
  void Version(const std::string& text);

  // For what stands before or behind every command.
  Command Global();

  // Adds a command; `action` is what it does. Its arguments are declared on what is returned.
  Command Add(const std::string& name, const std::string& help, Action action);

  // Errors: kInvalidArgument, saying on one line what is wrong and where to look.
  absl::StatusOr<Choice> Parse(int argc, const char* const* argv);

 private:
  absl::Status UsageError(const std::string& what) const;

  const std::unique_ptr<CLI::App> app_;
  Action chosen_;
};

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_COMMAND_LINE_H_
