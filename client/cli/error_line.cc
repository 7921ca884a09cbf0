#include "client/cli/error_line.h"

#include "absl/strings/str_cat.h"
#include "client/cli/text_output.h"

namespace dunlin::client::cli {

std::string ErrorLine(absl::string_view message) {
  return absl::StrCat("dunlin: ", message.empty() ? "failed without saying why" : EscapeForTerminal(message), "\n");
}

}  // namespace dunlin::client::cli
