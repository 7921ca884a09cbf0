#ifndef DUNLIN_STORAGE_TABLES_H_
#define DUNLIN_STORAGE_TABLES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/content_sum.h"
#include "storage/digest.h"
#include "storage/record.h"
#include "storage/write.h"

// The formats of the tables' rows. All numbers are big-endian.
//
//   records   key                     -> revision (8) | row flags (1) | record (see record.h)
//   changes   revision (8)            -> first revision of its batch (8) | key
//   expiries  expiry ms (8) | key     -> nothing
//   meta      "format" "identity" "state" "history" "expired" "checkpoint" "boot" "lost" "reserve" -> see below; for
//             "history", revision_history.h, for "lost", lost_revisions.h
//
// Row flags: bit 0 swept, bit 1 unsent. The checksum of a record does not cover its row's first 9 bytes.
namespace dunlin {

// The on-disk format this program writes. Older ones are upgraded when the store is opened (storage/upgrade.h).
inline constexpr uint64_t kStoreFormat = 3;

inline constexpr absl::string_view kMetaFormat = "format";
inline constexpr absl::string_view kMetaIdentity = "identity";
inline constexpr absl::string_view kMetaState = "state";
inline constexpr absl::string_view kMetaHistory = "history";
// StoreState::expired_latest_unix_ms (8). A store that is older than this row has none.
inline constexpr absl::string_view kMetaExpired = "expired";
// The number of the last commit that the database holds (8); those after it are in the journal. A store that is new has
// no such row.
inline constexpr absl::string_view kMetaCheckpoint = "checkpoint";
// MachineBootId() of the machine that writes to the store. A store that is older than this row, or new, has none.
inline constexpr absl::string_view kMetaBoot = "boot";
// The revisions that power failures have taken back. None yet: no such row.
inline constexpr absl::string_view kMetaLost = "lost";
// VersionReserve::upto() (8). A store that is older than this row, or new, has none.
inline constexpr absl::string_view kMetaReserve = "reserve";

// A row of `records`. `record` and `encoded` are views into the row it was read from.
struct RecordRow {
  uint64_t revision = 0;
  // The sweeper has taken the expired record out of the digest and the count of entries.
  bool swept = false;
  // The record did not come from Redis, or Redis may have lost it: it is in the outbox until the mirror's cursor has
  // passed its revision. The sweeper gives a record a new revision and clears this for what Redis has, so that expiring
  // sends nothing.
  bool unsent = false;
  absl::string_view encoded;
  Record record;
};

// `record` itself is not looked at: `encoded` says the same.
std::string EncodeRecordRow(const RecordRow& row);

// Errors: as DecodeRecord(), naming `key`.
absl::StatusOr<RecordRow> DecodeRecordRow(absl::string_view key, absl::string_view row);

// Whether the row reads as absent at `now_unix_ms`. What was swept stays absent when the clock is set back: its EXPIRE
// has been told.
inline bool ReadsAsAbsent(const RecordRow& row, uint64_t now_unix_ms) {
  return row.swept || IsDead(row.record, now_unix_ms);
}

// Whether the row counts as an entry; what is swept or deleted counts as a tombstone.
inline bool IsEntry(const RecordRow& row) { return !row.record.tombstone && !row.swept; }

// A row of `changes`.
struct ChangeRow {
  uint64_t batch_first_revision = 0;
  absl::string_view key;
};

std::string EncodeChangeRow(uint64_t batch_first_revision, absl::string_view key);
absl::StatusOr<ChangeRow> DecodeChangeRow(absl::string_view row);

std::string EncodeExpiryKey(uint64_t expiry_unix_ms, absl::string_view key);

// Who the store is. Written once.
struct StoreIdentity {
  // Random; the origin of the versions this store issues. Never 0.
  uint64_t store_id = 0;
  std::string replication_namespace;
};

std::string EncodeIdentity(const StoreIdentity& identity);

// Errors: kDataLoss when the row is too short or its checksum does not match.
absl::StatusOr<StoreIdentity> DecodeIdentity(absl::string_view row);

// What changes with every transaction, kept in one row so that it costs one write.
struct StoreState {
  // The latest revision.
  uint64_t revision = 0;
  // The latest time issued by the clock.
  uint64_t clock_time = 0;
  // Live entries (not deleted, not swept) and their sum; the rest of `records` are tombstones.
  uint64_t entries = 0;
  uint64_t tombstones = 0;
  Digest digest;
  // Of all records, dead or alive: what Redis keeps of its own, for one comparison of the two.
  ContentSum content;

  // The life of the data in Redis that applied_sequence counts in, 0 before the first contact; and up to which sequence
  // every change of it is in this store.
  uint64_t epoch = 0;
  uint64_t applied_sequence = 0;
  // The fleet that this store belongs to, 0 before the first contact.
  uint64_t fleet_id = 0;
  // The Redis primary under which that epoch was entered; 0 when Redis did not say.
  uint64_t primary = 0;
  // When, on the fleet's clock, the store was last known to hold everything that the fleet had; 0: never yet, so that
  // what it holds may be half a snapshot.
  uint64_t complete_unix_ms = 0;
  // What the clock added to this machine's to get Redis', in microseconds: a restart without Redis goes on with it.
  int64_t clock_offset_us = 0;

  // The outbox: of the rows with a revision above `mirrored_revision`, those that are unsent, and, while the centre is
  // being refilled, all with a revision up to `refill_revision`.
  uint64_t mirrored_revision = 0;
  uint64_t refill_revision = 0;
  uint64_t outbox_depth = 0;
  // The highest mirrored_revision ever: an own write above it that is replaced was never in Redis.
  uint64_t mirrored_high_revision = 0;
  uint64_t writes_superseded = 0;
  // Of the outbox, what has never been in Redis: the size of its keys and records, and since when some of it has been
  // waiting, at the earliest (0: nothing waits).
  uint64_t unsent_bytes = 0;
  uint64_t unsent_since_unix_ms = 0;

  // Tombstones and expired records with revisions up to here may have been removed for their age.
  uint64_t collected_revision = 0;

  // The latest revision that went into the outbox, or an upper bound of it; 0 if nothing ever did. Not on the disk: a
  // store that is opened does not know better than that any of its revisions may have.
  uint64_t own_revision = 0;
  // Every expiry up to this time of the fleet's clock has been swept. Not on the disk: the first sweep tells.
  uint64_t expired_unix_ms = 0;
  // No expiry after this time has ever been swept; in a row of its own.
  uint64_t expired_latest_unix_ms = 0;

  // The highest time of a version that somebody else's record had and that was turned down for an own one that had
  // never been sent, since own ones were last stamped anew. Not on the disk: what Redis refuses after a restart, it
  // refuses knowing of all that was turned down before.
  uint64_t turned_down_time = 0;

  // Where the store of this state stands.
  Position PositionOf(uint64_t store_id) const {
    return {epoch, applied_sequence, store_id, revision, own_revision, expired_unix_ms};
  }

  // Whether the record of `row` is still to be sent to Redis.
  bool InOutbox(const RecordRow& row) const {
    return row.revision > mirrored_revision && (row.unsent || row.revision <= refill_revision);
  }

  // Whether the record of `row` has never been in Redis, as far as is known.
  bool NeverSent(const RecordRow& row) const { return row.unsent && row.revision > mirrored_high_revision; }

  // Whether besides it was written by this store: nobody else knows its version, which may still become another.
  bool IsOwnAndNeverSent(const RecordRow& row, uint64_t store_id) const {
    return NeverSent(row) && row.record.version.origin == store_id;
  }
};

std::string EncodeState(const StoreState& state);

// Errors: kDataLoss when the row has the wrong size or its checksum does not match.
absl::StatusOr<StoreState> DecodeState(absl::string_view row);

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_TABLES_H_
