#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/commands.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "storage/status_macros.h"

namespace dunlin::client::cli {
namespace {

// Reading a large store from a slow disk takes minutes.
constexpr absl::Duration kDefaultTimeout = absl::Minutes(10);

}  // namespace

void AddVerifyCommand(CommandLine& line) {
  line.Add("verify", "Check all that the replica holds", RunVerify)
      .Notes(
          "Exit code 1 says that something is damaged, or that counts or digest do not fit the records. What is "
          "damaged and the fleet has, the replica then reads again by itself. Waits for up to 10 minutes unless "
          "--timeout says otherwise.");
}

absl::Status RunVerify(CommandContext& context) {
  CallOptions options;
  options.timeout = context.timeout.value_or(kDefaultTimeout);
  DUNLIN_ASSIGN_OR_RETURN(const VerifyResult result, context.client.Verify(options));
  context.console.out << (context.format == OutputFormat::kJson ? JsonLine(result) : VerifyTable(result));
  if (result.damaged_count > 0) {
    return absl::DataLossError(
        absl::StrCat("the replica's store is damaged: ", result.damaged_count, " findings",
                     result.repair_started ? "; what its fleet has it reads again now: verify once more" : ""));
  }
  if (result.counts == Comparison::kDifferent || result.digest == Comparison::kDifferent) {
    return absl::DataLossError("the replica's counts or digest are not those of its records");
  }
  return absl::OkStatus();
}

}  // namespace dunlin::client::cli
