#include "tests/storage/bare_lmdb.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/table.h"

namespace dunlin {
namespace {

// Of one transaction while it is filled.
constexpr size_t kFillPairs = 100'000;

void OrDie(const absl::Status& status) {
  if (!status.ok()) {
    std::cerr << "LMDB: " << status << std::endl;
    std::abort();
  }
}

template <typename T>
T OrDie(absl::StatusOr<T> result) {
  OrDie(result.status());
  return *std::move(result);
}

}  // namespace

BareLmdb::BareLmdb(const std::string& directory) {
  LmdbEnv::Options options;
  options.directory = directory;
  options.map_size_bytes = size_t{64} << 30;
  options.readers_max = 16;
  env_ = OrDie(LmdbEnv::Open(options));
}

void BareLmdb::Fill(size_t count, const std::function<Pair(size_t i)>& pair_of) {
  for (size_t first = 0; first < count; first += kFillPairs) {
    LmdbTxn txn = OrDie(env_->BeginWrite());
    for (size_t i = first; i < std::min(count, first + kFillPairs); ++i) {
      const Pair pair = pair_of(i);
      OrDie(txn.Append(Table::kRecords, pair.first, pair.second));
    }
    OrDie(txn.Commit());
  }
}

bool BareLmdb::Reads(const std::string& key) {
  const LmdbTxn txn = OrDie(env_->BeginRead());
  return OrDie(txn.Get(Table::kRecords, key)).has_value();
}

void BareLmdb::Put(const std::vector<Pair>& pairs) {
  LmdbTxn txn = OrDie(env_->BeginWrite());
  for (const Pair& pair : pairs) {
    OrDie(txn.Put(Table::kRecords, pair.first, pair.second));
  }
  OrDie(txn.Commit());
}

}  // namespace dunlin
