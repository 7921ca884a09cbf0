#ifndef DUNLIN_SERVER_WATCH_SESSION_H_
#define DUNLIN_SERVER_WATCH_SESSION_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "dunlin/v1/kv.pb.h"
#include "server/proto_conversion.h"
#include "server/watch_filter.h"
#include "server/watch_output.h"
#include "server/watch_queue.h"
#include "server/watch_snapshot.h"
#include "storage/change_feed.h"
#include "storage/selector.h"
#include "storage/store.h"
#include "storage/write.h"

namespace dunlin {

// WatchSession decides what a watch stream says next: a page of the initial state, changes read from the store, or
// changes as the feed delivers them. It knows no gRPC; WatchStream carries its messages.
//
//   waiting -> snapshot -> replay -> live
//      `-------------------^ ^---------'   the queue was full
//
// Why nothing is skipped: the session first reads the changes table to its end, then subscribes to the feed, which says
// from which revision on it delivers, and reads the table up to exactly there. A reader that falls behind loses its
// queue, not its place: it goes back to the table, which holds the latest change of each key, or to what the feed keeps
// of late changes, which is the same from some revision on.
//
// Thread-safety: one thread at a time uses it.
class WatchSession {
 public:
  struct Options {
    Selection selection;
    bool initial_state = false;
    // Where to go on; takes precedence over initial_state.
    absl::optional<Position> resume;
    // `resume` is of another store, and it is being found out where this one may go on for it: the session says nothing
    // until Arrived() is called.
    bool awaits_arrival = false;
    bool as_text = false;
    // What to leave out: events of the initial or full state, too.
    WatchFilter filter;
    // Leave values and texts out.
    bool keys_only = false;
    // Say what each change has replaced.
    bool previous = false;
    // The reader wants to know when changes that it has not seen have been conflated.
    bool every_change = false;
  };

  enum class Mode { kWaiting, kSnapshot, kReplay, kLive };

  // What Next() has found.
  enum class Step {
    // A message to send.
    kMessage,
    // Nothing in what was read, but there is more to read: call again, others first.
    kMore,
    // Nothing, until the next wake-up.
    kNothing,
  };

  // `store` and `feed` must outlive this object. `wake` is called, on the thread that commits, when there may be
  // something new; it must not call back.
  WatchSession(Options options, const Store* store, ChangeFeed* feed, std::function<void()> wake);
  ~WatchSession();
  WatchSession(const WatchSession&) = delete;
  WatchSession& operator=(const WatchSession&) = delete;

  // This store has all that the reader has seen, who misses nothing if it goes on after `after_revision`; or nothing,
  // if that is not known: then it gets the full state.
  // REQUIRES: mode() == kWaiting.
  void Arrived(absl::optional<uint64_t> after_revision);

  // Looks for what comes next and fills `output` with it if it returns kMessage. Reads at most one page from the disk,
  // so that a stream that has much to read does not hold up others. The message has no lag: that is for the caller to
  // fill in. It stays below kClientMessageMaxBytes.
  // Errors: those of the store's reads; damaged records are named in the message instead.
  absl::StatusOr<Step> Next(WatchOutput* output);

  // Fills `message` with a sign of life: the marker HEARTBEAT and the present token; while it waits, that of `resume`.
  // REQUIRES: Next() did not return kMessage last.
  void Heartbeat(v1::WatchResponse* message);

  // ---- How it stands ----

  Mode mode() const { return mode_; }
  // Everything that matches, up to here, has been said.
  uint64_t revision() const { return revision_; }
  // Whether SYNCED has been said: before, what is behind is the session, not its reader.
  bool synced() const { return !say_synced_; }
  // Whether everything has been said that there is to say, as far as the feed has delivered it.
  bool caught_up() const { return mode_ == Mode::kLive && queue_.empty(); }
  // Whether Next() has no need of the store.
  bool keeps_up() const { return mode_ == Mode::kLive && !queue_.full(); }
  WatchQueue::Usage queued() const { return queue_.usage(); }
  const Options& options() const { return options_; }
  EventForm form() const { return form_; }

 private:
  absl::StatusOr<Step> NextOfSnapshot(v1::WatchResponse* message);
  absl::StatusOr<Step> NextOfReplay(WatchOutput* output);
  Step NextLive(WatchOutput* output);
  void Begin(const absl::optional<Position>& resume);
  void BeginAnew();
  // From what the feed keeps of late changes, if it reaches back so far and the reader can do with that.
  absl::optional<Step> NextOfRecent(WatchOutput* output);
  // All has been said up to here; `complete` if there is no more. Joins the feed then.
  void Cover(uint64_t revision, bool complete);
  // Takes over from a page of changes what fits into `message` and is not for the feed to bring.
  void SayPage(const ChangePage& page, v1::WatchResponse* message);
  void Subscribe();
  bool Remembers(uint64_t revision) const;
  // Leaves the feed if the queue was full.
  void SetAsideIfFull();
  // Sets the token, if what has been said so far is something to resume from.
  void SetToken(v1::WatchResponse* message);

  const Options options_;
  const EventForm form_;
  const Store* const store_;
  ChangeFeed* const feed_;
  Mode mode_ = Mode::kReplay;
  uint64_t revision_ = 0;
  WatchSnapshot snapshot_;
  bool say_reset_ = false;
  bool say_synced_ = true;
  // Whether the reader holds the whole state as of revision_: not before SYNCED if it gets the state from us.
  bool whole_ = true;
  // All that the reader has seen is in the store as of this revision, of which the store has written itself what it has
  // up to the other. It is later than revision_ where the reader comes from another replica: what it has seen there may
  // stand at any revision here.
  struct Known {
    uint64_t revision = 0;
    uint64_t own_revision = 0;
  };
  Known known_;
  // A place in Redis' history that is not beyond what has been said: everything up to its sequence has a revision up to
  // revision_. And the next such place, for when revision_ has come that far. The store's own position will not do: it
  // runs ahead of a reader, and a token with its sequence would hide from other replicas what the reader lacks.
  Position covered_;
  absl::optional<Position> ahead_;
  bool subscribed_ = false;
  // While subscribed: the feed delivers what is later than this.
  uint64_t live_after_revision_ = 0;

  // Last, so that nothing wakes a session that is half gone.
  WatchQueue queue_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_WATCH_SESSION_H_
