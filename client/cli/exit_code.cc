#include "client/cli/exit_code.h"

namespace dunlin::client::cli {

const char kExitCodesHelp[] =
    "Exit codes:\n"
    "  0  done\n"
    "  1  another failure\n"
    "  2  wrong usage, or an argument that the replica refuses\n"
    "  3  the key was not found\n"
    "  4  the precondition does not hold\n"
    "  5  no replica answered, or not in time\n"
    "  6  the replica's quota or queue is full\n"
    "  7  it is open whether the write took place: read the key\n"
    "  8  permission denied";

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kFailedPrecondition:
      return kExitPreconditionFailed;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    case absl::StatusCode::kResourceExhausted:
      return kExitExhausted;
    case absl::StatusCode::kAborted:
      return kExitUnknownOutcome;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return kExitDenied;
    default:
      return kExitFailure;
  }
}

}  // namespace dunlin::client::cli
