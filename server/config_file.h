#ifndef DUNLIN_SERVER_CONFIG_FILE_H_
#define DUNLIN_SERVER_CONFIG_FILE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dunlin {

// One value of a configuration file and the line it stands on.
struct ConfigValue {
  std::string value;
  int line = 0;
};

using ConfigValues = std::map<std::string, ConfigValue>;

// Reads the text of a configuration file: lines of `key = value`, the common part of TOML and INI.
//
//   # A comment; a semicolon starts one too.
//   listen = "[::]:7700"    # quotes are needed around spaces, # and ; only; \" and \\ are a quote and a backslash
//   data-dir = 'C:\literal' # single quotes take everything as it is
//   watch-streams-max = 500
//
// There are no sections, no arrays and no values of several lines. `file` is what messages call it.
//
// Errors: kInvalidArgument, naming file and line, what is wrong with it and how to write it.
absl::StatusOr<ConfigValues> ParseConfig(absl::string_view text, absl::string_view file);

// Reads the file at `path`.
// Errors: as above, and kInvalidArgument when it cannot be read or is larger than a configuration can be.
absl::StatusOr<ConfigValues> ReadConfigFile(const std::string& path);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_CONFIG_FILE_H_
