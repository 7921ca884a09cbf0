#ifndef DUNLIN_CLIENT_CLI_ERROR_LINE_H_
#define DUNLIN_CLIENT_CLI_ERROR_LINE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace dunlin::client::cli {

// "dunlin: MESSAGE" with a newline. It is one line whatever the message contains.
std::string ErrorLine(absl::string_view message);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_ERROR_LINE_H_
