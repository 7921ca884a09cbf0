#ifndef DUNLIN_CLIENT_CLI_ARGUMENT_PARSERS_H_
#define DUNLIN_CLIENT_CLI_ARGUMENT_PARSERS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cli/output_format.h"
#include "client/types.h"

// From what is typed on a command line to values. Errors are kInvalidArgument; they quote what was typed and show what
// would be right.
namespace dunlin::client::cli {

// Any text, as it is.
absl::StatusOr<std::string> ParseTextArgument(absl::string_view text);

// "500ms", "10s", "1h30m".
absl::StatusOr<absl::Duration> ParseDurationArgument(absl::string_view text);

// "TIME-ORIGIN", decimal and hexadecimal, as FormatVersion() and the replica's messages write it.
absl::StatusOr<Version> ParseVersionArgument(absl::string_view text);
std::string FormatVersion(const Version& version);

// A whole number from 1 on.
absl::StatusOr<uint64_t> ParseCountArgument(absl::string_view text);

// "local" or "mirrored".
absl::StatusOr<Ack> ParseAckArgument(absl::string_view text);

// "text" or "json".
absl::StatusOr<OutputFormat> ParseOutputFormatArgument(absl::string_view text);

// A token in base64, of the standard or of the URL-safe alphabet.
absl::StatusOr<std::string> ParseTokenArgument(absl::string_view text);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_ARGUMENT_PARSERS_H_
