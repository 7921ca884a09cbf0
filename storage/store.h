#ifndef DUNLIN_STORAGE_STORE_H_
#define DUNLIN_STORAGE_STORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "storage/change.h"
#include "storage/damaged_records.h"
#include "storage/data_directory.h"
#include "storage/hybrid_clock.h"
#include "storage/limits.h"
#include "storage/lmdb_env.h"
#include "storage/logger.h"
#include "storage/lost_revisions.h"
#include "storage/mutex.h"
#include "storage/revision_history.h"
#include "storage/store_check.h"
#include "storage/table_env.h"
#include "storage/tables.h"
#include "storage/version.h"
#include "storage/version_reserve.h"
#include "storage/write.h"

namespace dunlin {

// A key with its current value, as read. A plain value.
struct StoredEntry {
  std::string key;
  std::string value;
  Version version;
  uint64_t revision = 0;
  // Milliseconds since the Unix epoch; 0: never.
  uint64_t expiry_unix_ms = 0;
};

// The same while it is read: views into the store, valid as long as whoever reads says.
struct EntryView {
  absl::string_view key;
  absl::string_view value;
  Version version;
  uint64_t revision = 0;
  uint64_t expiry_unix_ms = 0;
};

struct EntryPage {
  std::vector<StoredEntry> entries;
  // Keys on the way whose record is damaged, so that nobody can tell whether there is an entry. They count like
  // entries.
  std::vector<std::string> damaged_keys;
  // Every key up to here has been looked at: go on after it. It may be the key of a deleted entry.
  std::string covered_key;
  // Whether there is nothing after covered_key.
  bool complete = false;
  // The revision that the page shows.
  uint64_t revision = 0;
};

// A change whose record is damaged.
struct DamagedChange {
  uint64_t revision = 0;
  std::string key;
};

struct ChangePage {
  std::vector<Change> changes;
  // Changes on the way that cannot be told, in revision order. They count like changes.
  std::vector<DamagedChange> damaged;
  // Everything up to here has been looked at: go on after it.
  uint64_t covered_revision = 0;
  // Whether there is nothing after covered_revision yet.
  bool complete = false;
  // Whether a change that the reader wants may be missing up to covered_revision, because a later one of its key has
  // taken its place.
  bool is_conflated = false;
  // Of changes: deletions with revisions up to here may have been forgotten, as of the page.
  uint64_t collected_revision = 0;
  // Of the outbox: all records of the page have been in Redis before, and are sent again because it may have lost them.
  bool known_to_redis = false;
};

// Which change entries a reader wants: told from the key alone, so that the others' records need not be read.
using KeyFilter = std::function<bool(absl::string_view key)>;

// Store is the replica's data on its own disk: it opens the data directory and answers reads. All writes go through the
// Committer. Reads see what has been committed, each a consistent view in a short read transaction of its own.
//
// Entries whose time to live has passed read as absent from that instant on, swept or not.
//
// Errors of reads: kDataLoss when the record of a key that was asked for is damaged, naming the key, or the database
// is; kResourceExhausted when more reads are under way than limits.h allows. Reads of many keys go on past a damaged
// record and say so.
//
// Thread-safety: safe for concurrent use, except as told at single calls.
class Store {
 public:
  struct Options {
    std::string directory;
    std::string replication_namespace = "default";
    size_t map_size_bytes = kDatabaseMapSizeBytesDefault;
    bool sync = true;
    // As TableEnv's.
    size_t write_buffer_bytes = kWriteBufferBytesDefault;
    StoreCheck check = StoreCheck::kOff;
    // The id of a store that is created; 0 draws one. The simulator sets it, so that a seed gives the same world.
    uint64_t new_store_id = 0;
    // As MachineBootId(), which is asked if it is empty.
    std::string boot_id;
    // Told of what is damaged; must outlive the store. Null: nobody is.
    Logger* logger = nullptr;
  };

  // Opens the store in `options.directory`, creating it if the directory is empty or absent. `clock` must outlive it;
  // it is moved past every version that the store has issued. Errors: those of DataDirectory, LmdbEnv and CheckPages();
  // kDataLoss when its own rows are damaged; kFailedPrecondition when the store is of a newer format or belongs to
  // another namespace.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options, HybridClock* clock);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Returns the entry of `key`. Errors: kNotFound when it is absent, deleted or expired.
  absl::StatusOr<StoredEntry> Get(absl::string_view key) const;

  // Returns the record of `key`, encoded as in record.h, dead or alive; empty when there is none.
  absl::StatusOr<std::string> GetRecord(absl::string_view key) const;

  // Calls `visit` with the entries of `keys` that exist, in their order, as of one moment. A view is valid during its
  // call. Errors, before which some may have been visited: kResourceExhausted when keys and values together exceed
  // `size_max_bytes`.
  absl::Status BatchGet(absl::Span<const absl::string_view> keys, size_t size_max_bytes,
                        absl::FunctionRef<void(const EntryView&)> visit) const;

  // Returns the entries whose keys start with `prefix` and follow `after_key`, in byte order: at most `entries_max`,
  // and no more than `size_max_bytes` of keys and values, but at least one. With `keys_only`, values are left out.
  // Looks at no more rows than limits.h allows, so that a page among many deleted keys may have no entry at all.
  absl::StatusOr<EntryPage> List(absl::string_view prefix, absl::string_view after_key, size_t entries_max,
                                 size_t size_max_bytes, bool keys_only) const;

  // Returns the latest change of each key that changed after `after_revision` and passes `filter`, in revision order,
  // at most `changes_max` and about `size_max_bytes`. An entry that has expired but is not swept is left out: its
  // EXPIRE will follow at a later revision.
  absl::StatusOr<ChangePage> ReadChanges(uint64_t after_revision, const KeyFilter& filter, size_t changes_max,
                                         size_t size_max_bytes) const;

  // Returns what is in the outbox after `after_revision`, as ReadChanges(). Batches of this store are never split, even
  // if that exceeds the limits. What has been in Redis before and what has not are on different pages. What is damaged
  // is left out: it cannot be sent, and must not keep back what follows it.
  absl::StatusOr<ChangePage> ReadOutbox(uint64_t after_revision, size_t changes_max, size_t size_max_bytes) const;

  // Returns the revision of the record under `key` if it is in the outbox. kDataLoss when it is damaged: then it cannot
  // be sent.
  absl::StatusOr<absl::optional<uint64_t>> FindUnsent(absl::string_view key) const;

  // Returns the version of the oldest write of this store that is in the outbox and that Redis has never had; nothing
  // when there is none. What others wrote, and what Redis has had and may have lost, is not counted. Each change is
  // looked at once, by whichever call comes to it first, so that this is cheap enough for a status.
  absl::StatusOr<absl::optional<Version>> OldestNeverSent() const;

  // The number of records that reads have found damaged since the store was opened and that have not been written
  // since; at most kDamagedRecordsMax are known.
  absl::StatusOr<uint64_t> CountDamaged() const;

  // Which of `items` this store lacks, or has in an older version: their positions, in order. A damaged record counts
  // as lacking, and so does an own one that has never been sent: it may be stamped anew, below what it is newer than
  // now, so that the records themselves have to be compared, by whoever stamps.
  absl::StatusOr<std::vector<size_t>> FindOlder(const std::vector<KeyAndOrder>& items) const;

  // The random id of this store: the origin of the versions it issues.
  uint64_t store_id() const { return identity_.store_id; }

  // The state as of the latest commit.
  StoreState state() const ABSL_LOCKS_EXCLUDED(mutex_);

  // The position as of the latest commit.
  Position position() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether the store goes on from `position`: it is its own, and no power failure has taken back what it tells of. It
  // may be of the future all the same, if the files were put back to an older copy.
  bool GoesOnFrom(const Position& position) const;

  absl::StatusOr<uint64_t> UsedBytes() const { return tables_->UsedBytes(); }

  // As it was when the store was opened.
  const RevisionHistory& revision_history() const { return revision_history_; }

  // OK; or, once the disk has failed a write or a sync, kUnavailable with what failed and the remedy. Nothing is stored
  // any more then, whatever the disk says later; reads go on.
  absl::Status failure() const { return tables_->failure(); }

 private:
  friend class Committer;
  friend class GroupCommitter;
  friend class Scrubber;

  Store(DataDirectory directory, HybridClock* clock, Logger* logger)
      : directory_(std::move(directory)), clock_(clock), damaged_(logger) {}

  static absl::StatusOr<std::unique_ptr<Store>> OpenAsItIs(const Options& options, HybridClock* clock);
  absl::Status PrepareDatabase(const Options& options, LmdbEnv* database);
  absl::Status Create(const Options& options, LmdbTxn txn);
  absl::Status CreateJournal(const Options& options) const;
  absl::Status CheckAndUpgrade(const Options& options, LmdbTxn txn);
  absl::Status Load();
  absl::Status PassOverWhatIsLost(const std::string& boot_id);
  uint64_t ExpiredAtMost(const StoreState& state) const;
  void SetState(const StoreState& state) ABSL_LOCKS_EXCLUDED(mutex_);
  // Decodes a row of `records`, and notes if it is damaged.
  absl::StatusOr<RecordRow> Decode(absl::string_view key, absl::string_view row) const;
  // What stands under the key of a change.
  struct LiveRow;
  absl::StatusOr<LiveRow> FindLiveRow(const TableTxn& txn, uint64_t revision, absl::string_view key) const;
  absl::StatusOr<absl::optional<Version>> FindNeverSent(uint64_t* after, bool* complete) const;
  static StoredEntry MakeEntry(absl::string_view key, const RecordRow& row, bool keys_only);

  // Declared first, so that the directory is unlocked after the database is closed.
  const DataDirectory directory_;
  // Set while opening.
  std::unique_ptr<TableEnv> tables_;
  HybridClock* const clock_;
  StoreIdentity identity_;
  RevisionHistory revision_history_;
  LostRevisions lost_revisions_;
  // As the database has it when it is opened.
  VersionReserve version_reserve_{0};

  // Synchronised by itself.
  mutable DamagedRecords damaged_;
  // Up to here no change is one that OldestNeverSent() looks for: what a change is does not change. Relaxed, because
  // any value it has had is right.
  mutable std::atomic<uint64_t> never_sent_after_{0};

  mutable Mutex mutex_;
  StoreState state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_STORE_H_
