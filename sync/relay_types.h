#ifndef DUNLIN_SYNC_RELAY_TYPES_H_
#define DUNLIN_SYNC_RELAY_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "storage/content_sum.h"
#include "storage/write.h"
#include "sync/epoch.h"

// What goes to a Relay and what comes back: plain values.
//
// A record is opaque here: the bytes of storage/record.h. Keys and records may hold any byte.
namespace dunlin {

// Where a namespace stands in Redis, as of one moment.
struct RelayPosition {
  // kNoEpoch when Redis holds none and none was proposed.
  uint64_t epoch = kNoEpoch;
  // The sequence of the latest accepted write; 0 before the first.
  uint64_t sequence = 0;
  // Tombstones at or below this sequence may be gone: whoever has applied less cannot catch up by merging.
  uint64_t gc_sequence = 0;
  // The fleet that this namespace belongs to; empty when Redis does not say.
  std::string fleet_id;
  // Redis' clock.
  absl::Time redis_time;
  // Whether this very call created the position.
  bool created = false;
  // The replication id of the Redis primary when the relay connected; it changes at a failover. Empty when Redis does
  // not let this user ask.
  std::string master_replid;
  // What the data holds; the sum is unknown where an older release wrote or something is damaged.
  uint64_t records = 0;
  std::optional<ContentSum> sum;
  // The lease of another run under the asking store's id, empty if there is none. One that changes from answer to
  // answer is of a run that goes on.
  std::string rival_lease;
  // Whether the asking store is the one that does what one has to do for all.
  bool caretaker = false;
  // At least so many records are not in the index, where replicas look for them.
  uint64_t unindexed = 0;
  // The policy by which Redis throws Dunlin's keys away when its memory is full, as it was told in the last seconds;
  // empty when it does no such thing, or does not let this user ask.
  std::string eviction_policy;
};

// Who asks, so that two runs under one id are noticed, and one of all is the caretaker.
struct LeaseRequest {
  // 0: no lease.
  uint64_t store_id = 0;
  // Random for each run. Never 0.
  uint64_t boot_id = 0;
};

// What to write if Redis holds no position for the namespace, and whose lease to renew.
struct PositionProposal {
  PositionProposal() = default;
  PositionProposal(uint64_t epoch, std::string fleet_id, const LeaseRequest& lease = LeaseRequest())
      : epoch(epoch), fleet_id(std::move(fleet_id)), lease(lease) {}

  // kNoEpoch: only look, create nothing.
  uint64_t epoch = kNoEpoch;
  std::string fleet_id;
  LeaseRequest lease;
};

// The latest write of one key.
struct RelayChange {
  std::string key;
  // Only its order (RecordOrder()) where orders were asked for.
  std::string record;
};

// A page of "what changed after sequence s", each key once with its latest record, in sequence order.
struct RelayChangePage {
  // The position as of this page; kNoEpoch when Redis holds none, or has lost a part of the data.
  uint64_t epoch = kNoEpoch;
  uint64_t sequence = 0;
  uint64_t gc_sequence = 0;
  absl::Time redis_time;
  // Whether nothing was left after this page when it was made.
  bool complete = false;
  // The page covers every change up to here: ask for the next one after it. `sequence` on a complete page.
  uint64_t covered_sequence = 0;
  std::vector<RelayChange> changes;
};

struct KeyedRecord {
  std::string key;
  std::string record;
};

// The records of the first of the keys that were asked for.
struct RelayRecords {
  uint64_t epoch = kNoEpoch;
  // In the order of the keys; empty where there is none. May be fewer than were asked for, but not none.
  std::vector<std::string> records;
};

// Records that a replica has, to be compared with what Redis has.
struct MissingQuery {
  uint64_t epoch = kNoEpoch;
  std::vector<KeyAndOrder> items;
};

struct MissingReply {
  // Another epoch than the query's is in force: nothing is told.
  bool epoch_changed = false;
  uint64_t epoch = kNoEpoch;
  // The positions of the items that Redis lacks or has in an older version, ascending.
  std::vector<size_t> missing;
};

// A page of a round that removes old tombstones.
struct CollectQuery {
  uint64_t epoch = kNoEpoch;
  absl::Duration horizon;
  // How far apart the samples are that tell a sequence's age.
  absl::Duration sample_period;
  // The sequence after which to go on; 0 begins a round.
  uint64_t after = 0;
  size_t entries_max = 0;
};

struct CollectReply {
  bool epoch_changed = false;
  uint64_t epoch = kNoEpoch;
  uint64_t removed = 0;
  // 0: the round has ended.
  uint64_t next_after = 0;
};

// A page of a round that finds records which the index has lost.
struct ReindexQuery {
  uint64_t epoch = kNoEpoch;
  // The sending store, as a MirrorBatch's.
  uint64_t origin = 0;
  // Where to go on, as the last reply said; 0 begins a round.
  uint64_t cursor = 0;
  // Where the page ends; somewhat more may be looked at.
  size_t records_max = 0;
  size_t size_max_bytes = 0;
};

struct ReindexReply {
  bool epoch_changed = false;
  uint64_t epoch = kNoEpoch;
  uint64_t found = 0;
  // 0: the round has ended.
  uint64_t next_cursor = 0;
};

// How much of what some stores have written Redis has.
struct DeliveredReply {
  // Where the data stands; kNoEpoch when Redis holds none, or has lost a part of it.
  uint64_t epoch = kNoEpoch;
  uint64_t sequence = 0;
  // For each store that was asked for: Redis has every write of its own up to this revision of it, or what has replaced
  // that; 0 if nothing is known of it in this epoch.
  std::vector<uint64_t> revisions;
};

// Writes that become visible together.
struct MirrorBatch {
  // The epoch that the sender believes in; the batch is refused under any other.
  uint64_t epoch = kNoEpoch;
  // The sending store, so that its own events can be told from others'.
  uint64_t origin = 0;
  // Each key at most once.
  std::vector<KeyedRecord> items;
  // Of the sending store: nothing up to here is in its outbox but this batch and those before it.
  uint64_t covered_revision = 0;
  // The same of the batch before, if it is under way and might be refused; 0 if all before have been taken.
  uint64_t covered_before = 0;
  // With this batch Redis has every write up to covered_revision: none was left out because a later one, which is still
  // to be sent, has taken its place.
  bool is_whole = false;
  // Redis has had all of them before: whether they are ahead of its clock has been asked then.
  bool known_to_redis = false;
  // The batch is refused once Redis' clock has passed this: it may be older than a deletion that is forgotten by then.
  absl::Time not_after = absl::InfiniteFuture();
};

// What became of one item of a batch.
struct MirrorItemReply {
  enum class Outcome {
    kAccepted,      // Stored; `sequence` is its new one.
    kAlreadyThere,  // Redis has this very record; `sequence` is the one it was given then.
    kSuperseded,    // Redis has a higher version, in `winner`.
  };
  Outcome outcome = Outcome::kAccepted;
  uint64_t sequence = 0;
  std::string winner;
};

// What became of a batch. Every outcome but kApplied means that nothing was changed.
struct MirrorReply {
  enum class Outcome {
    kApplied,
    kEpochChanged,  // `epoch` is in force now, kNoEpoch if Redis holds none.
    kClockAhead,    // The version of item `refused_item` is too far ahead of `redis_time`.
    kTooLate,       // `redis_time` is after the batch's `not_after`.
  };
  Outcome outcome = Outcome::kApplied;
  uint64_t epoch = kNoEpoch;
  // With kApplied: the sequence of the latest accepted write, this batch included.
  uint64_t sequence = 0;
  // With all but kEpochChanged.
  absl::Time redis_time;
  // With kClockAhead; and for each item, the time of the version that is stored under its key, 0 if there is none.
  size_t refused_item = 0;
  std::vector<uint64_t> stored_times;
  // With kApplied: one for each item, in order.
  std::vector<MirrorItemReply> items;
};

// A write that takes place only if a condition holds.
struct ConditionalWrite {
  uint64_t epoch = kNoEpoch;
  uint64_t origin = 0;
  KeyedRecord item;
  // The 16 bytes of the version that must be live under the key. Nothing: the key must be absent, deleted or expired.
  std::optional<std::string> expected_version;
  // As a MirrorBatch's.
  absl::Time not_after = absl::InfiniteFuture();
};

// What became of a conditional write. Every outcome but kApplied means that nothing was changed.
struct ConditionalReply {
  enum class Outcome {
    kApplied,          // Stored, now or by an earlier attempt with the same record; `sequence` is its sequence.
    kConditionFailed,  // `stored` is what stands in the way; empty when there is nothing.
    kStale,            // The condition holds, but `stored` has the higher version, and has one: try again above it.
    kEpochChanged,     // `epoch` is in force now, kNoEpoch if Redis holds none.
    kClockAhead,       // The version is too far ahead of `redis_time`.
    kTooLate,          // `redis_time` is after the write's `not_after`, and Redis does not have the record.
  };
  Outcome outcome = Outcome::kApplied;
  uint64_t epoch = kNoEpoch;
  uint64_t sequence = 0;
  absl::Time redis_time;
  std::string stored;
};

// A proposal to begin a new life of the data in Redis.
struct EpochProposal {
  // Nothing happens unless this epoch is in force; kNoEpoch: unless there is none.
  uint64_t expected = kNoEpoch;
  uint64_t next = kNoEpoch;
  // The sequence is raised to this, so that sequences which replicas have seen are not given out again.
  uint64_t minimum_sequence = 0;
};

// What is in force after an EpochProposal, whoever won.
struct EpochInForce {
  uint64_t epoch = kNoEpoch;
  uint64_t sequence = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_RELAY_TYPES_H_
