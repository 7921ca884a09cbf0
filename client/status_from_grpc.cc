#include "client/status_from_grpc.h"

#include "absl/strings/str_cat.h"

namespace dunlin::client {
namespace {

// Both sides number the codes as google.rpc.Code does; the ends of the range are enough to notice if that changes.
static_assert(static_cast<int>(grpc::StatusCode::CANCELLED) == static_cast<int>(absl::StatusCode::kCancelled));
static_assert(static_cast<int>(grpc::StatusCode::UNAVAILABLE) == static_cast<int>(absl::StatusCode::kUnavailable));
static_assert(static_cast<int>(grpc::StatusCode::UNAUTHENTICATED) ==
              static_cast<int>(absl::StatusCode::kUnauthenticated));

absl::StatusCode CodeFromGrpc(int code) {
  const bool known = code >= static_cast<int>(absl::StatusCode::kCancelled) &&
                     code <= static_cast<int>(absl::StatusCode::kUnauthenticated);
  return known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown;
}

bool SpeaksOfTheReplica(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kUnknown:
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::Status StatusFromGrpc(const grpc::Status& status, absl::string_view call) {
  if (status.ok()) {
    return absl::OkStatus();
  }
  const absl::StatusCode code = CodeFromGrpc(status.error_code());
  if (!SpeaksOfTheReplica(code)) {
    return absl::Status(code, status.error_message());
  }
  return absl::Status(code, absl::StrCat(call, ": ", status.error_message()));
}

}  // namespace dunlin::client
