#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/argument_parsers.h"
#include "client/cli/commands.h"
#include "client/cli/error_line.h"
#include "client/cli/json_output.h"
#include "client/cli/read_options.h"
#include "client/cli/text_output.h"
#include "storage/limits.h"
#include "storage/status_macros.h"

namespace dunlin::client::cli {
namespace {

struct ListArguments {
  std::optional<std::string> prefix;
  ListOptions options;
  uint64_t limit = kUnlimited;
};

std::string EntryLine(const Entry& entry, bool keys_only, OutputFormat format) {
  if (format == OutputFormat::kJson) {
    return JsonLine(entry, keys_only ? Values::kLeaveOut : Values::kShow);
  }
  return keys_only ? KeyLine(entry) : KeyAndValueLine(entry);
}

}  // namespace

void AddListCommand(CommandLine& line) {
  auto arguments = std::make_shared<ListArguments>();
  Command command =
      line.Add("list", "List entries in the byte order of their keys", [arguments](CommandContext& context) {
        arguments->options.prefix = arguments->prefix.value_or("");
        return RunList(context, arguments->options, arguments->limit);
      });
  command.Optional("PREFIX", &arguments->prefix, "Only keys that start with this");
  command.Flag("--keys-only", &arguments->options.keys_only, "Leave the values out");
  AddReadOptions(command, &arguments->options);
  command.Option<uint64_t>({"--limit", "N", "Stop after so many entries"}, ParseCountArgument,
                           [arguments](uint64_t limit) { arguments->limit = limit; });
  command.Notes(
      "Text: KEY <tab> VALUE, with control characters, backslashes and bytes that are not UTF-8 escaped.\n"
      "JSON: one object a line.\n"
      "Keys whose record is damaged are named on standard error; the exit code is then 1.");
}

absl::Status RunList(CommandContext& context, ListOptions options, uint64_t limit) {
  std::ostream& out = context.console.out;
  uint64_t left = limit;
  uint64_t damaged = 0;
  do {
    options.page_size = static_cast<uint32_t>(std::min<uint64_t>(left, kListPageEntriesMax));
    DUNLIN_ASSIGN_OR_RETURN(ListPage page, context.client.List(options));
    for (const Entry& entry : page.entries) {
      out << EntryLine(entry, options.keys_only, context.format);
    }
    for (const std::string& key : page.damaged_keys) {
      context.console.err << ErrorLine(absl::StrCat("the record of key \"", key, "\" is damaged"));
    }
    damaged += page.damaged_keys.size();
    left -= std::min<uint64_t>(left, page.entries.size());
    options.page_token = std::move(page.next_page_token);
    // A reader such as `head` that has gone away is no reason to read the whole store.
  } while (left > 0 && !options.page_token.empty() && out.flush());
  if (damaged > 0) {
    return absl::DataLossError(absl::StrCat("records of ", damaged, " keys are damaged on ", context.server,
                                            ": ask another replica, and put or delete these keys to repair them"));
  }
  return absl::OkStatus();
}

}  // namespace dunlin::client::cli
