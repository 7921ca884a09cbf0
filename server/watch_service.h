#ifndef DUNLIN_SERVER_WATCH_SERVICE_H_
#define DUNLIN_SERVER_WATCH_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/event_encoder.h"
#include "server/replica_parts.h"
#include "server/server_stream.h"
#include "server/watch_stream.h"
#include "storage/change_feed.h"
#include "storage/clock.h"
#include "storage/mutex.h"

namespace dunlin {

// WatchService serves all watch streams with one thread: a stream that may have something to say is put in line, and
// says one message at its turn. So a stream costs memory, not a thread, and a long initial state delays nobody by more
// than a page. While the thread sleeps, whoever has committed what a few of them wait for lets these say it himself
// (docs/decisions/0029-who-brings-an-event-applies-it.md).
//
// Thread-safety: safe for concurrent use.
class WatchService final : private ChangeFeed::Carrier {
 public:
  struct Options {
    size_t streams_max = kWatchStreamsMaxDefault;
    absl::Duration heartbeat = kWatchHeartbeatPeriod;
  };

  // `parts` and what they point to must outlive this object.
  WatchService(const Options& options, const ReplicaParts& parts);
  WatchService(const WatchService&) = delete;
  WatchService& operator=(const WatchService&) = delete;
  // Shuts down, if that has not been done.
  ~WatchService() override;

  // Opens a stream for `call`, which asks for `request`. If that cannot be served the stream ends with the error.
  void Open(StreamCall* call, const grpc::ByteBuffer& request) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends all streams with UNAVAILABLE, and those opened later too, and waits until they have ended. A stream whose
  // reader does not read within `patience` loses the messages that wait for it, and ends all the same.
  void Shutdown(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);

  // Streams that are open.
  size_t streams() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Up to `streams_max` streams that are open, whose ids follow `after_id`, by their ids.
  std::vector<std::shared_ptr<const WatchStream>> List(uint64_t after_id, size_t streams_max) const
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class WatchStream;

  absl::StatusOr<WatchStream::Options> Admit(const grpc::ByteBuffer& request) ABSL_LOCKS_EXCLUDED(mutex_);

  uint64_t NewId() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Add(const std::shared_ptr<WatchStream>& stream) ABSL_LOCKS_EXCLUDED(mutex_);

  // Called by streams: puts one in line, unless it is there already; and takes one out that gRPC is done with.
  void Enqueue(std::shared_ptr<WatchStream> stream) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(const std::shared_ptr<WatchStream>& stream) ABSL_LOCKS_EXCLUDED(mutex_);

  // When to look how a stream and its reader stand.
  struct Look {
    absl::Time at;
    std::weak_ptr<WatchStream> stream;

    bool operator>(const Look& other) const { return at > other.at; }
  };

  void Run() ABSL_LOCKS_EXCLUDED(turn_, mutex_);
  void CarryOn() override ABSL_LOCKS_EXCLUDED(turn_, mutex_);
  // Waits, until `at`, for the next stream in line; null when that is past, or it is time to stop.
  std::shared_ptr<WatchStream> AwaitNext(absl::Time at) ABSL_LOCKS_EXCLUDED(mutex_);
  std::shared_ptr<WatchStream> TakeNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Those in line, if they are few that only have to say what the feed has brought.
  std::vector<std::shared_ptr<WatchStream>> TakeFewLive() ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Looks at the streams whose time has come. Returns when to look again.
  absl::Time LookAround(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_) ABSL_LOCKS_EXCLUDED(mutex_);
  void EndIfLagging(const std::shared_ptr<WatchStream>& stream, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Schedule(const std::shared_ptr<WatchStream>& stream, absl::Time at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);

  const Options options_;
  const ReplicaParts parts_;
  const SteadyClock steady_;

  // Held by the thread but while it sleeps. Who holds it serves the streams.
  Mutex turn_;
  // One look for each stream, so that an idle stream costs one for each of its heartbeats.
  std::priority_queue<Look, std::vector<Look>, std::greater<>> schedule_ ABSL_GUARDED_BY(turn_);
  // Used by the streams.
  EventEncoder encoder_;

  mutable Mutex mutex_ ABSL_ACQUIRED_AFTER(turn_);
  CondVar changed_;
  // By id.
  std::map<uint64_t, std::shared_ptr<WatchStream>> streams_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<std::shared_ptr<WatchStream>> line_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_WATCH_SERVICE_H_
