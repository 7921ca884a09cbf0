#ifndef DUNLIN_CLIENT_CLI_VALUE_SOURCE_H_
#define DUNLIN_CLIENT_CLI_VALUE_SOURCE_H_

#include <istream>
#include <string>

#include "absl/status/statusor.h"

// Where `put` takes a value from when it does not stand on the command line.
namespace dunlin::client::cli {

// Reads `in` to its end. Errors: kInvalidArgument for more than any replica accepts, before all of it is read.
absl::StatusOr<std::string> ReadValue(std::istream& in);

// Reads the file at `path`. Errors: kInvalidArgument, also when the file cannot be read.
absl::StatusOr<std::string> ReadValueFile(const std::string& path);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_VALUE_SOURCE_H_
