#include "server/unary_method.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "server/status_mapping.h"

namespace dunlin {
namespace internal {
namespace {

absl::Time DeadlineOf(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  return deadline == std::chrono::system_clock::time_point::max() ? absl::InfiniteFuture() : absl::FromChrono(deadline);
}

}  // namespace

UnaryCall::UnaryCall(const grpc::CallbackServerContext& context, grpc::ByteBuffer* response)
    : response_(response), deadline_(DeadlineOf(context)) {}

void UnaryCall::Complete(const absl::Status& status) {
  if (Claim()) Finish(ToGrpcStatus(status));
}

void UnaryCall::Complete(const google::protobuf::Message& reply) {
  if (!Claim()) return;
  bool owned = false;
  Finish(grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::Message>(reply, response_, &owned));
}

void UnaryCall::Complete(const grpc::ByteBuffer& encoded_reply) {
  if (!Claim()) return;
  *response_ = encoded_reply;
  Finish(grpc::Status::OK);
}

void UnaryCall::Release() {
  if (shares_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void UnaryCall::OnCancel() {
  cancelled_.store(true, std::memory_order_relaxed);
  // A caller who has given up hears nothing any more. Whoever might is cut off by a shutdown, and may try elsewhere.
  Complete(absl::UnavailableError("the replica is shutting down; try another replica"));
}

}  // namespace internal
}  // namespace dunlin
