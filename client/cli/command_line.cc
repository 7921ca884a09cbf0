#include "client/cli/command_line.h"

#include <sstream>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"

namespace dunlin::client::cli {

Command::Command(CLI::App* app) : app_(*app) {}

void Command::Required(const std::string& name, std::string* target, const std::string& help) {
  app_.add_option(name, *target, help)->required();
}

void Command::Optional(const std::string& name, std::optional<std::string>* target, const std::string& help) {
  app_.add_option(name, *target, help);
}

void Command::Many(const std::string& name, std::vector<std::string>* target, const std::string& help) {
  app_.add_option(name, *target, help)->allow_extra_args(name[0] != '-');
}

void Command::Flag(const std::string& name, bool* target, const std::string& help) {
  app_.add_flag(name, *target, help);
}

void Command::FromEnvironment(const std::string& option, const std::string& variable) {
  app_.get_option(option)->envname(variable);
}

void Command::Exclude(const std::string& one, const std::string& other) {
  app_.get_option(one)->excludes(app_.get_option(other));
}

void Command::Notes(const std::string& text) { app_.footer(text); }

void Command::AddOption(const OptionText& text, std::function<absl::Status(const std::string&)> take) {
  const auto take_or_throw = [name = text.name, take = std::move(take)](const std::string& value) {
    const absl::Status status = take(value);
    if (!status.ok()) {
      throw CLI::ValidationError(name, std::string(status.message()));
    }
  };
  app_.add_option_function<std::string>(text.name, take_or_throw, text.help)
      ->type_name(text.placeholder)
      ->default_str(text.default_text);
}

CommandLine::CommandLine(const std::string& program, const std::string& description)
    : app_(std::make_unique<CLI::App>(description, program)) {
  // Global options may stand behind the command, too.
  app_->fallthrough();
  app_->require_subcommand(1);
}

CommandLine::~CommandLine() = default;

void CommandLine::Version(const std::string& text) {
  app_->set_version_flag("--version", text, "Print version and build and exit");
}

Command CommandLine::Global() { return Command(app_.get()); }

Command CommandLine::Add(const std::string& name, const std::string& help, Action action) {
  CLI::App* command = app_->add_subcommand(name, help);
  command->callback([this, action = std::move(action)] { chosen_ = action; });
  return Command(command);
}

absl::StatusOr<CommandLine::Choice> CommandLine::Parse(int argc, const char* const* argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::Success& asked_for_text) {
    std::ostringstream text;
    app_->exit(asked_for_text, text, text);
    return Choice{text.str(), nullptr};
  } catch (const CLI::ParseError& error) {
    return UsageError(error.what());
  }
  return Choice{"", chosen_};
}

absl::Status CommandLine::UsageError(const std::string& what) const {
  // CLI11 calls a misspelled command a missing one.
  const std::vector<std::string> unknown = app_->remaining();
  const bool misspelled = app_->get_subcommands().empty() && !unknown.empty();
  return absl::InvalidArgumentError(absl::StrCat(misspelled ? "there is no command or option " + unknown.front() : what,
                                                 "; see ", app_->get_name(), " --help"));
}

}  // namespace dunlin::client::cli
