#ifndef DUNLIN_STORAGE_DIGEST_H_
#define DUNLIN_STORAGE_DIGEST_H_

#include <string>

#include "absl/numeric/int128.h"
#include "absl/strings/string_view.h"

namespace dunlin {

// Digest is the sum, modulo 2^128, of the XXH3-128 hashes of all live entries (key and record). Addition commutes and
// can be undone, so the digest follows each change at the cost of one or two hashes, whatever the order of changes: two
// replicas that hold the same entries have the same digest.
//
// What it does not promise: security. Whoever chooses the keys could make two data sets with the same digest.
//
// Thread-safety: a plain value.
class Digest {
 public:
  Digest() = default;

  void Add(absl::string_view key, absl::string_view record);

  // Undoes an Add() of the same key and record.
  void Remove(absl::string_view key, absl::string_view record);

  // 16 big-endian bytes, and back. REQUIRES: `bytes` holds at least 16.
  std::string Encode() const;
  static Digest Decode(absl::string_view bytes);

  friend bool operator==(const Digest& a, const Digest& b) { return a.sum_ == b.sum_; }
  friend bool operator!=(const Digest& a, const Digest& b) { return !(a == b); }

 private:
  absl::uint128 sum_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_DIGEST_H_
