#ifndef DUNLIN_STORAGE_STORE_H_
#define DUNLIN_STORAGE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/change.h"
#include "storage/data_directory.h"
#include "storage/hybrid_clock.h"
#include "storage/limits.h"
#include "storage/lmdb_env.h"
#include "storage/mutex.h"
#include "storage/revision_history.h"
#include "storage/tables.h"
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

struct EntryPage {
  std::vector<StoredEntry> entries;
  // Whether there is nothing after the last entry.
  bool complete = false;
  // The revision that the page shows.
  uint64_t revision = 0;
};

struct ChangePage {
  std::vector<Change> changes;
  // Everything up to here has been looked at: go on after it.
  uint64_t covered_revision = 0;
  // Whether there is nothing after covered_revision yet.
  bool complete = false;
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
// Errors of reads: kDataLoss when a record is damaged, naming the key; kResourceExhausted when more reads are under way
// than limits.h allows.
//
// Thread-safety: safe for concurrent use, except as told at single calls.
class Store {
 public:
  struct Options {
    std::string directory;
    std::string replication_namespace = "default";
    size_t map_size_bytes = kDatabaseMapSizeBytesDefault;
    bool sync = true;
    // The id of a store that is created; 0 draws one. The simulator sets it, so that a seed gives the same world.
    uint64_t new_store_id = 0;
  };

  // Opens the store in `options.directory`, creating it if the directory is empty or absent. `clock` must outlive it;
  // it is moved past every version that the store has issued. Errors: those of DataDirectory and LmdbEnv;
  // kFailedPrecondition when the store is of a newer format or belongs to another namespace.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options, HybridClock* clock);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Returns the entry of `key`. Errors: kNotFound when it is absent, deleted or expired.
  absl::StatusOr<StoredEntry> Get(absl::string_view key) const;

  // Returns the record of `key`, encoded as in record.h, dead or alive; empty when there is none.
  absl::StatusOr<std::string> GetRecord(absl::string_view key) const;

  // Returns the entries of `keys` that exist, in their order, as of one moment.
  // Errors: kResourceExhausted when keys and values together exceed `size_max_bytes`.
  absl::StatusOr<std::vector<StoredEntry>> BatchGet(const std::vector<std::string>& keys, size_t size_max_bytes) const;

  // Returns the entries whose keys start with `prefix` and follow `after_key`, in byte order: at most `entries_max`,
  // and no more than `size_max_bytes` of keys and values, but at least one. With `keys_only`, values are left out.
  absl::StatusOr<EntryPage> List(absl::string_view prefix, absl::string_view after_key, size_t entries_max,
                                 size_t size_max_bytes, bool keys_only) const;

  // Returns the latest change of each key that changed after `after_revision` and passes `filter`, in revision order,
  // at most `changes_max` and about `size_max_bytes`. An entry that has expired but is not swept is left out: its
  // EXPIRE will follow at a later revision.
  absl::StatusOr<ChangePage> ReadChanges(uint64_t after_revision, const KeyFilter& filter, size_t changes_max,
                                         size_t size_max_bytes) const;

  // Returns what is in the outbox after `after_revision`, as ReadChanges(). Batches of this store are never split, even
  // if that exceeds the limits. What has been in Redis before and what has not are on different pages.
  absl::StatusOr<ChangePage> ReadOutbox(uint64_t after_revision, size_t changes_max, size_t size_max_bytes) const;

  // Which of `items` this store lacks, or has in an older version: their positions, in order. A damaged
  // record counts as lacking.
  absl::StatusOr<std::vector<size_t>> FindOlder(const std::vector<KeyAndOrder>& items) const;

  // The random id of this store: the origin of the versions it issues.
  uint64_t store_id() const { return identity_.store_id; }

  // The state as of the latest commit.
  StoreState state() const ABSL_LOCKS_EXCLUDED(mutex_);

  // The position as of the latest commit.
  Position position() const ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<uint64_t> UsedBytes() const { return env_->UsedBytes(); }

  // As it was when the store was opened.
  const RevisionHistory& revision_history() const { return revision_history_; }

  // OK; or, once the disk has failed a write or a sync, kUnavailable with what failed and the remedy. Nothing is stored
  // any more then, whatever the disk says later; reads go on.
  absl::Status failure() const { return env_->failure(); }

 private:
  friend class GroupCommitter;
  friend class Scrubber;

  Store(DataDirectory directory, std::unique_ptr<LmdbEnv> env, HybridClock* clock)
      : directory_(std::move(directory)), env_(std::move(env)), clock_(clock) {}

  absl::Status LoadOrCreate(const Options& options);
  absl::Status Create(const Options& options, LmdbTxn txn);
  absl::Status Load(const Options& options, LmdbTxn txn);
  void Resume(const StoreState& state);
  void SetState(const StoreState& state) ABSL_LOCKS_EXCLUDED(mutex_);

  // Declared first, so that the directory is unlocked after the database is closed.
  const DataDirectory directory_;
  const std::unique_ptr<LmdbEnv> env_;
  HybridClock* const clock_;
  StoreIdentity identity_;
  RevisionHistory revision_history_;

  mutable Mutex mutex_;
  StoreState state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_STORE_H_
