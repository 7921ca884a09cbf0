#include "tests/storage/open_tables.h"

namespace dunlin {

std::unique_ptr<LmdbEnv> OpenTables(const std::string& directory, bool sync) {
  LmdbEnv::Options options;
  options.directory = directory;
  options.map_size_bytes = size_t{1} << 30;
  options.readers_max = 16;
  options.sync = sync;
  return *LmdbEnv::Open(options);
}

}  // namespace dunlin
