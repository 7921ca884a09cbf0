#include "storage/journal_batch.h"

#include <xxhash.h>

#include <cassert>

#include "storage/big_endian.h"

namespace dunlin {
namespace {

constexpr size_t kChecksumSizeBytes = 8;
constexpr size_t kHeaderSizeBytes = kJournalBatchSizeMinBytes;
constexpr size_t kRowHeaderSizeBytes = 1 + 2 + 4;
constexpr size_t kAlignment = 8;
constexpr unsigned char kDeleted = 128;

void AppendNumber(uint64_t number, int bytes, std::string* out) {
  for (int i = bytes - 1; i >= 0; --i) {
    out->push_back(static_cast<char>(number >> (8 * i)));
  }
}

uint64_t ReadNumber(absl::string_view bytes, size_t count) {
  uint64_t number = 0;
  for (size_t i = 0; i < count; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return number;
}

void WriteBigEndian64(uint64_t number, char* out) {
  for (int i = 0; i < 8; ++i) {
    out[i] = static_cast<char>(number >> (56 - 8 * i));
  }
}

size_t Aligned(size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

uint64_t ChecksumOf(uint64_t store_id, absl::string_view batch) {
  return XXH3_64bits_withSeed(batch.data() + kChecksumSizeBytes, batch.size() - kChecksumSizeBytes, store_id);
}

}  // namespace

void JournalBatch::Clear() { bytes_.assign(kHeaderSizeBytes, '\0'); }

bool JournalBatch::empty() const { return bytes_.size() == kHeaderSizeBytes; }

void JournalBatch::Add(Table table, absl::string_view key, absl::string_view value, bool deleted) {
  const auto number = static_cast<unsigned char>(table);
  bytes_.push_back(static_cast<char>(deleted ? number | kDeleted : number));
  AppendNumber(key.size(), 2, &bytes_);
  AppendNumber(value.size(), 4, &bytes_);
  bytes_.append(key.data(), key.size());
  bytes_.append(value.data(), value.size());
}

absl::string_view JournalBatch::Finish(uint64_t store_id, const JournalPlace& place) {
  const size_t rows_size = bytes_.size() - kHeaderSizeBytes;
  bytes_.resize(Aligned(bytes_.size()));
  WriteBigEndian64(place.previous_checksum, &bytes_[8]);
  WriteBigEndian64(place.number, &bytes_[16]);
  WriteBigEndian64(place.synced_upto, &bytes_[24]);
  WriteBigEndian64(rows_size, &bytes_[32]);
  WriteBigEndian64(ChecksumOf(store_id, bytes_), &bytes_[0]);
  return bytes_;
}

uint64_t JournalBatch::checksum() const { return ReadBigEndian64(bytes_); }

absl::optional<ReadBatch> ReadJournalBatch(uint64_t store_id, absl::string_view bytes) {
  if (bytes.size() < kHeaderSizeBytes) {
    return absl::nullopt;
  }
  const uint64_t rows_size = ReadBigEndian64(bytes.substr(32));
  if (rows_size > bytes.size() - kHeaderSizeBytes) {
    return absl::nullopt;
  }
  const size_t size = Aligned(kHeaderSizeBytes + rows_size);
  if (size > bytes.size() || ReadBigEndian64(bytes) != ChecksumOf(store_id, bytes.substr(0, size))) {
    return absl::nullopt;
  }
  ReadBatch batch;
  batch.checksum = ReadBigEndian64(bytes);
  batch.place = {ReadBigEndian64(bytes.substr(16)), ReadBigEndian64(bytes.substr(8)),
                 ReadBigEndian64(bytes.substr(24))};
  batch.size_bytes = size;
  batch.rows = bytes.substr(kHeaderSizeBytes, rows_size);
  return batch;
}

bool TellsOfSyncedCommit(uint64_t store_id, uint64_t number, uint64_t number_max, absl::string_view bytes) {
  for (size_t at = 0; at + kHeaderSizeBytes <= bytes.size(); at += kAlignment) {
    // The numbers are looked at first: a checksum costs more.
    const uint64_t later = ReadBigEndian64(bytes.substr(at + 16));
    const uint64_t synced_upto = ReadBigEndian64(bytes.substr(at + 24));
    if (synced_upto >= number && later > synced_upto && later <= number_max &&
        ReadJournalBatch(store_id, bytes.substr(at)).has_value()) {
      return true;
    }
  }
  return false;
}

bool ForEachJournalRow(absl::string_view rows, absl::FunctionRef<void(const JournalRow&)> visit) {
  while (!rows.empty()) {
    if (rows.size() < kRowHeaderSizeBytes) {
      return false;
    }
    const auto first = static_cast<unsigned char>(rows[0]);
    const size_t key_size = ReadNumber(rows.substr(1), 2);
    const size_t value_size = ReadNumber(rows.substr(3), 4);
    rows.remove_prefix(kRowHeaderSizeBytes);
    if ((first & ~kDeleted) >= kTableCount || key_size + value_size > rows.size()) {
      return false;
    }
    JournalRow row;
    row.table = static_cast<Table>(first & ~kDeleted);
    row.deleted = (first & kDeleted) != 0;
    row.key = rows.substr(0, key_size);
    row.value = rows.substr(key_size, value_size);
    rows.remove_prefix(key_size + value_size);
    visit(row);
  }
  return true;
}

}  // namespace dunlin
