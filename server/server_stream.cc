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
  method->await(&call->context_, &call->request_, &call->writer_, call->queue_->get(), method->queue->arrivals(),
                RpcQueue::Tag(&call->accepted_));
}

void StreamCall::OnAccepted(bool ok) {
  CallQueue* const arrived_at = method_->queue;
  if (ok) {
    Await(method_);
    queue_->AddCall();
    queue_->Post(&opened_);
  } else {
    // The server is shut down. Nobody else knows of this one.
    delete this;
  }
  arrived_at->RemoveCall();
}

void StreamCall::OnOpened(bool) {
  method_->open(request_, this);
  request_.Clear();
  if (cancelled_) {
    stream_->OnCancel();
  }
}

void StreamCall::OnWritten(bool ok) { stream_->OnWriteDone(ok); }

void StreamCall::OnEnded(bool) {
  cancelled_ = context_.IsCancelled();
  if (cancelled_ && stream_ != nullptr) {
    stream_->OnCancel();
  }
  ReleaseOfGrpc();
}

void StreamCall::OnFinished(bool) { ReleaseOfGrpc(); }

void StreamCall::ReleaseOfGrpc() {
  if (--awaited_ == 0) {
    stream_->OnDone();
    queue_->RemoveCall();
    delete this;
  }
}

RpcQueue::Outcome ServerStream::StartWrite(const grpc::ByteBuffer& message) {
  return call_->queue_->Ask(&call_->written_, [&] { call_->writer_.Write(message, RpcQueue::Tag(&call_->written_)); });
}

void ServerStream::Finish(const grpc::Status& status) {
  call_->writer_.Finish(status, RpcQueue::Tag(&call_->finished_));
}

void ServeStream(CallQueue* queue, decltype(StreamCall::Method::await) await, decltype(StreamCall::Method::open) open) {
  auto method = std::make_shared<StreamCall::Method>(StreamCall::Method{queue, std::move(await), std::move(open)});
  for (size_t i = 0; i < kCallsAwaited; ++i) {
    StreamCall::Await(method);
  }
}

}  // namespace dunlin
