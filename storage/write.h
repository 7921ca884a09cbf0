#ifndef DUNLIN_STORAGE_WRITE_H_
#define DUNLIN_STORAGE_WRITE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "storage/content_sum.h"
#include "storage/key_set.h"
#include "storage/version.h"

// What the Committer is given and what it answers. Plain values.
namespace dunlin {

// A place in the history of the fleet and of one store: what a token says. Whoever knows the store as of `revision`
// knows every write of `epoch` up to `sequence`.
struct Position {
  uint64_t epoch = 0;
  uint64_t sequence = 0;
  uint64_t store_id = 0;
  uint64_t revision = 0;
  // Others have what is known here once Redis has what the store had written itself up to this revision; 0: nothing.
  uint64_t own_revision = 0;
  // The store had taken note of every expiry up to this time of the fleet's clock; 0: that is not known.
  uint64_t expired_unix_ms = 0;
  // Somebody knows more of the store than all up to `revision`: parts of what it had up to this one. 0: nothing more.
  uint64_t known_revision = 0;
};

// A put or a delete of one key.
struct Mutation {
  enum class Kind { kPut, kDelete };
  Kind kind = Kind::kPut;
  std::string key;
  std::string value;
  // How long a put lives, from the moment it is committed.
  absl::Duration ttl = absl::InfiniteDuration();
};

// What must hold of a key for a write to take place.
struct Precondition {
  enum class Kind { kNone, kAbsent, kVersion };
  Kind kind = Kind::kNone;
  Version version;
};

// Writes of this replica's clients, applied all or none. The precondition speaks of the first mutation's key.
// REQUIRES: keys, values and counts are within limits.h, and no key occurs twice.
struct LocalWrite {
  std::vector<Mutation> mutations;
  Precondition precondition;
};

struct WriteResult {
  // In the order of the mutations.
  std::vector<Version> versions;
  std::vector<uint64_t> revisions;
  // Whether there was a live entry before.
  std::vector<bool> existed;
  // The position after the write.
  Position position;
};

using WriteCallback = absl::AnyInvocable<void(absl::StatusOr<WriteResult>)>;

// A record that somebody else, or Redis as judge, has given its version; encoded as in record.h.
struct VersionedRecord {
  std::string key;
  std::string encoded_record;
};

// What is enough to tell whether somebody else's record is newer: RecordOrder() (record.h).
struct KeyAndOrder {
  std::string key;
  std::string order;
};

// Records to merge by version, in one transaction, and the position reached with them.
struct RemoteBatch {
  std::vector<VersionedRecord> records;
  // With these records every change of `epoch` up to `applied_sequence` is in this store. Ignored unless `epoch` is the
  // store's epoch. 0 leaves the position as it is.
  uint64_t epoch = 0;
  uint64_t applied_sequence = 0;
  // The moment on the fleet's clock as of which, with these records, the store holds everything that the fleet had; 0
  // if that is not known. It may be earlier than it was before: that clock may have been put back.
  uint64_t complete_as_of_unix_ms = 0;
  // Somebody is going to be told that the records are stored: the answer comes when a power failure cannot take them
  // back any more. Else they are stored as soon as they can be read, and had again from Redis after that.
  bool awaits_sync = false;
  // The epoch in which Redis was seen to have the records. If the store has left it since, Redis may have lost them,
  // and those that are stored are put into the outbox. 0: Redis has them.
  uint64_t seen_in_epoch = 0;
  // The store has been away for longer than tombstones live: what the fleet has deleted meanwhile cannot be told from
  // what it has never seen. Entries that were in the store and in Redis before `fleet_keys` was gathered (their
  // revision is at most `rebuilt_revision`, and at most `rebuilt_sent_revision` if they may still be unsent), and whose
  // key is not in it, are deleted, if their version is from before `forgotten_unix_ms`: what deleted a later one is
  // remembered, so that such a one has been lost by Redis, not deleted. Null: nothing of the kind.
  std::shared_ptr<const KeySet> fleet_keys = nullptr;
  uint64_t rebuilt_revision = 0;
  uint64_t rebuilt_sent_revision = 0;
  uint64_t forgotten_unix_ms = 0;
};

struct ApplyResult {
  // Records that were newer than what was stored.
  uint64_t applied = 0;
  // Entries that were deleted because the fleet has them no more.
  uint64_t dropped = 0;
  // Records with the version of the stored one and another content: two stores issue versions under one id.
  uint64_t conflicts = 0;
  // Records whose checksum did not match; they were left out.
  uint64_t damaged = 0;
  // Per record, in their order: its revision, or that of the newer record that stands in its place; 0 if damaged.
  std::vector<uint64_t> revisions;
  Position position;
};

using ApplyCallback = absl::AnyInvocable<void(absl::StatusOr<ApplyResult>)>;

// A new life of the data in Redis begins for this store.
struct EpochChange {
  uint64_t epoch = 0;
  uint64_t fleet_id = 0;
  // What tells this Redis primary from another, 0 if nothing does: under another one, a sequence of the same epoch may
  // stand for another write.
  uint64_t primary = 0;
  // Send every record to Redis again, whoever issued it: Redis has lost some. Not needed if Redis holds, at `sequence`,
  // exactly the records of this store, which its count and its sum of them tell: then the store goes on from there.
  bool refill = false;
  struct Content {
    uint64_t records = 0;
    ContentSum sum;
    uint64_t sequence = 0;
  };
  // What Redis holds, if it says so.
  absl::optional<Content> redis;
};

// How a store has entered an epoch.
struct EpochEntry {
  // Where it stands in it: 0, or further if it held what Redis holds.
  uint64_t applied_sequence = 0;
  // Whether everything is going to be sent again.
  bool refill = false;
};

using EpochCallback = absl::AnyInvocable<void(absl::StatusOr<EpochEntry>)>;
using StatusCallback = absl::AnyInvocable<void(absl::Status)>;

// A record as it was read from the outbox.
struct OutboxItem {
  std::string key;
  uint64_t revision = 0;
};

// Redis has everything in the outbox up to `revision`. Ignored unless `epoch` is the store's epoch.
struct MirrorProgress {
  uint64_t epoch = 0;
  uint64_t revision = 0;
  // All that was in the outbox on the way, in the order in which it was read.
  std::vector<OutboxItem> sent;
};

// Records whose versions are further ahead of the fleet's clock than Redis accepts, because this machine's clock was
// wrong, get versions of the present, or above those that Redis has or that were turned down for them. Only what has
// never been in Redis does, and only if it has not changed since.
struct Restamping {
  // In the order of their revisions; those of one atomic batch stay one.
  std::vector<OutboxItem> items;
  // For each item, the time of the version that Redis has under its key; 0 if it has none, or was not asked.
  std::vector<uint64_t> redis_times;
};

// How many records got another version.
using RestampCallback = absl::AnyInvocable<void(absl::StatusOr<size_t>)>;

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_WRITE_H_
