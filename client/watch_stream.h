#ifndef DUNLIN_CLIENT_WATCH_STREAM_H_
#define DUNLIN_CLIENT_WATCH_STREAM_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dunlin/v1/kv.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/support/async_stream.h"

namespace dunlin::client {

// WatchStream is the gRPC side of a Watcher: one call of Watch, read message by message, with a limit on silence.
//
// It uses a completion queue of its own rather than gRPC's synchronous reader, because only that can stop waiting: a
// replica that is frozen or cut off sends neither a message nor an error.
//
// Thread-safety: one thread at a time reads; Cancel() is safe from any thread.
class WatchStream {
 public:
  // Sends `request` and blocks until it is on its way. `call` names the stream in errors.
  // Errors: kUnavailable if the replica cannot be reached, or not within `connect_timeout`.
  static absl::StatusOr<std::unique_ptr<WatchStream>> Open(v1::KVService::Stub& stub, const v1::WatchRequest& request,
                                                           std::string call, absl::Duration connect_timeout,
                                                           absl::Duration silence_timeout);

  // Cancels the call and waits until gRPC has let go of it.
  ~WatchStream();
  WatchStream(const WatchStream&) = delete;
  WatchStream& operator=(const WatchStream&) = delete;

  // Blocks until the next message and moves it to `*response`. An error ends the stream: see Watcher::Next().
  // REQUIRES: no earlier call has returned an error.
  absl::Status Read(v1::WatchResponse* response);

  void Cancel() { context_.TryCancel(); }

 private:
  WatchStream(std::string call, absl::Duration silence_timeout);

  // Waits until the operation under way is done. Returns whether it succeeded; cancels it after `timeout`, and then
  // sets `timed_out_`.
  bool Await(absl::Duration timeout);

  // Collects the reason for which gRPC ended the call.
  absl::Status Finish();

  const std::string call_;
  const absl::Duration silence_timeout_;

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;

  // Touched by the reading thread only.
  std::unique_ptr<grpc::ClientAsyncReader<v1::WatchResponse>> reader_;
  bool timed_out_ = false;
  bool finished_ = false;
};

}  // namespace dunlin::client

#endif  // DUNLIN_CLIENT_WATCH_STREAM_H_
