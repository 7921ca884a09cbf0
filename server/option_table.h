#ifndef DUNLIN_SERVER_OPTION_TABLE_H_
#define DUNLIN_SERVER_OPTION_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/options.h"

namespace dunlin {

// One option: how it is called, explained, read and shown. It knows nothing of where its value comes from.
struct OptionRow {
  // Without the dashes in front.
  const char* name;
  const char* value_name;
  const char* group;
  const char* help;
  // Checks `value` and stores it. Errors: kInvalidArgument, quoting the value but not the name.
  absl::Status (*apply)(absl::string_view value, Options* options);
  // The value as one may write it; "(set)" in place of a secret.
  std::string (*show)(const Options& options);
};

// Every option, in the order of the help text.
const std::vector<OptionRow>& OptionTable();

// Checks what concerns several options at once. Errors: kInvalidArgument, naming them.
absl::Status CheckTogether(const Options& options);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_OPTION_TABLE_H_
