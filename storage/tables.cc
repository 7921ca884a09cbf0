#include "storage/tables.h"

#include <xxhash.h>

#include <array>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

constexpr size_t kRowHeaderSizeBytes = 8 + 1;
constexpr char kSweptFlag = 1 << 0;
constexpr char kUnsentFlag = 1 << 1;
constexpr size_t kChecksumSizeBytes = 8;
constexpr size_t kDigestSizeBytes = 16;
constexpr size_t kStateNumbers = 19;
constexpr absl::string_view kRepairAdvice = ": put or delete the key to repair it";

// The numbers of the state row, in their order on disk.
std::array<uint64_t, kStateNumbers> NumbersOf(const StoreState& state) {
  return {state.revision,
          state.clock_time,
          state.entries,
          state.tombstones,
          state.epoch,
          state.applied_sequence,
          state.fleet_id,
          state.mirrored_revision,
          state.refill_revision,
          state.outbox_depth,
          state.mirrored_high_revision,
          state.writes_superseded,
          state.primary,
          state.content.value(),
          state.complete_unix_ms,
          static_cast<uint64_t>(state.clock_offset_us),
          state.unsent_bytes,
          state.unsent_since_unix_ms,
          state.collected_revision};
}

}  // namespace

std::string EncodeRecordRow(const RecordRow& row) {
  std::string out;
  out.reserve(kRowHeaderSizeBytes + row.encoded.size());
  AppendBigEndian64(row.revision, &out);
  out.push_back(static_cast<char>((row.swept ? kSweptFlag : 0) | (row.unsent ? kUnsentFlag : 0)));
  out.append(row.encoded.data(), row.encoded.size());
  return out;
}

absl::StatusOr<RecordRow> DecodeRecordRow(absl::string_view key, absl::string_view row) {
  if (row.size() < kRowHeaderSizeBytes) {
    return absl::DataLossError(absl::StrCat("key \"", absl::CHexEscape(key), "\": damaged row: ", row.size(),
                                            " bytes are too few", kRepairAdvice));
  }
  RecordRow decoded;
  decoded.revision = ReadBigEndian64(row);
  decoded.swept = (row[8] & kSweptFlag) != 0;
  decoded.unsent = (row[8] & kUnsentFlag) != 0;
  decoded.encoded = row.substr(kRowHeaderSizeBytes);
  absl::StatusOr<Record> record = DecodeRecord(decoded.encoded);
  if (!record.ok()) {
    return absl::Status(record.status().code(),
                        absl::StrCat("key \"", absl::CHexEscape(key), "\": ", record.status().message(),
                                     absl::IsDataLoss(record.status()) ? kRepairAdvice : ""));
  }
  decoded.record = *record;
  return decoded;
}

std::string EncodeChangeRow(uint64_t batch_first_revision, absl::string_view key) {
  std::string row;
  AppendBigEndian64(batch_first_revision, &row);
  absl::StrAppend(&row, key);
  return row;
}

absl::StatusOr<ChangeRow> DecodeChangeRow(absl::string_view row) {
  if (row.size() <= 8) {
    return absl::DataLossError("damaged row of changes: it names no key");
  }
  return ChangeRow{ReadBigEndian64(row), row.substr(8)};
}

std::string EncodeExpiryKey(uint64_t expiry_unix_ms, absl::string_view key) {
  std::string out;
  AppendBigEndian64(expiry_unix_ms, &out);
  absl::StrAppend(&out, key);
  return out;
}

std::string EncodeIdentity(const StoreIdentity& identity) {
  std::string row;
  AppendBigEndian64(identity.store_id, &row);
  absl::StrAppend(&row, identity.replication_namespace);
  AppendBigEndian64(XXH3_64bits(row.data(), row.size()), &row);
  return row;
}

absl::StatusOr<StoreIdentity> DecodeIdentity(absl::string_view row) {
  if (row.size() < 8 + kChecksumSizeBytes) {
    return absl::DataLossError("damaged identity of the store: it is too short");
  }
  const absl::string_view content = row.substr(0, row.size() - kChecksumSizeBytes);
  if (XXH3_64bits(content.data(), content.size()) != ReadBigEndian64(row.substr(content.size()))) {
    return absl::DataLossError("damaged identity of the store: its checksum does not match");
  }
  return StoreIdentity{ReadBigEndian64(content), std::string(content.substr(8))};
}

std::string EncodeState(const StoreState& state) {
  std::string row;
  for (const uint64_t number : NumbersOf(state)) {
    AppendBigEndian64(number, &row);
  }
  absl::StrAppend(&row, state.digest.Encode());
  AppendBigEndian64(XXH3_64bits(row.data(), row.size()), &row);
  return row;
}

absl::StatusOr<StoreState> DecodeState(absl::string_view row) {
  const size_t content_size = 8 * kStateNumbers + kDigestSizeBytes;
  if (row.size() != content_size + kChecksumSizeBytes ||
      XXH3_64bits(row.data(), content_size) != ReadBigEndian64(row.substr(content_size))) {
    return absl::DataLossError("damaged state of the store: its size or checksum is wrong");
  }
  const auto next = [&row] {
    const uint64_t number = ReadBigEndian64(row);
    row.remove_prefix(8);
    return number;
  };
  StoreState state;
  state.revision = next();
  state.clock_time = next();
  state.entries = next();
  state.tombstones = next();
  state.epoch = next();
  state.applied_sequence = next();
  state.fleet_id = next();
  state.mirrored_revision = next();
  state.refill_revision = next();
  state.outbox_depth = next();
  state.mirrored_high_revision = next();
  state.writes_superseded = next();
  state.primary = next();
  state.content = ContentSum(next());
  state.complete_unix_ms = next();
  state.clock_offset_us = static_cast<int64_t>(next());
  state.unsent_bytes = next();
  state.unsent_since_unix_ms = next();
  state.collected_revision = next();
  state.digest = Digest::Decode(row);
  return state;
}

}  // namespace dunlin
