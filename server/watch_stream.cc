#include "server/watch_stream.h"

#include <grpc/grpc.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <utility>

#include "server/status_mapping.h"
#include "server/watch_service.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

grpc::ByteBuffer Serialize(const v1::WatchResponse& message) {
  grpc::ByteBuffer bytes;
  bool own_buffer;
  // Serialization fails only above 2 GiB.
  (void)grpc::SerializationTraits<v1::WatchResponse>::Serialize(message, &bytes, &own_buffer);
  return bytes;
}

}  // namespace

void WatchStream::Prepare(Options options, absl::Time now) {
  self_ = shared_from_this();
  heartbeat_ = options.heartbeat;
  said_at_ = now;
  // The session ends with the stream, so its wake-ups cannot outlive it.
  session_ = std::make_unique<WatchSession>(std::move(options.session), service_->parts_.store, service_->parts_.feed,
                                            [this] { PutInLine(); });
}

void WatchStream::Refuse(const absl::Status& error) {
  self_ = shared_from_this();
  finished_ = true;
  session_.reset();
  Finish(ToGrpcStatus(error));
}

void WatchStream::Pump(absl::Time now) {
  if (finished_ || writing_.load(std::memory_order_acquire)) {
    return;
  }
  absl::Status end;
  {
    MutexLock lock(&mutex_);
    end = end_;
  }
  if (end.ok()) {
    end = SayNext(now);
  }
  if (!end.ok()) {
    finished_ = true;
    // Before gRPC may let go of the stream, so that the feed does not call into it any more.
    session_.reset();
    Finish(ToGrpcStatus(end));
  }
}

absl::Status WatchStream::SayNext(absl::Time now) {
  v1::WatchResponse message;
  DUNLIN_ASSIGN_OR_RETURN(const WatchSession::Step step, session_->Next(&message));
  if (step == WatchSession::Step::kMessage) {
    Say(&message, now);
  } else if (now >= heartbeat_at()) {
    session_->Heartbeat(&message);
    Say(&message, now);
  } else if (step == WatchSession::Step::kMore) {
    PutInLine();
  }
  return absl::OkStatus();
}

void WatchStream::Say(v1::WatchResponse* message, absl::Time now) {
  FillLag(service_->parts_, message->mutable_lag());
  message_ = Serialize(*message);
  said_at_ = now;
  writing_.store(true, std::memory_order_relaxed);
  StartWrite(&message_);
}

void WatchStream::End(const absl::Status& error) {
  {
    MutexLock lock(&mutex_);
    if (end_.ok()) {
      end_ = error;
    }
  }
  PutInLine();
}

// CallbackServerContext::TryCancel() would do the same with CANCELLED, which tells the caller not to try again. With a
// status of our own gRPC sends it at once, past the messages that wait for the reader.
void WatchStream::Abort(const absl::Status& error) {
  const grpc::Status status = ToGrpcStatus(error);
  grpc_call_cancel_with_status(context_->c_call(), static_cast<grpc_status_code>(status.error_code()),
                               status.error_message().c_str(), nullptr);
}

void WatchStream::OnWriteDone(bool ok) {
  writing_.store(false, std::memory_order_release);
  if (!ok) {
    End(absl::CancelledError("the stream is broken"));
  } else {
    PutInLine();
  }
}

void WatchStream::OnCancel() { End(absl::CancelledError("the caller has cancelled the stream")); }

void WatchStream::OnDone() {
  const std::shared_ptr<WatchStream> self = std::move(self_);
  service_->Remove(self);
}

void WatchStream::PutInLine() { service_->Enqueue(shared_from_this()); }

}  // namespace dunlin
