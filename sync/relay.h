#ifndef DUNLIN_SYNC_RELAY_H_
#define DUNLIN_SYNC_RELAY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sync/relay_types.h"

namespace dunlin {

// Relay is the way to what all replicas share: typed, atomic calls on one namespace. RedisRelay speaks to Redis; the
// tests bring a model of it.
//
// A call that fails with an error, as opposed to an outcome in its reply, leaves open whether it took place. All of
// them may be repeated: merging by version makes a second delivery harmless. Which errors are worth a repetition is
// told by RemedyOf() (sync/redis_error.h):
//   kUnavailable, kDeadlineExceeded        try again, after Connect() if connected() turned false.
//   kAborted                               this Redis is not the primary: look for it again by Connect().
//   kCancelled                             Interrupt() was called.
//   kPermissionDenied, kUnauthenticated, kFailedPrecondition, kResourceExhausted, kInternal
//                                          stop and tell the operator; the message says what to do.
//   kDataLoss                              the reply could not be understood: as kUnavailable.
//
// Thread-safety: one thread uses a Relay; Interrupt() alone may be called from any thread.
class Relay {
 public:
  virtual ~Relay() = default;

  // Connects, anew if need be, and forgets calls that were under way.
  virtual absl::Status Connect(absl::Time deadline) = 0;

  // Whether the last Connect() succeeded and nothing has broken the connection since.
  virtual bool connected() const = 0;

  // Ends a call under way, and every later one, with kCancelled. Safe from any thread.
  virtual void Interrupt() = 0;

  // The heartbeat. Creates the position from `proposal` if Redis holds none, and renews the lease that it names.
  // Errors: kFailedPrecondition also when the data in Redis is of a newer format or the keys hold other types.
  virtual absl::StatusOr<RelayPosition> ReadPosition(const PositionProposal& proposal) = 0;

  // The first changes after the sequence `after`: at most `items_max`, and no more than fit `size_max_bytes` (keys and
  // records), but at least one if there is one.
  // REQUIRES: items_max > 0.
  virtual absl::StatusOr<RelayChangePage> ReadChanges(uint64_t after, size_t items_max, size_t size_max_bytes) = 0;

  // The same, with the order of each record in its place. `size_max_bytes` bounds what Redis reads for it.
  virtual absl::StatusOr<RelayChangePage> ReadOrders(uint64_t after, size_t items_max, size_t size_max_bytes) = 0;

  // The records of as many of the `keys` as fit `size_max_bytes`, but at least of the first.
  // REQUIRES: there are keys.
  virtual absl::StatusOr<RelayRecords> ReadRecords(const std::vector<std::string>& keys, size_t size_max_bytes) = 0;

  // Which of some records Redis lacks.
  virtual absl::StatusOr<MissingReply> FindMissing(const MissingQuery& query) = 0;

  // How much of what the stores with these ids have written Redis has.
  virtual absl::StatusOr<DeliveredReply> FindDelivered(const std::vector<uint64_t>& store_ids) = 0;

  // Removes tombstones and expired records that reached Redis longer ago than the horizon.
  virtual absl::StatusOr<CollectReply> Collect(const CollectQuery& query) = 0;

  // Gives records that are in no index a sequence and an event, as if they had just come.
  virtual absl::StatusOr<ReindexReply> Reindex(const ReindexQuery& query) = 0;

  // Stores what is newer, does everything or nothing, and publishes what was accepted as one event. A batch without
  // items only tells how far the sending store has come.
  virtual absl::StatusOr<MirrorReply> Mirror(const MirrorBatch& batch) = 0;

  // Mirror() in two halves, so that several batches can be under way: replies come in the order of sending.
  // REQUIRES: no other call between a SendMirror() and its ReceiveMirrorReply(); a batch without items is sent while
  // no other is under way.
  virtual absl::Status SendMirror(const MirrorBatch& batch) = 0;
  virtual absl::StatusOr<MirrorReply> ReceiveMirrorReply() = 0;

  virtual absl::StatusOr<ConditionalReply> WriteIf(const ConditionalWrite& write) = 0;

  // Compares and sets the epoch.
  virtual absl::StatusOr<EpochInForce> StartEpoch(const EpochProposal& proposal) = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_RELAY_H_
