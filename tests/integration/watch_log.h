#ifndef DUNLIN_TESTS_INTEGRATION_WATCH_LOG_H_
#define DUNLIN_TESTS_INTEGRATION_WATCH_LOG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "client/client.h"
#include "storage/mutex.h"
#include "tests/support/eventually.h"

namespace dunlin {

// WatchLog reads a watch stream on a thread of its own: it keeps what came, the state that follows from it, and the
// first thing that no stream may say.
//
// A stream may not say: a lower version of a key after a higher one; after SYNCED, a revision that is not above the one
// before.
//
// Thread-safety: safe for concurrent use.
class WatchLog {
 public:
  // A stream of what happens from now on sees all that is written once this has returned. Aborts the test program when
  // the stream cannot be opened.
  WatchLog(Client& client, const client::WatchOptions& options);
  // Cancels the stream.
  ~WatchLog();
  WatchLog(const WatchLog&) = delete;
  WatchLog& operator=(const WatchLog&) = delete;

  // Whether an event that fits has come, or comes within the patience.
  bool Saw(absl::FunctionRef<bool(const client::WatchEvent&)> fits) const;
  bool SawPut(absl::string_view key, absl::string_view value) const;
  bool SawMarker(client::WatchMarker marker) const;

  // Whether the stream ends by itself within the patience. Its status is then that of End().
  bool Ends() const;
  absl::Status End() const;

  // How many events for `key` have come so far.
  size_t Count(absl::string_view key) const;
  std::vector<client::WatchEvent> events() const;
  // Key -> value as the stream tells it.
  std::map<std::string, std::string> state() const;
  size_t messages(client::WatchMarker marker) const;
  // Empty while all is well.
  std::string violation() const;
  // Resumes after what has been read.
  std::string token() const { return watcher_->token(); }

 private:
  void Run();
  void Take(const client::WatchMessage& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Check(const client::WatchEvent& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::unique_ptr<client::Watcher> watcher_;

  mutable Mutex mutex_;
  std::vector<client::WatchEvent> events_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> state_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, client::Version> versions_ ABSL_GUARDED_BY(mutex_);
  std::map<client::WatchMarker, size_t> markers_ ABSL_GUARDED_BY(mutex_);
  bool synced_ ABSL_GUARDED_BY(mutex_);
  uint64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string violation_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

// Options in few words.
client::WatchOptions WatchAll(bool initial_state = false);
client::WatchOptions ResumeAfter(const std::string& token);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_INTEGRATION_WATCH_LOG_H_
