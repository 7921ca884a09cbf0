#ifndef DUNLIN_STORAGE_MERGED_CURSOR_H_
#define DUNLIN_STORAGE_MERGED_CURSOR_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/mem_table.h"

namespace dunlin {

// MergedCursor walks the rows of a table that one or more MemTables know of, in the byte order of their keys. Of a row
// that several know of, the newest MemTable tells. It sees deletions.
//
// Thread-safety: as MemTable::Cursor's.
class MergedCursor {
 public:
  // The newest first.
  explicit MergedCursor(std::vector<MemTable::Cursor> cursors) : cursors_(std::move(cursors)) {}

  // Moves to the first row at or after `key`; to the next. Past the end, valid() is false.
  void Seek(absl::string_view key) {
    for (MemTable::Cursor& cursor : cursors_) {
      cursor.Seek(key);
    }
    Settle();
  }
  // REQUIRES: valid().
  void Next() {
    const absl::string_view passed = key();
    for (MemTable::Cursor& cursor : cursors_) {
      if (cursor.valid() && cursor.key() == passed) {
        cursor.Next();
      }
    }
    Settle();
  }

  bool valid() const { return at_ < cursors_.size(); }
  // REQUIRES: valid().
  absl::string_view key() const { return cursors_[at_].key(); }
  absl::string_view value() const { return cursors_[at_].value(); }
  bool deleted() const { return cursors_[at_].deleted(); }

 private:
  // Finds the lowest key, and the newest of those that stand at it.
  void Settle() {
    at_ = cursors_.size();
    for (size_t i = 0; i < cursors_.size(); ++i) {
      if (cursors_[i].valid() && (at_ == cursors_.size() || cursors_[i].key() < key())) {
        at_ = i;
      }
    }
  }

  std::vector<MemTable::Cursor> cursors_;
  // The one that stands at the row; none if it is as many as there are.
  size_t at_ = SIZE_MAX;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_MERGED_CURSOR_H_
