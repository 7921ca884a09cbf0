#ifndef DUNLIN_CLIENT_CLI_SHELL_LINE_H_
#define DUNLIN_CLIENT_CLI_SHELL_LINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dunlin::client::cli {

// Splits a line of the shell into words.
//
// Words are separated by blanks and taken as they are. A word that begins with a double quote ends with the next one:
// between them blanks count, and \" \\ \n \r \t \xHH stand for what they stand for in C, with exactly two digits. "" is
// an empty word.
//
// Errors: kInvalidArgument for a missing quote, something right behind a closing quote, or an unknown escape; the
// message says at which column.
absl::StatusOr<std::vector<std::string>> ParseShellLine(absl::string_view line);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_SHELL_LINE_H_
