#include "tests/storage/open_tables.h"

#include <cstdlib>
#include <utility>

#include "storage/journal.h"
#include "storage/limits.h"
#include "storage/lmdb_env.h"
#include "storage/tables.h"

namespace dunlin {
namespace {

// That of the store whose tables they are; 0 if they are nobody's.
uint64_t StoreIdOf(LmdbEnv* database) {
  const LmdbTxn txn = *database->BeginRead();
  const absl::optional<absl::string_view> identity = *txn.Get(Table::kMeta, kMetaIdentity);
  return identity.has_value() ? DecodeIdentity(*identity)->store_id : 0;
}

}  // namespace

std::unique_ptr<LmdbEnv> OpenDatabase(const std::string& directory, bool sync) {
  LmdbEnv::Options options;
  options.directory = directory;
  options.map_size_bytes = size_t{1} << 30;
  options.readers_max = 16;
  options.sync = sync;
  return *LmdbEnv::Open(options);
}

std::unique_ptr<TableEnv> OpenTables(const std::string& directory, bool sync) {
  std::unique_ptr<LmdbEnv> database = OpenDatabase(directory, sync);
  TableEnv::Options options;
  options.directory = directory;
  options.store_id = StoreIdOf(database.get());
  options.sync = sync;
  options.write_buffer_bytes = kWriteBufferBytesDefault;
  if (!Journal::Create(directory).ok()) {
    std::abort();
  }
  return *TableEnv::Open(options, std::move(database));
}

}  // namespace dunlin
