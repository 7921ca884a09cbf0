#ifndef DUNLIN_STORAGE_JOURNAL_BATCH_H_
#define DUNLIN_STORAGE_JOURNAL_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "storage/table.h"

// The format of a journal's segment: batches, one after the other, and then whatever was there before. Numbers are
// big-endian.
//
//   batch   checksum (8) | checksum of the batch before it in the segment, 0 for the first (8) | number (8)
//           | number of the last commit that was synced before this was written (8) | size of the rows (8) | rows
//           | zeros up to a multiple of 8 bytes
//   row     table, with 128 if it is deleted (1) | size of the key (2) | size of the value (4) | key | value
//
// The checksum is XXH3 (64 bits, https://xxhash.com) of all that follows in the batch, seeded with the store's id. A
// batch is the rows of one commit; numbers count commits without a gap, over all segments. Not each is synced: of those
// after the last that was, a power failure leaves any part, so that a later one may be there and an earlier one not.
namespace dunlin {

// The size of a batch without rows.
inline constexpr size_t kJournalBatchSizeMinBytes = 5 * 8;

// A row that a commit has put or deleted. The views are into the batch it was read from.
struct JournalRow {
  Table table = Table::kRecords;
  bool deleted = false;
  absl::string_view key;
  absl::string_view value;
};

// Where a batch stands among others.
struct JournalPlace {
  uint64_t number = 0;
  uint64_t previous_checksum = 0;
  uint64_t synced_upto = 0;
};

// JournalBatch gathers the rows of a commit and encodes them.
//
// Thread-safety: one thread at a time.
class JournalBatch {
 public:
  JournalBatch() { Clear(); }

  void Put(Table table, absl::string_view key, absl::string_view value) { Add(table, key, value, false); }
  void Delete(Table table, absl::string_view key) { Add(table, key, "", true); }

  bool empty() const;

  // The whole batch. It is valid until the next call.
  absl::string_view Finish(uint64_t store_id, const JournalPlace& place);

  // Of the batch as it was finished.
  uint64_t checksum() const;

  // Begins anew.
  void Clear();

 private:
  void Add(Table table, absl::string_view key, absl::string_view value, bool deleted);

  std::string bytes_;
};

// A batch as read. The views are into what was read.
struct ReadBatch {
  uint64_t checksum = 0;
  JournalPlace place;
  // With header and zeros.
  size_t size_bytes = 0;
  absl::string_view rows;
};

// Reads the batch at the beginning of `bytes`, or nothing if there is no whole one.
absl::optional<ReadBatch> ReadJournalBatch(uint64_t store_id, absl::string_view bytes);

// Whether a whole batch with a number up to `number_max` that was written when commit `number` had been synced stands
// anywhere in `bytes`, which begins at a multiple of 8 bytes of a segment.
bool TellsOfSyncedCommit(uint64_t store_id, uint64_t number, uint64_t number_max, absl::string_view bytes);

// Calls `visit` for each of `rows`, in order. Returns false if they are not encoded so; `visit` has been called for
// those before.
bool ForEachJournalRow(absl::string_view rows, absl::FunctionRef<void(const JournalRow&)> visit);

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_JOURNAL_BATCH_H_
