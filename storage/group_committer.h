#ifndef DUNLIN_STORAGE_GROUP_COMMITTER_H_
#define DUNLIN_STORAGE_GROUP_COMMITTER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/applier.h"
#include "storage/change_feed.h"
#include "storage/hybrid_clock.h"
#include "storage/limits.h"
#include "storage/operation.h"
#include "storage/persistence.h"
#include "storage/revision_history.h"
#include "storage/store.h"
#include "storage/version_reserve.h"
#include "storage/write_times.h"

namespace dunlin {

// GroupCommitter carries out groups of operations, each group in one transaction and, if somebody is told that it is
// stored, one sync, and does between the
// groups what is due: it expires entries, removes stale change entries, writes positions down. It is the Committer
// without queue and thread, so that the simulator can drive it.
//
// It also forgets, page by page, what has been deleted or expired for longer than the horizon.
//
// A disk that fails a write or a sync ends all of that for good: see Store::failure().
//
// Thread-safety: one thread at a time. There is one for each store.
class GroupCommitter {
 public:
  struct Options {
    // Puts are refused above it; deletes, remote batches and bookkeeping are not.
    uint64_t quota_bytes = kDatabaseQuotaBytesDefault;
    // There is no Redis: nothing in the outbox waits for anybody.
    bool standalone = false;
    // Puts are refused while what has never been in Redis weighs more than that, or some of it has been waiting for
    // longer. Deletes are not: a tombstone is small, and the database's own limit bounds them.
    uint64_t outbox_quota_bytes = kOutboxQuotaBytesDefault;
    absl::Duration outbox_age_max = kTombstoneHorizonDefault;
    // How long deleted and expired keys are remembered.
    absl::Duration tombstone_horizon = kTombstoneHorizonDefault;
    // What is committed is written to the database by whoever asks for checkpoint_is_due(), on another thread.
    bool checkpoints_elsewhere = false;
  };

  // All must outlive this object.
  GroupCommitter(const Options& options, Store* store, HybridClock* clock, ChangeFeed* feed);
  GroupCommitter(const GroupCommitter&) = delete;
  GroupCommitter& operator=(const GroupCommitter&) = delete;

  // How durable `operation` has to be when it is answered.
  static Persistence PersistenceOf(const Operation& operation);

  // Carries `group` out in its order, makes it durable, hands the changes to the feed, and leaves each operation with
  // its result. An error of the database is the result of all, and nothing of the group is stored; an operation that is
  // turned down concerns no other. When the disk or the map is full, what may still fit is tried once more without the
  // puts, and the deletes, which make room, once more alone.
  void Commit(OperationGroup* group);

  // Does what is due. To be called at least every kSweepPeriod.
  void RunDue();

  // Whether RunDue() has left something to do at once.
  bool more_is_due() const { return sweep_again_ || collect_at_revision_ != 0; }

  // Whether TableEnv::WriteFrozen() has something to do, as of the last RunDue().
  bool checkpoint_is_due() const { return checkpoint_is_due_; }

  // Writes down the positions that have waited, if any.
  void FlushPositions();

  // Writes all to the database, so that a restart need not.
  void Finish();

 private:
  absl::Status CommitWhole(OperationGroup* group);
  absl::Status CommitPart(bool (*keeps)(const Operation&), OperationGroup* group);
  // What is to become of a transaction.
  struct Terms {
    Persistence persistence = Persistence::kSynced;
    // All that it changes is what clients write: others may have it as soon as it is written.
    bool may_be_announced = false;
  };
  static Terms TermsOf(const OperationGroup& group);
  absl::Status Transact(const Terms& terms, const std::function<absl::Status(Applier*, TableTxn*)>& body);
  void NoteExpiries(const Applier& applier);
  absl::Status CommitState(TableTxn txn, Applier* applier, const StoreState& before, const Terms& terms);
  absl::Status CommitChanges(TableTxn txn, absl::Span<const ChangePtr> changes, const StoreState& before,
                             const Terms& terms);
  absl::Status Execute(Operation* operation, Applier* applier);
  absl::Status AdvanceMirrored(const MirrorProgress& progress, Applier* applier);
  absl::Status ExecuteWrite(WriteOperation* operation, Applier* applier);
  absl::Status CheckRoom(const OperationGroup& group);
  absl::Status MeasureUsedBytes();
  absl::Status CheckQuotas() const;
  void ExecuteEpoch(EpochOperation* operation);
  bool HoldsWhatRedisHolds(const EpochChange& change) const;
  void Sweep();
  absl::Status SweepStaleChanges(Applier* applier, const TableTxn& txn);
  void Collect();
  absl::Status NoteHistory(TableTxn* txn);
  std::string EncodeStateNow();

  const Options options_;
  Store* const store_;
  HybridClock* const clock_;
  ChangeFeed* const feed_;

  StoreState state_;
  // How far the mirror has come, as it said in groups that failed: made up for with the next group, or when due.
  std::vector<MirrorProgress> owed_progress_;
  // state_ has positions that are not on disk yet; they must not wait.
  bool positions_dirty_ = false;
  bool positions_urgent_ = false;
  absl::Time positions_flushed_ = absl::InfinitePast();
  absl::Time expiries_swept_ = absl::InfinitePast();
  // The last sweep has left something due.
  bool sweep_again_ = false;
  bool checkpoint_is_due_ = false;
  uint64_t change_sweep_revision_ = 0;
  VersionReserve version_reserve_;
  // Which revision the store had when, finely for the outbox of this run.
  WriteTimes write_times_;
  // The same, coarsely and over restarts, and where the present round of collecting stands; 0 between two rounds.
  RevisionHistory history_;
  uint64_t noted_revision_ = 0;
  absl::Time collected_ = absl::InfinitePast();
  uint64_t collect_at_revision_ = 0;
  uint64_t collect_upto_revision_ = 0;
  // Measured before each group with a put.
  uint64_t used_bytes_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_GROUP_COMMITTER_H_
