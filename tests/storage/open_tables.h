#ifndef DUNLIN_TESTS_STORAGE_OPEN_TABLES_H_
#define DUNLIN_TESTS_STORAGE_OPEN_TABLES_H_

#include <memory>
#include <string>

#include "storage/lmdb_env.h"
#include "storage/table_env.h"

namespace dunlin {

// Opens the tables in `directory` without a store around them; makes empty ones if there are none. Without `sync`,
// which only a power failure can tell from with, tests are faster. Ends the program if it fails. REQUIRES: no store is
// open in `directory`.
std::unique_ptr<TableEnv> OpenTables(const std::string& directory, bool sync = false);

// The same of the database alone, without what the journal has and the database has not.
std::unique_ptr<LmdbEnv> OpenDatabase(const std::string& directory, bool sync = false);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_STORAGE_OPEN_TABLES_H_
