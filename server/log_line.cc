#include "server/log_line.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage/utf8.h"

namespace dunlin {
namespace {

std::string FormatTimestamp(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

// Appends `text` with the escapes of JSON's strings.
void AppendEscaped(absl::string_view text, std::string* line) {
  for (const char c : ReplaceInvalidUtf8(text)) {
    switch (c) {
      case '"':
        line->append("\\\"");
        break;
      case '\\':
        line->append("\\\\");
        break;
      case '\n':
        line->append("\\n");
        break;
      case '\r':
        line->append("\\r");
        break;
      case '\t':
        line->append("\\t");
        break;
      default:
        if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
          absl::StrAppendFormat(line, "\\u%04x", static_cast<unsigned>(c));
        } else {
          line->push_back(c);
        }
    }
  }
}

void AppendQuoted(absl::string_view text, std::string* line) {
  line->push_back('"');
  AppendEscaped(text, line);
  line->push_back('"');
}

// Whether a reader can tell where the value ends without quotes.
bool IsPlain(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '"' && c != '\\' && c != '=';
  });
}

// Appends a number or a truth value, which look the same in both forms.
struct PlainAppender {
  void operator()(absl::string_view) const {}
  void operator()(int64_t value) const { absl::StrAppend(line, value); }
  void operator()(uint64_t value) const { absl::StrAppend(line, value); }
  void operator()(double value) const {
    if (std::isfinite(value)) {
      absl::StrAppendFormat(line, "%.15g", value);
    } else {
      line->append("null");
    }
  }
  void operator()(bool value) const { line->append(value ? "true" : "false"); }

  std::string* line;
};

void AppendTextField(const LogField& field, std::string* line) {
  absl::StrAppend(line, " ", field.name(), "=");
  const absl::string_view* text = std::get_if<absl::string_view>(&field.value());
  if (text == nullptr) {
    std::visit(PlainAppender{line}, field.value());
  } else if (IsPlain(*text)) {
    line->append(text->data(), text->size());
  } else {
    AppendQuoted(*text, line);
  }
}

void AppendJsonField(const LogField& field, std::string* line) {
  const absl::string_view name = field.name();
  const bool taken = name == "time" || name == "level" || name == "message" || name == "thread";
  line->push_back(',');
  AppendQuoted(absl::StrCat(taken ? "field_" : "", name), line);
  line->push_back(':');
  if (const absl::string_view* text = std::get_if<absl::string_view>(&field.value())) {
    AppendQuoted(*text, line);
  } else {
    std::visit(PlainAppender{line}, field.value());
  }
}

}  // namespace

absl::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "unknown";
}

std::string TextLine(const LogRecord& record) {
  std::string line =
      absl::StrFormat("%s %-7s ", FormatTimestamp(record.time), absl::AsciiStrToUpper(LogLevelName(record.level)));
  AppendEscaped(record.message, &line);
  for (const LogField& field : record.fields) AppendTextField(field, &line);
  return line;
}

std::string JsonLine(const LogRecord& record) {
  std::string line = absl::StrCat("{\"time\":\"", FormatTimestamp(record.time), "\",\"level\":\"",
                                  LogLevelName(record.level), "\",\"message\":");
  AppendQuoted(record.message, &line);
  absl::StrAppend(&line, ",\"thread\":", record.thread);
  for (const LogField& field : record.fields) AppendJsonField(field, &line);
  line.push_back('}');
  return line;
}

}  // namespace dunlin
