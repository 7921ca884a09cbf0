#ifndef DUNLIN_STORAGE_CHANGE_FEED_H_
#define DUNLIN_STORAGE_CHANGE_FEED_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "storage/change.h"
#include "storage/mutex.h"
#include "storage/recent_changes.h"
#include "storage/selector.h"

namespace dunlin {

// ChangeFeed hands each committed change to those who asked for its key.
//
// Routing is by index: by exact key, and by prefix once for each length that a watched prefix has. A change that nobody
// watches costs a few lookups, however many watchers there are.
//
// Thread-safety: safe for concurrent use. Announce() and Publish() are for whoever has the committer's turn, one call
// at a time.
class ChangeFeed {
 public:
  // Gets changes, on the thread that has committed them, which waits meanwhile: take them and return at once. Must not
  // call the feed.
  class Listener {
   public:
    virtual ~Listener() = default;

    // `changes` match the listener's selection and come in revision order; together with the calls before, nothing
    // between them is left out.
    virtual void OnChanges(absl::Span<const ChangePtr> changes) = 0;
  };

  // Hears of what clients have written to this store when it survives the end of the process, before it is synced, that
  // is, before anybody else hears of it: for whoever carries it to where it is safe from this machine.
  class EarlyListener {
   public:
    virtual ~EarlyListener() = default;

    // On the thread that commits, which waits meanwhile: as of OnChanges(), which will tell of the same `changes` once
    // they are durable. They are a whole group, have not come before, and follow revision `after_revision` at once. If
    // they do not become durable, no call follows at all: the disk has failed.
    virtual void OnWritten(absl::Span<const ChangePtr> changes, uint64_t after_revision) = 0;
  };

  // Carries on with what OnChanges() has put aside, where whoever commits has time for that.
  class Carrier {
   public:
    virtual ~Carrier() = default;

    // On a thread that may have committed, which goes on afterwards: only for what is short and needs no disk. It may
    // call the feed, but for SetCarrier().
    virtual void CarryOn() = 0;
  };

  // While there is one, this thread may commit; at its end it calls the carrier, if there is one. So whoever is told
  // here meanwhile that there is something to do need not wake another thread for it. There is one at a time on a
  // thread.
  class Carrying {
   public:
    explicit Carrying(ChangeFeed* feed);
    ~Carrying();
    Carrying(const Carrying&) = delete;
    Carrying& operator=(const Carrying&) = delete;

   private:
    ChangeFeed* const feed_;
  };

  ChangeFeed() = default;
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

  // Whether a listener wants to be told what a change has replaced.
  enum class Previous { kNotWanted, kWanted };

  // From now on calls `listener` with what matches `selection`. If it wants what a change has replaced, it is told that
  // from the next group of writes on. Returns the revision after which that holds: every
  // later change will be handed over, no earlier one; all up to it can be read from the store. REQUIRES: `listener` is
  // not subscribed.
  uint64_t Subscribe(const Selection& selection, Listener* listener, Previous previous = Previous::kNotWanted)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends the subscription; when it returns, no call is under way or will follow. Unknown listeners are ignored.
  void Unsubscribe(Listener* listener) ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on calls `listener`, the only one; null for nobody. When it returns, no call to the former one is under
  // way or will follow.
  void SetEarlyListener(EarlyListener* listener) ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on has `carrier` carry on, the only one; null for nobody. When it returns, no call to the former one is
  // under way or will follow.
  void SetCarrier(Carrier* carrier) ABSL_LOCKS_EXCLUDED(carrier_mutex_);
  // Whether there is a Carrying on this thread.
  static bool IsCarrying();

  // From the first call to as many of RemoveReader(), the feed keeps late changes for those who fall behind.
  void AddReader() ABSL_LOCKS_EXCLUDED(recent_mutex_);
  void RemoveReader() ABSL_LOCKS_EXCLUDED(recent_mutex_);

  // What has changed after `after_revision` as of the last Publish(), see RecentChanges::Read(); nothing if that is to
  // be read from the store.
  absl::optional<RecentChanges::Page> ReadRecent(uint64_t after_revision, const Selection& selection,
                                                 size_t changes_max, size_t size_max_bytes) const
      ABSL_LOCKS_EXCLUDED(recent_mutex_);

  // Hands `changes` to the early listener. The next call of Publish() is of them, if one follows.
  void Announce(absl::Span<const ChangePtr> changes, uint64_t after_revision) ABSL_LOCKS_EXCLUDED(mutex_);

  // Hands `changes` out. `revision` is the latest revision committed; it never decreases.
  void Publish(absl::Span<const ChangePtr> changes, uint64_t revision) ABSL_LOCKS_EXCLUDED(mutex_, recent_mutex_);

  // The latest revision published: what matched up to it has been handed to the listeners.
  uint64_t revision() const ABSL_LOCKS_EXCLUDED(mutex_);

  size_t listeners() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether some listener wants what changes have replaced.
  bool wants_previous() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Listeners = absl::flat_hash_set<Listener*>;
  using Outbox = absl::flat_hash_map<Listener*, std::vector<ChangePtr>>;

  void Add(const Selector& part, Listener* listener) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(const Selector& part, Listener* listener) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // For those who watch keys or prefixes. The parts of a selection are disjoint, so that each gets a change once.
  void Route(const ChangePtr& change, Outbox* outbox) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  uint64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<Listener*, Selection> selections_ ABSL_GUARDED_BY(mutex_);
  EarlyListener* early_listener_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Listeners want_previous_ ABSL_GUARDED_BY(mutex_);
  Listeners everything_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Listeners> by_key_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Listeners> by_prefix_ ABSL_GUARDED_BY(mutex_);
  // How many watched prefixes have each length.
  std::map<size_t, size_t> prefix_lengths_ ABSL_GUARDED_BY(mutex_);

  // Held during calls to the carrier.
  Mutex carrier_mutex_;
  Carrier* carrier_ ABSL_GUARDED_BY(carrier_mutex_) = nullptr;

  // Of its own, so that those who have fallen behind do not keep the committer from those who have not.
  mutable Mutex recent_mutex_;
  RecentChanges recent_ ABSL_GUARDED_BY(recent_mutex_);
  size_t readers_ ABSL_GUARDED_BY(recent_mutex_) = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_CHANGE_FEED_H_
