#ifndef DUNLIN_CLIENT_RESUMING_WATCHER_H_
#define DUNLIN_CLIENT_RESUMING_WATCHER_H_

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/held_entries.h"
#include "client/types.h"
#include "client/watcher.h"
#include "storage/mutex.h"

namespace dunlin::client {

// ResumingWatcher is a watch that does not end when its replica does: it goes on where it was, on the next of several
// replicas or on the same one when it is back, and tells its reader real changes alone. What a replica repeats is left
// out, and where one has to send the full state again (kReset), the reader is told the difference to what it held; a
// kReset itself is never seen. With WatchOptions::every_change that is told as kGap.
//
// While no replica can be reached, Next() blocks; it tries all of them in turn, with pauses of up to 2 s between
// rounds.
//
// It holds the key and version of every live entry that matches the selector.
//
// Thread-safety: one thread at a time reads (Next(), ForEach()); Cancel() and token() are safe from any thread.
class ResumingWatcher {
 public:
  // Watches the replica of the first client that serves. All must outlive this object.
  // Errors: kInvalidArgument if there are none, or for WatchOptions::no_puts, with which a full state says nothing.
  static absl::StatusOr<std::unique_ptr<ResumingWatcher>> Create(std::vector<Client*> clients, WatchOptions options);

  // REQUIRES: no other thread uses it.
  ~ResumingWatcher();
  ResumingWatcher(const ResumingWatcher&) = delete;
  ResumingWatcher& operator=(const ResumingWatcher&) = delete;

  // Blocks until the next message that has something new: events, the first kSynced, a kHeartbeat, a kGap or damaged
  // keys.
  //
  // Errors: kCancelled after Cancel(), and what no other replica would answer differently, such as kInvalidArgument.
  // Once it has returned an error, it returns the same error for ever.
  absl::StatusOr<WatchMessage> Next();

  // As Watcher::ForEach().
  absl::Status ForEach(absl::FunctionRef<bool(const WatchMessage&)> handle);

  // A Next() under way returns kCancelled soon. Cancelling twice is allowed.
  void Cancel() ABSL_LOCKS_EXCLUDED(mutex_);

  // Resumes after the last message that Next() returned or left out, on any replica of the fleet; empty if none has
  // carried a token yet. A watch that begins with it, in another process, has to hold what this one's reader does.
  std::string token() const ABSL_LOCKS_EXCLUDED(mutex_);

  // How often the stream has been opened anew.
  uint64_t resumes() const { return opened_ == 0 ? 0 : opened_ - 1; }
  // How often a replica had to send the full state again, because it could not go on after the token.
  uint64_t resets() const { return resets_; }

 private:
  ResumingWatcher(std::vector<Client*> clients, WatchOptions options);

  // Opens a stream on the next client. Waits between rounds.
  absl::Status Reopen();
  absl::Status Open(Client* client);
  // Goes on with the next client, unless the watch has ended; returns why it has.
  absl::Status AfterError(const absl::Status& error) ABSL_LOCKS_EXCLUDED(mutex_);
  void TryNextClient() ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns kCancelled if Cancel() has come.
  absl::Status Pause(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::vector<Client*> clients_;
  WatchOptions options_;

  // Touched by the reading thread only.
  std::mt19937_64 random_{std::random_device()()};
  HeldEntries held_;
  size_t client_ = 0;
  // Since something was heard.
  size_t failures_ = 0;
  uint64_t opened_ = 0;
  uint64_t resets_ = 0;
  bool synced_ = false;
  absl::Status ended_;
  std::unique_ptr<Watcher> watcher_;

  mutable Mutex mutex_;
  CondVar cancelled_changed_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // watcher_, for Cancel(); null while it is being replaced.
  Watcher* open_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::string token_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin::client

#endif  // DUNLIN_CLIENT_RESUMING_WATCHER_H_
