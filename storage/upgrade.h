#ifndef DUNLIN_STORAGE_UPGRADE_H_
#define DUNLIN_STORAGE_UPGRADE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "storage/lmdb_env.h"

namespace dunlin {

// Brings a store of the older format `from` to kStoreFormat, inside `txn`, which the caller commits: a crash leaves the
// store as it was. The files of a journal have to be there before.
//
// Format 2 had no journal. Format 1 had no sum of the content, no size of what waits for Redis, and did not say whether
// a first snapshot had been completed; the first two are counted, and a store that had applied anything is taken to be
// complete as of `now_unix_ms`.
//
// Errors: kDataLoss when the state is damaged; kFailedPrecondition for a format that never was.
absl::Status UpgradeStore(uint64_t from, uint64_t now_unix_ms, LmdbTxn* txn);

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_UPGRADE_H_
