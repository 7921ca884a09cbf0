#include "storage/digest.h"

#include <xxhash.h>

#include "storage/big_endian.h"

namespace dunlin {
namespace {

absl::uint128 HashOf(absl::string_view key, absl::string_view record) {
  // The key's hash seeds the record's, so that moving bytes between the two changes the result.
  const XXH64_hash_t seed = XXH3_64bits(key.data(), key.size());
  const XXH128_hash_t hash = XXH3_128bits_withSeed(record.data(), record.size(), seed);
  return absl::MakeUint128(hash.high64, hash.low64);
}

}  // namespace

void Digest::Add(absl::string_view key, absl::string_view record) { sum_ += HashOf(key, record); }

void Digest::Remove(absl::string_view key, absl::string_view record) { sum_ -= HashOf(key, record); }

std::string Digest::Encode() const {
  std::string out;
  AppendBigEndian64(absl::Uint128High64(sum_), &out);
  AppendBigEndian64(absl::Uint128Low64(sum_), &out);
  return out;
}

Digest Digest::Decode(absl::string_view bytes) {
  Digest digest;
  digest.sum_ = absl::MakeUint128(ReadBigEndian64(bytes), ReadBigEndian64(bytes.substr(8)));
  return digest;
}

}  // namespace dunlin
