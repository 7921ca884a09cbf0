#ifndef DUNLIN_SERVER_STATUS_MAPPING_H_
#define DUNLIN_SERVER_STATUS_MAPPING_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace dunlin {

// Maps an error of ours to what a caller sees. This is the one place where the two languages of errors meet.
//
// The codes are one to one. The message is made fit for the wire: bytes that are not UTF-8 become U+FFFD, and a message
// above kStatusMessageMaxBytes is cut at a character and ends in "... (cut)". Payloads of the status are not sent.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_STATUS_MAPPING_H_
