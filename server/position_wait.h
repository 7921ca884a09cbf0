#ifndef DUNLIN_SERVER_POSITION_WAIT_H_
#define DUNLIN_SERVER_POSITION_WAIT_H_

#include "absl/time/time.h"
#include "server/replica_parts.h"
#include "storage/write.h"

namespace dunlin {

// Whether this replica can find out when it has what `position`, of another store, tells of: both belong to a fleet.
bool CanAwait(const ReplicaParts& parts, const Position& position);

// Calls `done` once the replica has everything that the store of `position` had there, or what has replaced it; within
// the call if it is this store, and within `timeout` else.
//
// Errors: kUnavailable if it does not come in time, and when this store has been put back to an older copy;
// kFailedPrecondition if it cannot come, because one of the two runs without Redis; those of Arrivals::Wait().
void WaitForPosition(const ReplicaParts& parts, const Position& position, absl::Duration timeout, StatusCallback done);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_POSITION_WAIT_H_
