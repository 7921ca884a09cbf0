#ifndef DUNLIN_SERVER_ONEOF_CHECK_H_
#define DUNLIN_SERVER_ONEOF_CHECK_H_

#include <google/protobuf/descriptor.h>
#include <grpcpp/support/byte_buffer.h>

#include "absl/status/status.h"

namespace dunlin {

// Checks that a message gives no more than one member of each oneof. Protobuf keeps the last on the wire and drops the
// others without a word, so that a caller who gave two would not learn which of them counted.
//
// REQUIRES: `bytes` parse as a message of `type`.
// Errors: kInvalidArgument, naming both fields.
absl::Status CheckOneofs(const grpc::ByteBuffer& bytes, const google::protobuf::Descriptor& type);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_ONEOF_CHECK_H_
