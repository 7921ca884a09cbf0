#ifndef DUNLIN_SERVER_REQUEST_PARSER_H_
#define DUNLIN_SERVER_REQUEST_PARSER_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include "absl/status/status.h"

namespace dunlin {

// Parses the bytes of a request.
//
// Errors: kInvalidArgument when the bytes are not a message of that type, naming the field (with its index in a
// repeated one) that holds invalid UTF-8, or the byte at which the encoding is broken; or when they give several
// members of a oneof, naming two. `request` then holds whatever could be read. gRPC's own parsing would answer INTERNAL
// to the former, which tells the caller that the fault is ours, and take the last of the latter.
absl::Status ParseRequest(const grpc::ByteBuffer& bytes, google::protobuf::Message* request);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_REQUEST_PARSER_H_
