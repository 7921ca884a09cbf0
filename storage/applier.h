#ifndef DUNLIN_STORAGE_APPLIER_H_
#define DUNLIN_STORAGE_APPLIER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "storage/change.h"
#include "storage/hybrid_clock.h"
#include "storage/table_txn.h"
#include "storage/tables.h"
#include "storage/write.h"

namespace dunlin {

// Applier carries out writes inside one write transaction and keeps the tables and the state in step. It decides what
// replaces what; when to commit is the Committer's business.
//
// Invariants, after every call that returns OK:
//  (1) Each row of `records` has exactly one live row in `changes`: the one at its revision.
//  (2) A record with an expiry that is not swept has its row in `expiries`, and no other has.
//  (3) state->entries, tombstones, digest, content, outbox_depth and unsent_bytes describe `records`.
//
// A damaged row is replaced by whatever is written under its key. What it has counted for is unknown, so (3) holds
// again only after Finish(), which then counts everything anew. (2) holds again once its expiry has passed.
//
// Errors: kFailedPrecondition leaves everything as it was. Any other error leaves the transaction unusable.
//
// Thread-safety: one thread at a time.
class Applier {
 public:
  // All must outlive this object. `state` is changed along; keep a copy if the transaction may fail.
  Applier(TableTxn* txn, StoreState* state, uint64_t store_id, HybridClock* clock)
      : txn_(txn), state_(state), store_id_(store_id), clock_(clock), now_unix_ms_(clock->NowUnixMillis()) {}

  // Gives each mutation a version, all of them of one time unless somebody's wrong clock is in the way, and stores it.
  // Errors: kFailedPrecondition when the precondition does not hold, naming the version in its way, or when a row to be
  // replaced is of a newer format.
  absl::StatusOr<WriteResult> ApplyLocal(const LocalWrite& write);

  // Stores the records that are newer than what is there. A stored row of a newer format stays.
  // Errors: kFailedPrecondition when a record of the batch is of a newer format.
  absl::StatusOr<ApplyResult> ApplyRemote(const RemoteBatch& batch);

  // Moves the mirror's cursor, and takes what was sent and has not been replaced since out of the outbox. What is above
  // the cursor then has been written after `written_after_unix_ms`; 0 if that is not known.
  absl::Status AdvanceMirrored(const MirrorProgress& progress, uint64_t written_after_unix_ms = 0);

  // Gives records that are too far ahead of the fleet's clock versions of the present, and the clock its senses back.
  // Times to live begin anew. Returns how many records it were.
  absl::StatusOr<size_t> Restamp(const Restamping& restamping);

  // Moves the change entries of up to `entries_max` expired records to new revisions, so that watchers see them expire.
  // Returns how many expiries were handled.
  absl::StatusOr<size_t> SweepExpired(size_t entries_max);

  // Removes stale change entries among the `entries_max` rows from revision `from` on. Returns where to go on, or 0 at
  // the end.
  absl::StatusOr<uint64_t> SweepStaleChanges(uint64_t from, size_t entries_max);

  // What is to be collected among the rows of changes.
  struct Collection {
    uint64_t from_revision = 0;
    uint64_t upto_revision = 0;
    size_t entries_max = 0;
    // What is in the outbox stays, unless there is nobody to send it to.
    bool outbox_too = false;
  };
  // Removes tombstones and expired records. Returns the revision at which to go on, or 0 at the end.
  absl::StatusOr<uint64_t> CollectDead(const Collection& collection);

  // Settles the counts. To be called once, after the last change.
  absl::Status Finish();

  // From now on changes tell what they replaced.
  void KeepPrevious() { keep_previous_ = true; }

  // The changes made so far, in revision order.
  std::vector<ChangePtr> TakeChanges() { return std::move(changes_); }

  // Whether the expiry of anything was taken note of.
  bool has_swept() const { return has_swept_; }

  // The time at which all of this happens.
  uint64_t now_unix_ms() const { return now_unix_ms_; }

  // Whether any table was changed.
  bool changed() const { return changed_; }

 private:
  // What stands under a key. The views in `row` end with the next change of the tables.
  struct Stored {
    // OK; kNotFound; kDataLoss when the row is damaged, kFailedPrecondition when it is of a newer format.
    absl::Status status;
    // Only with OK; of a row of a newer format the revision alone.
    RecordRow row;
  };

  absl::StatusOr<Stored> Read(absl::string_view key) const;
  absl::Status CheckPrecondition(const LocalWrite& write) const;
  absl::StatusOr<Stored> ReadReplaceable(absl::string_view key) const;
  static uint64_t TimeAfter(const Stored& old);
  // The times of the versions of a batch: for keys of the past and the present, and for those of a far future; 0 for
  // none.
  struct BatchTimes {
    uint64_t present = 0;
    uint64_t future = 0;
    uint64_t For(uint64_t at_least) const;
    // Makes room for a key whose version is to have `at_least`.
    void Include(uint64_t at_least, bool is_far_ahead);
  };
  absl::StatusOr<BatchTimes> IssueForBatch(const LocalWrite& write);
  absl::Status Replace(absl::string_view key, const Stored& old, RecordRow successor, uint64_t batch_first_revision);
  absl::Status Forget(absl::string_view key, const RecordRow& old, const RecordRow& successor);
  // What a change has replaced.
  struct Replaced {
    // Null if that was no entry, or is not known.
    ChangePtr previous;
    bool is_known = false;
  };
  absl::Status WriteRow(absl::string_view key, const RecordRow& row, uint64_t batch_first_revision, Replaced replaced);
  ChangePtr PreviousOf(absl::string_view key, const Stored& old, const RecordRow& successor) const;
  absl::StatusOr<uint64_t> DropAbsent(const RemoteBatch& batch);
  absl::Status RestampForgotten(const std::vector<OutboxItem>& items, uint64_t forgotten_unix_ms,
                                const KeySet& fleet_keys);
  // `redis_times` as in Restamping; empty: Redis has nothing of the group.
  absl::Status RestampGroup(absl::Span<const OutboxItem> group, absl::Span<const uint64_t> redis_times);
  absl::Status RestampOne(const OutboxItem& item, uint64_t time, uint64_t batch_first_revision);
  bool MayRestamp(const RecordRow& row, const OutboxItem& item) const;
  void NoteTurnedDown(const Record& incoming, const Stored& old);
  absl::StatusOr<bool> IsAheadOfClock(const OutboxItem& item) const;
  absl::StatusOr<uint64_t> BatchOf(const OutboxItem& item) const;
  absl::Status ExpireOne(absl::string_view expiry_key);
  absl::StatusOr<bool> CollectIfDead(uint64_t revision, absl::string_view key, bool outbox_too);
  void Uncount(absl::string_view key, const RecordRow& row);
  void Count(absl::string_view key, const RecordRow& row);

  TableTxn* const txn_;
  StoreState* const state_;
  const uint64_t store_id_;
  HybridClock* const clock_;
  const uint64_t now_unix_ms_;

  std::vector<ChangePtr> changes_;
  bool keep_previous_ = false;
  bool changed_ = false;
  bool has_swept_ = false;
  bool recount_needed_ = false;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_APPLIER_H_
