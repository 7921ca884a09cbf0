#include "server/position_wait.h"

#include <utility>

#include "absl/status/status.h"

namespace dunlin {

bool CanAwait(const ReplicaParts& parts, const Position& position) {
  return parts.replicator != nullptr && position.epoch != 0 && !parts.store->GoesOnFrom(position);
}

void WaitForPosition(const ReplicaParts& parts, const Position& position, absl::Duration timeout, StatusCallback done) {
  if (CanAwait(parts, position)) {
    parts.replicator->WaitForArrival(position, timeout, std::move(done));
  } else if (position.store_id != parts.store->store_id()) {
    done(absl::FailedPreconditionError(
        "the token is of another replica, and this one or that one runs without Redis, so that its writes do not come "
        "here: ask that replica"));
  } else if (!parts.store->GoesOnFrom(position) || position.revision > parts.store->position().revision) {
    done(absl::UnavailableError(
        "this replica does not have what the token tells of, although it is its own: a power failure has taken it "
        "back, or its data were put back to an older copy; ask another replica"));
  } else {
    done(absl::OkStatus());
  }
}

}  // namespace dunlin
