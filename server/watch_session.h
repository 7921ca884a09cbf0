#ifndef DUNLIN_SERVER_WATCH_SESSION_H_
#define DUNLIN_SERVER_WATCH_SESSION_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "dunlin/v1/kv.pb.h"
#include "server/proto_conversion.h"
#include "storage/change_feed.h"
#include "storage/mutex.h"
#include "storage/store.h"
#include "storage/write.h"

namespace dunlin {

// WatchSession decides what a watch stream says next: a page of the initial state, changes read from the store, or
// changes as the feed delivers them. It knows no gRPC; WatchStream carries its messages.
//
//   snapshot -> replay -> live
//                 ^---------'   the queue was full
//
// Why nothing is skipped: the session first reads the changes table to its end, then subscribes to the feed, which says
// from which revision on it delivers, and reads the table up to exactly there. A reader that falls behind loses its
// queue, not its place: it goes back to the table, which holds the latest change of each key.
//
// Thread-safety: one thread at a time calls Next(); OnChanges() comes from the committer's thread.
class WatchSession final : public ChangeFeed::Listener {
 public:
  struct Options {
    Selector selector;
    bool initial_state = false;
    // Where to go on; takes precedence over initial_state.
    absl::optional<Position> resume;
    bool as_text = false;
    // Leave out what puts a value, or what removes one: events of the initial or full state, too.
    bool no_puts = false;
    bool no_deletes = false;
    // Leave values and texts out.
    bool keys_only = false;
  };

  // What Next() has found.
  enum class Step {
    // A message to send.
    kMessage,
    // Nothing in what was read, but there is more to read: call again, others first.
    kMore,
    // Nothing, until the next wake-up.
    kNothing,
  };

  // `store` and `feed` must outlive this object. `wake` is called, on the committer's thread, when there may be
  // something new; it must not call back.
  WatchSession(Options options, const Store* store, ChangeFeed* feed, std::function<void()> wake);
  ~WatchSession() override;
  WatchSession(const WatchSession&) = delete;
  WatchSession& operator=(const WatchSession&) = delete;

  // Looks for what comes next and fills `message` with it if it returns kMessage. Reads at most one page from the disk,
  // so that a stream that has much to read does not hold up others. The message has no lag: that is for the caller to
  // fill in. It stays below kClientMessageMaxBytes.
  // Errors: those of the store's reads; damaged records are named in the message instead.
  absl::StatusOr<Step> Next(v1::WatchResponse* message);

  // Fills `message` with a sign of life: the marker HEARTBEAT and the present token.
  // REQUIRES: Next() did not return kMessage last.
  void Heartbeat(v1::WatchResponse* message);

  void OnChanges(absl::Span<const ChangePtr> changes) override;

 private:
  enum class Mode { kSnapshot, kReplay, kLive };

  absl::StatusOr<Step> NextOfSnapshot(v1::WatchResponse* message);
  absl::StatusOr<Step> NextOfReplay(v1::WatchResponse* message);
  Step NextLive(v1::WatchResponse* message) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<EntryPage> ReadSnapshotPage();
  // Whether the filters let an event of this type pass.
  bool Passes(ChangeType type) const;
  // Takes over from a page of changes what fits into `message` and is not for the feed to bring.
  void SayPage(const ChangePage& page, v1::WatchResponse* message);
  // Takes out of the queue what fits into one message, in order.
  std::vector<ChangePtr> TakeFromQueue() ABSL_LOCKS_EXCLUDED(mutex_);
  void Subscribe();
  // Leaves the feed if the queue was full. Returns whether it was.
  bool Remembers(uint64_t revision) const;
  bool SetAsideIfFull() ABSL_LOCKS_EXCLUDED(mutex_);
  // Sets the token, if what has been said so far is something to resume from.
  void SetToken(v1::WatchResponse* message);

  const Options options_;
  const ValueForm value_form_;
  const Store* const store_;
  ChangeFeed* const feed_;
  const std::function<void()> wake_;

  // Used by the caller of Next().
  Mode mode_ = Mode::kReplay;
  // Everything that matches, up to here, has been said.
  uint64_t revision_ = 0;
  // In the snapshot: the last key looked at.
  std::string snapshot_key_;
  bool say_reset_ = false;
  bool say_synced_ = true;
  // Whether the reader holds the whole state as of revision_: not before SYNCED if it gets the state from us.
  bool whole_ = true;
  // A place in Redis' history that is not beyond what has been said: everything up to its sequence has a revision up to
  // revision_. And the next such place, for when revision_ has come that far. The store's own position will not do: it
  // runs ahead of a reader, and a token with its sequence would hide from other replicas what the reader lacks.
  Position covered_;
  absl::optional<Position> ahead_;
  bool subscribed_ = false;
  // While subscribed: the feed delivers what is later than this.
  uint64_t live_after_revision_ = 0;

  Mutex mutex_;
  std::deque<ChangePtr> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queue_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_WATCH_SESSION_H_
