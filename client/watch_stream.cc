#include "client/watch_stream.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/status_from_grpc.h"

namespace dunlin::client {
namespace {

// There is never more than one operation under way, so that its tag carries no information.
void* const kTag = nullptr;

}  // namespace

WatchStream::WatchStream(std::string call, absl::Duration silence_timeout)
    : call_(std::move(call)), silence_timeout_(silence_timeout) {}

absl::StatusOr<std::unique_ptr<WatchStream>> WatchStream::Open(v1::KVService::Stub& stub,
                                                               const v1::WatchRequest& request, std::string call,
                                                               absl::Duration connect_timeout,
                                                               absl::Duration silence_timeout) {
  auto stream = absl::WrapUnique(new WatchStream(std::move(call), silence_timeout));
  stream->reader_ = stub.PrepareAsyncWatch(&stream->context_, request, &stream->queue_);
  stream->reader_->StartCall(kTag);
  if (stream->Await(connect_timeout)) {
    return stream;
  }
  const absl::Status status = stream->Finish();
  if (stream->timed_out_) {
    return absl::UnavailableError(absl::StrFormat("%s: no connection within %s; is the address right?", stream->call_,
                                                  absl::FormatDuration(connect_timeout)));
  }
  return status;
}

WatchStream::~WatchStream() {
  if (!finished_) {
    Cancel();
    Finish().IgnoreError();
  }
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

absl::Status WatchStream::Read(v1::WatchResponse* response) {
  reader_->Read(response, kTag);
  if (Await(silence_timeout_)) {
    return absl::OkStatus();
  }
  const absl::Status status = Finish();
  if (timed_out_) {
    return absl::UnavailableError(
        absl::StrFormat("%s: nothing was heard for %s, not even a heartbeat; try another replica", call_,
                        absl::FormatDuration(silence_timeout_)));
  }
  return status.ok() ? absl::UnavailableError(absl::StrFormat("%s: the replica ended the stream", call_)) : status;
}

bool WatchStream::Await(absl::Duration timeout) {
  void* tag = nullptr;
  bool ok = false;
  const auto deadline = absl::ToChronoTime(absl::Now() + timeout);
  if (queue_.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::TIMEOUT) {
    timed_out_ = true;
    Cancel();
    queue_.Next(&tag, &ok);
    return false;
  }
  return ok;
}

absl::Status WatchStream::Finish() {
  grpc::Status status;
  reader_->Finish(&status, kTag);
  // After a failed operation or a cancellation gRPC has the status at hand: there is no network to wait for.
  void* tag = nullptr;
  bool ok = false;
  queue_.Next(&tag, &ok);
  finished_ = true;
  return StatusFromGrpc(status, call_);
}

}  // namespace dunlin::client
