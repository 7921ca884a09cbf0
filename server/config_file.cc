#include "server/config_file.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/small_file.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

constexpr size_t kConfigFileMaxBytes = size_t{64} << 10;

absl::Status Flaw(absl::string_view what) { return absl::InvalidArgumentError(what); }

bool IsComment(absl::string_view text) { return text.empty() || text[0] == '#' || text[0] == ';'; }

bool IsKey(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
}

// Takes a quoted value, opening quote included, from the front of `text`.
absl::StatusOr<std::string> TakeQuoted(absl::string_view* text) {
  const char quote = text->front();
  std::string value;
  for (size_t i = 1; i < text->size(); ++i) {
    char c = (*text)[i];
    if (c == quote) {
      text->remove_prefix(i + 1);
      return value;
    }
    if (c == '\\' && quote == '"') {
      c = ++i < text->size() ? (*text)[i] : '\0';
      if (c != '"' && c != '\\') return Flaw("after a backslash only \\ and \" can stand; use '...' for text as it is");
    }
    value.push_back(c);
  }
  return Flaw("the closing quote is missing");
}

// Takes a value without quotes, which ends at a comment, from the front of `text`.
std::string TakeBare(absl::string_view* text) {
  size_t end = 0;
  while (end < text->size() && !(absl::ascii_isspace((*text)[end]) && IsComment(text->substr(end + 1)))) ++end;
  const std::string value(absl::StripTrailingAsciiWhitespace(text->substr(0, end)));
  text->remove_prefix(end);
  return value;
}

// Reads a line that is neither empty nor a comment.
absl::StatusOr<std::pair<std::string, std::string>> ParseLine(absl::string_view line) {
  if (line[0] == '[') return Flaw("sections are not used here; remove the line");
  const size_t equals = line.find('=');
  if (equals == absl::string_view::npos) return Flaw("write key = value");
  const absl::string_view key = absl::StripTrailingAsciiWhitespace(line.substr(0, equals));
  if (!IsKey(key)) return Flaw("the key must be the name of an option without its dashes in front, such as data-dir");
  absl::string_view rest = absl::StripLeadingAsciiWhitespace(line.substr(equals + 1));
  if (IsComment(rest)) return Flaw("the value is missing; write \"\" for an empty one");
  std::string value;
  if (rest[0] == '"' || rest[0] == '\'') {
    DUNLIN_ASSIGN_OR_RETURN(value, TakeQuoted(&rest));
  } else {
    value = TakeBare(&rest);
  }
  if (!IsComment(absl::StripLeadingAsciiWhitespace(rest))) return Flaw("something follows the closing quote");
  return std::make_pair(std::string(key), std::move(value));
}

}  // namespace

absl::StatusOr<ConfigValues> ParseConfig(absl::string_view text, absl::string_view file) {
  ConfigValues values;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (IsComment(line)) continue;
    absl::StatusOr<std::pair<std::string, std::string>> pair = ParseLine(line);
    if (!pair.ok()) return Flaw(absl::StrCat(file, ":", number, ": ", pair.status().message()));
    const auto [previous, is_new] = values.insert({pair->first, ConfigValue{pair->second, number}});
    if (!is_new) {
      return Flaw(absl::StrCat(file, ":", number, ": ", pair->first, " is already set in line ", previous->second.line,
                               "; remove one of them"));
    }
  }
  return values;
}

absl::StatusOr<ConfigValues> ReadConfigFile(const std::string& path) {
  DUNLIN_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path, kConfigFileMaxBytes));
  return ParseConfig(text, path);
}

}  // namespace dunlin
