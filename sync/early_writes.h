#ifndef DUNLIN_SYNC_EARLY_WRITES_H_
#define DUNLIN_SYNC_EARLY_WRITES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "storage/change.h"
#include "storage/store.h"
#include "sync/mirror.h"

namespace dunlin {

// EarlyWrites are what clients have written to the store and the store has not yet synced, for the mirror to send
// meanwhile (docs/decisions/0031-own-writes-are-mirrored-before-they-are-synced.md): a page of the outbox before the
// store can be asked for it. They are there only for a mirror that has sent all before them; any other one reads the
// store, in which they are soon.
//
// It holds no more than one batch of the mirror takes.
//
// Thread-safety: one thread at a time.
class EarlyWrites {
 public:
  EarlyWrites() = default;

  // Whatever has a revision up to `revision` may be in the outbox.
  void Begin(uint64_t revision);

  // As ChangeFeed::EarlyListener.
  void OnWritten(absl::Span<const ChangePtr> changes, uint64_t after_revision);

  // As ChangeFeed::Listener. Returns whether something of it may still be to be read.
  bool OnCommitted(absl::Span<const ChangePtr> changes);

  // Changes in the order of their revisions, the last of which is all that there is if they are `complete`.
  struct Taken {
    std::vector<ChangePtr> changes;
    bool complete = false;
  };
  // What `read` asks for; nothing if the store has to be asked. `refill_revision` is StoreState's.
  absl::optional<Taken> Take(const Mirror::ReadOutbox& read, uint64_t refill_revision);

  // The same as Store::ReadOutbox() would return it once all is synced.
  static ChangePage PageOf(const Taken& taken);

 private:
  // In the order of their revisions.
  std::vector<ChangePtr> changes_;
  size_t size_bytes_ = 0;
  // The last revision before them that may be in the outbox.
  uint64_t outbox_before_ = 0;
  // The latest that may be in the outbox; the latest of all; up to where the outbox has been taken.
  uint64_t outbox_revision_ = 0;
  uint64_t revision_ = 0;
  uint64_t taken_revision_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_EARLY_WRITES_H_
