#include "server/server_stream.h"

#include <cstddef>
#include <utility>

#include "server/limits.h"

namespace dunlin {

void StreamCall::Await(const std::shared_ptr<const Method>& method) {
  // Deletes itself.
  auto* const call = new StreamCall(method);
  method->queue->AddCall();
  call->context_.AsyncNotifyWhenDone(RpcQueue::Tag(&call->ended_));
  method->await(&call->context_, &call->request_, &call->writer_, method->queue->get(),
                RpcQueue::Tag(&call->accepted_));
}

void StreamCall::OnAccepted(bool ok) {
  if (!ok) {
    // The server is shut down. Nobody else knows of this one.
    method_->queue->RemoveCall();
    delete this;
    return;
  }
  Await(method_);
  method_->open(request_, this);
  request_.Clear();
}

void StreamCall::OnWritten(bool ok) { stream_->OnWriteDone(ok); }

void StreamCall::OnEnded(bool) {
  if (context_.IsCancelled()) {
    stream_->OnCancel();
  }
  ReleaseOfGrpc();
}

void StreamCall::OnFinished(bool) { ReleaseOfGrpc(); }

void StreamCall::ReleaseOfGrpc() {
  if (--awaited_ == 0) {
    stream_->OnDone();
    method_->queue->RemoveCall();
    delete this;
  }
}

void ServerStream::StartWrite(const grpc::ByteBuffer& message) {
  call_->writer_.Write(message, RpcQueue::Tag(&call_->written_));
}

void ServerStream::Finish(const grpc::Status& status) {
  call_->writer_.Finish(status, RpcQueue::Tag(&call_->finished_));
}

void ServeStream(RpcQueue* queue, decltype(StreamCall::Method::await) await, decltype(StreamCall::Method::open) open) {
  auto method = std::make_shared<StreamCall::Method>(StreamCall::Method{queue, std::move(await), std::move(open)});
  for (size_t i = 0; i < kCallsAwaited; ++i) {
    StreamCall::Await(method);
  }
}

}  // namespace dunlin
