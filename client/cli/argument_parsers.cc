#include "client/cli/argument_parsers.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace dunlin::client::cli {
namespace {

// absl::SimpleHexAtoi() also takes signs, blanks and "0x".
bool ParseHex(absl::string_view text, uint64_t* value) {
  for (const char c : text) {
    if (!absl::ascii_isxdigit(c)) {
      return false;
    }
  }
  return absl::SimpleHexAtoi(text, value);
}

bool ParseDecimal(absl::string_view text, uint64_t* value) {
  for (const char c : text) {
    if (!absl::ascii_isdigit(c)) {
      return false;
    }
  }
  return absl::SimpleAtoi(text, value);
}

}  // namespace

absl::StatusOr<std::string> ParseTextArgument(absl::string_view text) { return std::string(text); }

absl::StatusOr<absl::Duration> ParseDurationArgument(absl::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "\"%s\" is not a duration: write a number and a unit, such as 500ms, 10s, 5m or 24h", absl::CHexEscape(text)));
  }
  return duration;
}

absl::StatusOr<Version> ParseVersionArgument(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '-');
  Version version;
  if (parts.size() != 2 || !ParseDecimal(parts[0], &version.time) || !ParseHex(parts[1], &version.origin)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("\"%s\" is not a version: write TIME-ORIGIN as `put` and `get --output json` print it, such as "
                        "116391936000000000-00000000000000ff",
                        absl::CHexEscape(text)));
  }
  return version;
}

std::string FormatVersion(const Version& version) { return absl::StrFormat("%d-%016x", version.time, version.origin); }

absl::StatusOr<uint64_t> ParseCountArgument(absl::string_view text) {
  uint64_t count = 0;
  if (!ParseDecimal(text, &count) || count == 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("\"%s\" is not a count: write a whole number from 1 on", absl::CHexEscape(text)));
  }
  return count;
}

absl::StatusOr<Ack> ParseAckArgument(absl::string_view text) {
  if (text == "local") {
    return Ack::kLocal;
  }
  if (text == "mirrored") {
    return Ack::kMirrored;
  }
  return absl::InvalidArgumentError(absl::StrFormat("\"%s\" is neither local nor mirrored", absl::CHexEscape(text)));
}

absl::StatusOr<OutputFormat> ParseOutputFormatArgument(absl::string_view text) {
  if (text == "text") {
    return OutputFormat::kText;
  }
  if (text == "json") {
    return OutputFormat::kJson;
  }
  return absl::InvalidArgumentError(absl::StrFormat("\"%s\" is neither text nor json", absl::CHexEscape(text)));
}

absl::StatusOr<std::string> ParseTokenArgument(absl::string_view text) {
  std::string token;
  if (text.empty() || !(absl::Base64Unescape(text, &token) || absl::WebSafeBase64Unescape(text, &token))) {
    return absl::InvalidArgumentError(
        absl::StrFormat("\"%s\" is not a token: give the base64 that `watch` or `put` printed as \"token\" with "
                        "--output json",
                        absl::CHexEscape(text)));
  }
  return token;
}

}  // namespace dunlin::client::cli
