#ifndef DUNLIN_STORAGE_SCRUBBER_H_
#define DUNLIN_STORAGE_SCRUBBER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/store.h"
#include "storage/table_txn.h"
#include "storage/tables.h"

namespace dunlin {

// What a Scrubber has found so far. A plain value.
struct ScrubReport {
  // A row that cannot be read, or that others contradict.
  struct Damage {
    // Empty when the row that should name it does not.
    std::string key;
    std::string reason;
  };
  enum class Comparison { kNotMade, kEqual, kDifferent };

  // Rows that could be read.
  uint64_t entries = 0;
  uint64_t tombstones = 0;
  uint64_t changes = 0;
  uint64_t expiries = 0;
  // Of these, the rows that belong to no record.
  uint64_t leftover_expiries = 0;

  uint64_t damaged_count = 0;
  // The first kScrubFindingsMax.
  std::vector<Damage> damaged;

  // Of what the state row says with what the records say: entries, tombstones, what is in the outbox and its size; the
  // digest of all entries and the sum of all records.
  Comparison counts = Comparison::kNotMade;
  Comparison digest = Comparison::kNotMade;
  // Why they were not made; empty if they were.
  std::string not_compared_reason;

  // The revisions at which the first and the last record were read.
  uint64_t first_revision = 0;
  uint64_t last_revision = 0;
};

// Scrubber walks through all that a store holds, in pages with a short read transaction each, and checks it against the
// invariants of applier.h:
//
//  - each record can be read, its checksum matches, and its change entry and its expiry stand in their tables;
//  - each change entry names a key, and no change of the key is later than the key's record;
//  - each expiry belongs to a record; one that does not is left over from a record that was damaged and has been
//    replaced, and goes away when it is due, so that it is no damage;
//  - entries, tombstones, outbox, unsent bytes, digest and content in the state row are those of the records, if all of
//    these were read at one state: any commit in between, also one of positions alone, makes the comparison impossible,
//    and the report says so.
//
// A change that is made behind the page under way is not seen; one ahead of it is. What is written while the scrubber
// runs is never taken for damage: each row is judged within the transaction that has read it.
//
// A record that cannot be read counts in Store::CountDamaged() from then on, as if a read had met it. The scrubber
// repairs nothing: Store::FindOlder() counts damaged records as lacking, so that whoever compares the store with the
// fleet's reads them again.
//
// Thread-safety: one thread at a time, beside any use of the store.
class Scrubber {
 public:
  // `store` must outlive this object.
  explicit Scrubber(const Store* store) : store_(store) {}
  Scrubber(const Scrubber&) = delete;
  Scrubber& operator=(const Scrubber&) = delete;

  // Checks the pages of the database themselves, see storage/page_check.h, before Step() comes upon a damaged one. The
  // pages that it reads are not reused meanwhile, so that the file grows by what is written.
  // Errors: those of the function CheckPages().
  absl::Status CheckPages(absl::FunctionRef<bool()> interrupted) const;

  // Looks at the next page of rows. Returns whether there is another.
  // Errors: kDataLoss when the state row is damaged or the tables cannot be walked through; kResourceExhausted when too
  // many reads are under way. The walk can be gone on with after that one.
  absl::StatusOr<bool> Step();

  // Complete once Step() has returned false.
  const ScrubReport& report() const { return report_; }

 private:
  using CheckRow = absl::Status (Scrubber::*)(const TableTxn& txn, const TableCursor& cursor);

  absl::Status NoteState(const TableTxn& txn);
  absl::Status CheckRecord(const TableTxn& txn, const TableCursor& cursor);
  absl::Status CheckChange(const TableTxn& txn, const TableCursor& cursor);
  absl::Status CheckExpiry(const TableTxn& txn, const TableCursor& cursor);
  void Count(absl::string_view key, const RecordRow& row);
  void Compare();
  void AddDamage(absl::string_view key, absl::string_view reason);

  const Store* const store_;
  // The table under way, and the last key in it that has been looked at; empty: none.
  size_t table_ = 0;
  std::string last_key_;

  // The state row of the first page, as it was read.
  std::string first_state_bytes_;
  StoreState first_state_;
  bool state_changed_ = false;
  // Counted from the records: entries, tombstones, outbox_depth, unsent_bytes, digest and content.
  StoreState counted_;
  ScrubReport report_;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_SCRUBBER_H_
