#include "server/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <climits>
#include <map>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/build_info.h"
#include "server/config_file.h"
#include "server/option_table.h"
#include "storage/status_macros.h"
#include "storage/utf8.h"

namespace dunlin {
namespace {

constexpr char kConfig[] = "config";
// Where the explanations start in the help text.
constexpr size_t kHelpColumn = 36;
constexpr char kSeeHelp[] = "; dunlind --help lists the options";

// A value and where it comes from, in words, for messages.
struct Setting {
  std::string value;
  std::string origin;
};

absl::Status UsageError(absl::string_view message) { return absl::InvalidArgumentError(message); }

std::string VariableOf(absl::string_view option) {
  return absl::StrCat("DUNLIN_", absl::AsciiStrToUpper(absl::StrReplaceAll(option, {{"-", "_"}})));
}

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  gethostname(name, sizeof(name) - 1);
  return name[0] == '\0' ? "replica" : name;
}

// CommandLine is the part that CLI11 does for us: it tells options from values and writes the help text. What the
// values mean is the table's, and their precedence is decided below, because CLI11's order puts a file above the
// environment.
class CommandLine {
 public:
  CommandLine() : app_("A replica of a Dunlin fleet: a key-value store that is complete on every machine.", "dunlind") {
    app_.allow_extras();
    app_.get_formatter()->column_width(kHelpColumn);
    app_.set_help_flag("-h,--help", "Prints this text.")->group("General");
    app_.add_flag("--version", "Prints version and build.")->group("General");
    AddOption(kConfig, "A file of lines such as data-dir = \"/srv/dunlin\".", "FILE", "General");
    const Options defaults;
    for (const OptionRow& row : OptionTable()) {
      AddOption(row.name, row.help, row.value_name, row.group)->default_str(row.show(defaults));
    }
    app_.footer(
        "\nEach option is also read from the environment (--data-dir: DUNLIN_DATA_DIR) and from the file given by\n"
        "--config. A flag counts for more than the environment, and that for more than the file.");
  }

  absl::Status Parse(std::vector<std::string> arguments) {
    SplitAtEquals(&arguments);
    std::reverse(arguments.begin(), arguments.end());
    try {
      app_.parse(arguments);
    } catch (const CLI::CallForHelp&) {
      text_ = app_.help();
      return absl::OkStatus();
    } catch (const CLI::Error& error) {
      return UsageError(absl::StrCat(error.what(), "; write --option VALUE or --option=VALUE"));
    }
    if (app_.count("--version") > 0) {
      text_ = VersionLine("dunlind", GetBuildInfo()) + "\n";
      return absl::OkStatus();
    }
    return CheckExtras();
  }

  // A text that was asked for instead of running.
  const std::optional<std::string>& text() const { return text_; }

  absl::StatusOr<std::optional<Setting>> Find(absl::string_view name) const {
    const std::vector<std::string>& values = app_.get_option(absl::StrCat("--", name))->results();
    if (values.empty()) return std::optional<Setting>();
    if (values.size() > 1) return UsageError(absl::StrCat("--", name, " is given more than once; give it once"));
    return std::optional<Setting>(Setting{values[0], ""});
  }

 private:
  CLI::Option* AddOption(absl::string_view name, const std::string& help, const char* value_name, const char* group) {
    CLI::Option* option = app_.add_option(absl::StrCat("--", name), help);
    // Takes all values, so that Find() sees an option that is given twice.
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    return option->type_name(value_name)->group(group);
  }

  // CLI11 takes "--redis=" for an option without a value.
  static void SplitAtEquals(std::vector<std::string>* arguments) {
    std::vector<std::string> split;
    for (const std::string& argument : *arguments) {
      const size_t equals = argument.find('=');
      if (absl::StartsWith(argument, "--") && equals != std::string::npos) {
        split.push_back(argument.substr(0, equals));
        split.push_back(argument.substr(equals + 1));
      } else {
        split.push_back(argument);
      }
    }
    arguments->swap(split);
  }

  absl::Status CheckExtras() const {
    const std::vector<std::string> extras = app_.remaining();
    if (extras.empty()) return absl::OkStatus();
    const absl::string_view kind = absl::StartsWith(extras[0], "-") ? "unknown option " : "unexpected argument ";
    return UsageError(absl::StrCat(kind, "\"", ReplaceInvalidUtf8(extras[0]), "\"", kSeeHelp));
  }

  CLI::App app_;
  std::optional<std::string> text_;
};

std::optional<Setting> FindVariable(absl::string_view option, const Environment& environment) {
  const std::string variable = VariableOf(option);
  const char* value = environment(variable.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return Setting{value, absl::StrCat(" (set by ", variable, ")")};
}

// What is set for one option, from the source that counts most.
absl::StatusOr<std::optional<Setting>> FindSetting(absl::string_view name, const CommandLine& command_line,
                                                   const Environment& environment) {
  DUNLIN_ASSIGN_OR_RETURN(std::optional<Setting> setting, command_line.Find(name));
  return setting.has_value() ? setting : FindVariable(name, environment);
}

// The values of the file given by --config, if one is given.
absl::StatusOr<std::map<std::string, Setting>> ReadConfig(const CommandLine& command_line,
                                                          const Environment& environment) {
  std::map<std::string, Setting> settings;
  DUNLIN_ASSIGN_OR_RETURN(const std::optional<Setting> file, FindSetting(kConfig, command_line, environment));
  if (!file.has_value()) return settings;
  absl::StatusOr<ConfigValues> values = ReadConfigFile(file->value);
  if (!values.ok()) return UsageError(absl::StrCat("--config", file->origin, ": ", values.status().message()));
  for (const auto& [key, value] : *values) {
    const std::string place = absl::StrCat(file->value, ":", value.line);
    const auto is_key = [&key = key](const OptionRow& row) { return key == row.name; };
    if (!std::any_of(OptionTable().begin(), OptionTable().end(), is_key)) {
      return UsageError(absl::StrCat(place, ": unknown option \"", key, "\"", kSeeHelp));
    }
    settings[key] = Setting{value.value, absl::StrCat(" (set at ", place, ")")};
  }
  return settings;
}

}  // namespace

absl::StatusOr<ParsedOptions> ParseOptions(const std::vector<std::string>& arguments, const Environment& environment) {
  CommandLine command_line;
  DUNLIN_RETURN_IF_ERROR(command_line.Parse(arguments));
  if (command_line.text().has_value()) return ParsedOptions(TextRequest{*command_line.text()});
  DUNLIN_ASSIGN_OR_RETURN(const auto config, ReadConfig(command_line, environment));

  Options options;
  options.replica_id = HostName();
  for (const OptionRow& row : OptionTable()) {
    DUNLIN_ASSIGN_OR_RETURN(std::optional<Setting> setting, FindSetting(row.name, command_line, environment));
    if (const auto found = config.find(row.name); !setting.has_value() && found != config.end()) {
      setting = found->second;
    }
    if (!setting.has_value()) continue;
    const absl::Status status = row.apply(setting->value, &options);
    if (!status.ok()) return UsageError(absl::StrCat("--", row.name, setting->origin, ": ", status.message()));
  }
  DUNLIN_RETURN_IF_ERROR(CheckTogether(options));
  return ParsedOptions(std::move(options));
}

std::vector<std::pair<std::string, std::string>> DescribeOptions(const Options& options) {
  std::vector<std::pair<std::string, std::string>> description;
  for (const OptionRow& row : OptionTable()) description.emplace_back(row.name, row.show(options));
  return description;
}

}  // namespace dunlin
