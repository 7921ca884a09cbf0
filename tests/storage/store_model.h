#ifndef DUNLIN_TESTS_STORAGE_STORE_MODEL_H_
#define DUNLIN_TESTS_STORAGE_STORE_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "storage/record.h"
#include "storage/table_env.h"
#include "storage/tables.h"
#include "storage/write.h"

namespace dunlin {

// StoreModel is what a store should hold, kept in a map and computed in the plainest way: counts are counted, the
// outbox is filtered, the digest is summed up afresh. It says in its own words what Applier does to tables.
//
// Thread-safety: one thread at a time.
class StoreModel {
 public:
  struct Row {
    uint64_t revision = 0;
    uint64_t batch_first_revision = 0;
    bool swept = false;
    bool unsent = false;
    Version version;
    bool tombstone = false;
    uint64_t expiry_unix_ms = 0;
    std::string value;
    std::string encoded;
  };

  explicit StoreModel(uint64_t store_id) : store_id_(store_id) {}

  // ---- What happens to the store ----

  // Whether the precondition of `write` holds at `now_unix_ms`.
  bool Accepts(const LocalWrite& write, uint64_t now_unix_ms) const;

  // Takes an accepted write over, with the versions that the store has given it. Returns what is wrong with the store's
  // answer; empty if nothing.
  std::string Write(const LocalWrite& write, const WriteResult& result, uint64_t now_unix_ms);

  // Returns what is wrong with the store's answer; empty if nothing.
  std::string Apply(const RemoteBatch& batch, const ApplyResult& result, uint64_t now_unix_ms);

  void EnterEpoch(const EpochChange& change);
  void AdvanceMirrored(uint64_t epoch, uint64_t revision);

  // Sweeps the first `entries_max` that have expired. Returns how many.
  size_t Sweep(size_t entries_max, uint64_t now_unix_ms);

  // ---- What the store holds then ----

  const std::map<std::string, Row>& rows() const { return rows_; }
  uint64_t revision() const { return revision_; }
  uint64_t epoch() const { return epoch_; }
  uint64_t mirrored_revision() const { return mirrored_revision_; }
  bool Lives(const std::string& key, uint64_t now_unix_ms) const;

  // Row by revision, all or those in the outbox.
  std::map<uint64_t, std::string> ByRevision() const;
  std::map<uint64_t, std::string> Outbox() const;

  // Everything of the state but the clock, and since when something has been waiting, which are as in `actual`.
  StoreState State(const StoreState& actual) const;

 private:
  bool InOutbox(const Row& row) const {
    return row.revision > mirrored_revision_ && (row.unsent || row.revision <= refill_revision_);
  }
  void Replace(const std::string& key, Row row, uint64_t now_unix_ms);

  uint64_t store_id_;
  std::map<std::string, Row> rows_;
  uint64_t revision_ = 0;
  uint64_t epoch_ = 0;
  uint64_t fleet_id_ = 0;
  uint64_t primary_ = 0;
  uint64_t applied_sequence_ = 0;
  uint64_t mirrored_revision_ = 0;
  uint64_t mirrored_high_revision_ = 0;
  uint64_t refill_revision_ = 0;
  uint64_t writes_superseded_ = 0;
  uint64_t complete_unix_ms_ = 0;
  Version last_issued_;
};

// Returns in which way the tables that `txn` sees violate the invariants of applier.h or differ from `state`; empty if
// in none.
std::string CheckTables(const TableTxn& txn, const StoreState& state);

// Returns how the tables that `txn` sees differ from the model's rows; empty if they do not.
std::string CompareTables(const TableTxn& txn, const StoreModel& model);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_STORAGE_STORE_MODEL_H_
