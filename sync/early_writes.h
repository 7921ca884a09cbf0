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
  explicit EarlyWrites(uint64_t store_id) : store_id_(store_id) {}

  // Whether the store may have put `change` into the outbox. What expires while it is in the outbox stays there with a
  // new revision, whoever wrote it.
  static bool MayBeInOutbox(const Change& change, uint64_t store_id) {
    return change.version.origin == store_id || change.type == ChangeType::kExpire;
  }

  // Whatever has a revision up to `revision` may be in the outbox.
  void Begin(uint64_t revision);

  // As ChangeFeed::EarlyListener.
  void OnWritten(absl::Span<const ChangePtr> changes, uint64_t after_revision);

  // As ChangeFeed::Listener. Returns whether something of it may still be to be read.
  bool OnCommitted(absl::Span<const ChangePtr> changes);

  // What `read` asks for, as Store::ReadOutbox() would return it once all is synced; nothing if the store has to be
  // asked. `refill_revision` is StoreState's.
  absl::optional<ChangePage> Take(const Mirror::ReadOutbox& read, uint64_t refill_revision);

 private:
  const uint64_t store_id_;
  // In the order of their revisions.
  std::vector<ChangePtr> changes_;
  size_t size_bytes_ = 0;
  // What they follow at once; and the last revision before that which may be in the outbox.
  uint64_t after_revision_ = 0;
  uint64_t outbox_before_ = 0;
  // The latest that may be in the outbox; the latest of all; up to where the outbox has been taken.
  uint64_t outbox_revision_ = 0;
  uint64_t revision_ = 0;
  uint64_t taken_revision_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_EARLY_WRITES_H_
