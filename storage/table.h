#ifndef DUNLIN_STORAGE_TABLE_H_
#define DUNLIN_STORAGE_TABLE_H_

#include <cstddef>

namespace dunlin {

// The tables of a store; what they hold is told by storage/tables.h. The numbers are those of the journal's format.
enum class Table { kRecords = 0, kChanges = 1, kExpiries = 2, kMeta = 3 };
inline constexpr size_t kTableCount = 4;

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_TABLE_H_
