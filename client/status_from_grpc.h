#ifndef DUNLIN_CLIENT_STATUS_FROM_GRPC_H_
#define DUNLIN_CLIENT_STATUS_FROM_GRPC_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/support/status.h"

namespace dunlin::client {

// The one place in which gRPC's way of saying what went wrong becomes ours. Codes map one to one; a number that neither
// side knows becomes kUnknown.
//
// The message is kept. Where the code speaks of the replica or the way to it rather than of the request, `call` ("Get
// on 10.0.0.1:7700") is put in front: a caller of several replicas could not tell otherwise which one it was.
absl::Status StatusFromGrpc(const grpc::Status& status, absl::string_view call);

}  // namespace dunlin::client

#endif  // DUNLIN_CLIENT_STATUS_FROM_GRPC_H_
