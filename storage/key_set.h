#ifndef DUNLIN_STORAGE_KEY_SET_H_
#define DUNLIN_STORAGE_KEY_SET_H_

#include <xxhash.h>

#include <cstddef>

#include "absl/container/flat_hash_set.h"
#include "absl/numeric/int128.h"
#include "absl/strings/string_view.h"

namespace dunlin {

// KeySet remembers which keys were seen, each by its XXH3-128 hash: some 20 bytes a key, however long the keys are. Two
// keys share a hash with a chance of 2^-128.
//
// Thread-safety: a plain value.
class KeySet {
 public:
  void Insert(absl::string_view key) { hashes_.insert(HashOf(key)); }
  void Erase(absl::string_view key) { hashes_.erase(HashOf(key)); }
  bool Contains(absl::string_view key) const { return hashes_.contains(HashOf(key)); }
  size_t size() const { return hashes_.size(); }

 private:
  static absl::uint128 HashOf(absl::string_view key) {
    const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
    return absl::MakeUint128(hash.high64, hash.low64);
  }

  absl::flat_hash_set<absl::uint128> hashes_;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_KEY_SET_H_
