#include "server/unary_method.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "server/status_mapping.h"

namespace dunlin {
namespace internal {
namespace {

absl::Time DeadlineOf(const grpc::ServerContext& context) {
  const auto deadline = context.deadline();
  return deadline == std::chrono::system_clock::time_point::max() ? absl::InfiniteFuture() : absl::FromChrono(deadline);
}

}  // namespace

void UnaryCall::Await(const std::shared_ptr<const Method>& method) {
  // Deletes itself.
  auto* const call = new UnaryCall(method);
  method->queue->AddCall();
  call->rpc_->context.AsyncNotifyWhenDone(RpcQueue::Tag(&call->ended_));
  method->await(&call->rpc_->context, &call->rpc_->request, &call->rpc_->writer, method->queue->get(),
                method->queue->arrivals(), RpcQueue::Tag(&call->accepted_));
}

void UnaryCall::OnAccepted(bool ok) {
  if (!ok) {
    // The server is shut down. Nobody else knows of this one.
    method_->queue->RemoveCall();
    delete this;
    return;
  }
  Await(method_);
  method_->unanswered.fetch_add(1, std::memory_order_relaxed);
  deadline_ = DeadlineOf(rpc_->context);
  method_->handle(rpc_->request, this);
}

void UnaryCall::Complete(const absl::Status& status) {
  if (Claim()) {
    Answer(ToGrpcStatus(status), grpc::ByteBuffer());
  }
}

void UnaryCall::Complete(const google::protobuf::Message& reply) {
  if (!Claim()) {
    return;
  }
  grpc::ByteBuffer bytes;
  bool owned = false;
  const grpc::Status status =
      grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::Message>(reply, &bytes, &owned);
  Answer(status, bytes);
}

void UnaryCall::Complete(const grpc::ByteBuffer& encoded_reply) {
  if (Claim()) {
    Answer(grpc::Status::OK, encoded_reply);
  }
}

// gRPC wakes the queue's thread for each answer that another thread sends. Where many wait for theirs, they are handed
// over together, which wakes it once; where few do, the change of threads would take longer than it saves.
void UnaryCall::Answer(const grpc::Status& status, const grpc::ByteBuffer& reply) {
  const size_t unanswered = method_->unanswered.fetch_sub(1, std::memory_order_relaxed);
  if (unanswered < kAnswersTogetherMin || method_->queue->IsCurrent()) {
    Send(status, reply);
    return;
  }
  posted_ = std::make_unique<const Posted>(Posted{status, reply});
  method_->queue->Post(&send_);
}

void UnaryCall::Send(const grpc::Status& status, const grpc::ByteBuffer& reply) {
  if (status.ok()) {
    rpc_->writer.Finish(reply, status, RpcQueue::Tag(&answered_));
  } else {
    rpc_->writer.FinishWithError(status, RpcQueue::Tag(&answered_));
  }
}

void UnaryCall::OnEnded(bool) {
  if (rpc_->context.IsCancelled()) {
    cancelled_.store(true, std::memory_order_relaxed);
    // A caller who has given up hears nothing any more. Whoever might is cut off by a shutdown, and may try elsewhere.
    Complete(absl::UnavailableError("the replica is shutting down; try another replica"));
  }
  ReleaseOfGrpc();
}

void UnaryCall::OnAnswered(bool) { ReleaseOfGrpc(); }

void UnaryCall::ReleaseOfGrpc() {
  if (--awaited_ == 0) {
    rpc_.reset();
    method_->queue->RemoveCall();
    Release();
  }
}

void UnaryCall::Release() {
  if (shares_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete this;
  }
}

}  // namespace internal
}  // namespace dunlin
