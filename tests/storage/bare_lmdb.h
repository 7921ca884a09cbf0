#ifndef DUNLIN_TESTS_STORAGE_BARE_LMDB_H_
#define DUNLIN_TESTS_STORAGE_BARE_LMDB_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/lmdb_env.h"

namespace dunlin {

// BareLmdb is LMDB by itself, with one table: what a store is compared with.
//
// Thread-safety: one thread at a time. Aborts the program when LMDB fails.
class BareLmdb {
 public:
  using Pair = std::pair<std::string, std::string>;

  // In `directory`, which is empty.
  explicit BareLmdb(const std::string& directory);

  // Puts so many pairs, whose keys ascend, in large transactions.
  void Fill(size_t count, const std::function<Pair(size_t i)>& pair_of);

  // Whether there is something under `key`, which is read in a transaction of its own.
  bool Reads(const std::string& key);

  // Puts all in one transaction, which is synced.
  void Put(const std::vector<Pair>& pairs);

 private:
  std::unique_ptr<LmdbEnv> env_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_STORAGE_BARE_LMDB_H_
