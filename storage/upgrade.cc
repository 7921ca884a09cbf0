#include "storage/upgrade.h"

#include <xxhash.h>

#include <array>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"
#include "storage/status_macros.h"
#include "storage/tables.h"

namespace dunlin {
namespace {

constexpr size_t kNumbersOfFormat1 = 13;
constexpr size_t kDigestSizeBytes = 16;
constexpr size_t kChecksumSizeBytes = 8;

absl::StatusOr<StoreState> DecodeStateOfFormat1(absl::string_view row) {
  const size_t content_size = 8 * kNumbersOfFormat1 + kDigestSizeBytes;
  if (row.size() != content_size + kChecksumSizeBytes ||
      XXH3_64bits(row.data(), content_size) != ReadBigEndian64(row.substr(content_size))) {
    return absl::DataLossError("damaged state of the store: its size or checksum is wrong");
  }
  StoreState state;
  const std::array<uint64_t*, kNumbersOfFormat1> numbers = {&state.revision,
                                                            &state.clock_time,
                                                            &state.entries,
                                                            &state.tombstones,
                                                            &state.epoch,
                                                            &state.applied_sequence,
                                                            &state.fleet_id,
                                                            &state.mirrored_revision,
                                                            &state.refill_revision,
                                                            &state.outbox_depth,
                                                            &state.mirrored_high_revision,
                                                            &state.writes_superseded,
                                                            &state.primary};
  for (size_t i = 0; i < numbers.size(); ++i) {
    *numbers[i] = ReadBigEndian64(row.substr(8 * i));
  }
  state.digest = Digest::Decode(row.substr(8 * numbers.size()));
  return state;
}

// A damaged record counts for nothing, as everywhere.
absl::Status CountContent(const LmdbTxn& txn, StoreState* state) {
  DUNLIN_ASSIGN_OR_RETURN(LmdbCursor cursor, LmdbCursor::Open(txn, Table::kRecords));
  DUNLIN_RETURN_IF_ERROR(cursor.Seek(""));
  while (cursor.valid()) {
    const absl::StatusOr<RecordRow> row = DecodeRecordRow(cursor.key(), cursor.value());
    if (row.ok()) {
      state->content.Add(row->encoded);
      state->unsent_bytes += state->NeverSent(*row) ? cursor.key().size() + row->encoded.size() : 0;
    }
    DUNLIN_RETURN_IF_ERROR(cursor.Next());
  }
  return absl::OkStatus();
}

absl::Status UpgradeFormat1(uint64_t now_unix_ms, LmdbTxn* txn) {
  DUNLIN_ASSIGN_OR_RETURN(const auto row, txn->Get(Table::kMeta, kMetaState));
  DUNLIN_ASSIGN_OR_RETURN(StoreState state, DecodeStateOfFormat1(row.value_or("")));
  DUNLIN_RETURN_IF_ERROR(CountContent(*txn, &state));
  state.unsent_since_unix_ms = state.unsent_bytes == 0 ? 0 : now_unix_ms;
  state.complete_unix_ms = state.applied_sequence == 0 ? 0 : now_unix_ms;
  return txn->Put(Table::kMeta, kMetaState, EncodeState(state));
}

}  // namespace

absl::Status UpgradeStore(uint64_t from, uint64_t now_unix_ms, LmdbTxn* txn) {
  if (from == 0 || from >= kStoreFormat) {
    return absl::FailedPreconditionError(absl::StrCat("the store has format ", from, ", which never was"));
  }
  if (from == 1) {
    DUNLIN_RETURN_IF_ERROR(UpgradeFormat1(now_unix_ms, txn));
  }
  return txn->Put(Table::kMeta, kMetaFormat, EncodeBigEndian64(kStoreFormat));
}

}  // namespace dunlin
