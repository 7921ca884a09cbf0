#ifndef DUNLIN_SERVER_WATCH_STREAM_H_
#define DUNLIN_SERVER_WATCH_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/reader_lag.h"
#include "server/replica_parts.h"
#include "server/server_stream.h"
#include "server/watch_output.h"
#include "server/watch_session.h"
#include "storage/mutex.h"
#include "storage/selector.h"

namespace dunlin {

class WatchService;

// WatchStream carries the messages of one WatchSession over one gRPC stream, one at a time: the next is made when gRPC
// has taken the last, so a slow reader holds one message and its session's queue, no more.
//
// Only whoever has the WatchService's turn starts writes and finishes the stream; the thread of its call's queue and
// the feed merely put the stream in line. It lives until gRPC and the service have both let go of it.
//
// Thread-safety: Pump() is for whoever has the service's turn; all else is safe for concurrent use.
class WatchStream final : public ServerStream, public std::enable_shared_from_this<WatchStream> {
 public:
  struct Options {
    WatchSession::Options session;
    // The longest time without a message.
    absl::Duration heartbeat;
    // The longest time that the reader may be behind.
    absl::Duration max_lag = absl::InfiniteDuration();
  };

  // How it stands. Times are SteadyClock's.
  struct Facts {
    WatchSession::Mode mode = WatchSession::Mode::kReplay;
    uint64_t revision = 0;
    WatchQueue::Usage queued;
    // Whether everything has been said that has come.
    bool caught_up = false;
    // Since when its reader is behind; in the infinite future if it is not.
    absl::Time behind_since = absl::InfiniteFuture();
  };

  // `service` must outlive the stream. No two streams have one `id`.
  WatchStream(WatchService* service, StreamCall* call, uint64_t id) : ServerStream(call), service_(service), id_(id) {}

  // Makes the stream ready to be pumped. Until PutInLine() or Refuse() is called nobody else may use it.
  // REQUIRES: the stream is owned by a shared_ptr.
  void Prepare(Options options, absl::Time now);

  // Ends at once with `error`. REQUIRES: the stream has not been put in line.
  void Refuse(const absl::Status& error);

  // Asks to be pumped.
  void PutInLine();

  // Finds out where to go on for the token of another replica, which its session waits for.
  // REQUIRES: the stream has been put in line.
  void AwaitArrival(const Position& resume);

  uint64_t id() const { return id_; }
  // As of the last message, the last look, or the last that has come to its queue.
  Facts facts() const ABSL_LOCKS_EXCLUDED(mutex_);
  // These do not change once it is prepared.
  const std::string& peer() const { return peer_; }
  const Selection& selection() const { return selection_; }
  absl::Time opened_at() const { return opened_at_; }

  // Says what is to be said next, if gRPC can take it.
  void Pump(absl::Time now);

  // Whether it only has to say what the feed has brought. This and the next ones are, as Pump(), for whoever has the
  // service's turn.
  bool IsLive() const { return in_schedule_ && session_ != nullptr && session_->keeps_up(); }

  // When it has to show a sign of life, if it says nothing before; never once it is finished.
  absl::Time heartbeat_at() const { return finished_ ? absl::InfiniteFuture() : said_at_ + heartbeat(); }

  // Looks how its reader stands: asks to be pumped if it is time for a sign of life. Returns when to look again.
  absl::Time Look(absl::Time now);

  // OK; or kUnavailable if its reader is behind by more than it may be. As of the last Look().
  absl::Status CheckLag(absl::Time now) const;

  // Whether gRPC has not taken the last message yet.
  bool writing() const { return writing_.load(std::memory_order_acquire); }

  // Ends the stream with `error` as soon as gRPC has taken the message under way.
  void End(const absl::Status& error);

  // Ends the stream with `error` although its reader does not read: what gRPC holds for it is thrown away.
  // REQUIRES: OnDone() has not been called, and is not before this returns.
  void Abort(const absl::Status& error);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  friend class WatchService;

  // The longest time without a message, at present.
  absl::Duration heartbeat() const;
  void OnArrival(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  // Lets the session go on if what it waits for is here, or will not come.
  void TakeArrival() ABSL_LOCKS_EXCLUDED(mutex_);
  // Starts to write a message if there is one to write now.
  absl::Status SayNext(absl::Time now);
  void Say(WatchOutput* output, absl::Time now);
  // Whether gRPC is still taking a message, and will have the stream pumped after that.
  bool WaitsForWrite();
  // Since when the reader has been behind, or has not taken a message.
  absl::Time BehindSince() const;
  void PublishFacts() ABSL_LOCKS_EXCLUDED(mutex_);

  WatchService* const service_;
  const uint64_t id_;
  std::string peer_;
  Selection selection_;
  absl::Time opened_at_;
  // Until OnDone(): gRPC's share.
  std::shared_ptr<WatchStream> self_;

  // Used by whoever has the service's turn, once it serves.
  std::unique_ptr<WatchSession> session_;
  absl::Duration heartbeat_;
  absl::Duration max_lag_;
  absl::Time said_at_;
  // The revision up to which gRPC has taken what was said, and for how long that has been behind.
  uint64_t taken_revision_ = 0;
  ReaderLag reader_lag_;
  // Whether the service knows when to ask for heartbeat_at() next.
  bool in_schedule_ = false;
  bool finished_ = false;

  // Whether gRPC is taking a message. Cleared by the call's thread when it has done so, seen by the service's thread
  // before it says the next.
  std::atomic<bool> writing_{false};
  // Whether the stream has to be pumped once gRPC has taken the message: it had more to say, or was asked to be pumped
  // meanwhile. Most streams have nothing more, and are not pumped for that alone.
  //
  // Both are sequentially consistent where it matters: the call's thread clears writing_ and then reads this; the
  // service's thread sets this and then reads writing_ again. So one of the two sees what the other has done.
  std::atomic<bool> pump_again_{false};
  // Whether the stream is in the service's line; guarded by the service's mutex.
  bool in_line_ = false;

  mutable Mutex mutex_;
  // Its behind_since is that of reader_lag_ alone, and when the last message was said.
  Facts facts_ ABSL_GUARDED_BY(mutex_);
  absl::Time facts_said_at_ ABSL_GUARDED_BY(mutex_);
  // How the wait for what another replica had has ended.
  absl::optional<absl::Status> arrival_ ABSL_GUARDED_BY(mutex_);
  // Whether OnDone() has been called: the service may be gone.
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  // Why the stream is to end; OK while it is not.
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_WATCH_STREAM_H_
