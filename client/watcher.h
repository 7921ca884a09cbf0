#ifndef DUNLIN_CLIENT_WATCHER_H_
#define DUNLIN_CLIENT_WATCHER_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/types.h"
#include "storage/mutex.h"

namespace dunlin::client {

class WatchStream;

// Watcher is one open watch stream, made by Client::Watch().
//
// Messages come by Next(), or by ForEach() for those who would rather be called. The stream lasts until somebody
// cancels it, the replica ends it, or the replica has been silent for WatchOptions::silence_timeout. A watcher that has
// ended stays ended: to go on, open a new one, on this replica or another, with `resume_token = token()`, or let a
// ResumingWatcher (client/resuming_watcher.h) do all that.
//
// It buffers no more than gRPC's flow control lets through. A reader may be as slow as it likes: the replica then sends
// it the latest state of each key instead of every step.
//
// Thread-safety: one thread at a time reads (Next(), ForEach()); Cancel() and token() are safe from any thread.
class Watcher {
 public:
  // REQUIRES: `stream` is open. Client::Watch() is the way to get one.
  explicit Watcher(std::unique_ptr<WatchStream> stream);

  // Cancels the stream.
  // REQUIRES: no other thread uses the watcher.
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Blocks until the next message. Once it has returned an error, it returns the same error for ever.
  //
  // Errors: kCancelled after Cancel(); kUnavailable when the replica shuts down, the connection is lost or the replica
  // was silent for too long; kInvalidArgument for a malformed selector or resume token; kResourceExhausted when the
  // replica serves as many streams as it allows. The last two come with the first call.
  absl::StatusOr<WatchMessage> Next();

  // Calls `handle` with each message until it returns false; then returns OK, and reading may go on later. Otherwise
  // returns the error that ended the stream, as Next() does.
  absl::Status ForEach(absl::FunctionRef<bool(const WatchMessage&)> handle);

  // Ends the stream: a Next() under way returns kCancelled soon. Cancelling twice is allowed.
  void Cancel();

  // Resumes after the last message that Next() returned; empty if no message has carried a token yet, as it is while an
  // initial state is being sent. While the state after a kReset is being sent, it begins with another kReset.
  std::string token() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const std::unique_ptr<WatchStream> stream_;

  // Touched by the reading thread only: what ended the stream.
  absl::Status ended_;

  mutable Mutex mutex_;
  std::string token_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin::client

#endif  // DUNLIN_CLIENT_WATCHER_H_
