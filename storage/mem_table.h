#ifndef DUNLIN_STORAGE_MEM_TABLE_H_
#define DUNLIN_STORAGE_MEM_TABLE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/table.h"

namespace dunlin {

// MemTable holds the rows of all tables that have been written of late, in the order of their keys, with all the values
// that each has had: a reader that looks at the state after a certain commit finds the values of that state, whatever
// is written meanwhile. A deletion is a value too, since it hides what an older MemTable or the database has.
//
// A skip list (W. Pugh, "Skip lists: a probabilistic alternative to balanced trees", 1990), whose nodes are never
// removed; each holds its row's values as a list, the newest first. A node or a value is made whole before the one
// store that makes it reachable.
//
// Thread-safety: one thread at a time writes; any number read meanwhile, without locks. Views stay valid as long as the
// table.
class MemTable {
 public:
  MemTable();
  ~MemTable();
  MemTable(const MemTable&) = delete;
  MemTable& operator=(const MemTable&) = delete;

  // What is found of a row.
  struct Row {
    // Nothing is known of it here.
    bool found = false;
    // It is known to be absent.
    bool deleted = false;
    absl::string_view value;
  };

  // ---- For the writer ----

  // Commit `number` puts the row, or deletes it. REQUIRES: numbers never decrease, but for Undo().
  void Put(uint64_t number, Table table, absl::string_view key, absl::string_view value);
  void Delete(uint64_t number, Table table, absl::string_view key);

  // As Find(), of a row that may be written next: its place is remembered until another one is made.
  Row FindToWrite(uint64_t number, Table table, absl::string_view key);

  // Commit `number`, the latest, does not take place.
  void Undo(uint64_t number);

  // Keeps count of how many rows `table` has more than what lies below, as the writer says.
  void AddToCount(Table table, int64_t rows) { counts_[static_cast<size_t>(table)] += rows; }
  int64_t count(Table table) const { return counts_[static_cast<size_t>(table)]; }

  // ---- For everybody ----

  // The row as of commit `number`.
  Row Find(uint64_t number, Table table, absl::string_view key) const;

  // How much memory its rows take.
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  bool empty() const;

  class Cursor;

 private:
  static constexpr int kHeightMax = 12;
  struct Value;
  struct Node;

  // The last node before `key` on each level.
  using Path = std::array<Node*, kHeightMax>;
  // The first node at or after `key`, or null; fills `path` if that is not null.
  Node* Seek(Table table, absl::string_view key, Path* path) const;

  // Where rows have their place: before `next`, and on each level after the node of `path` or one that follows it.
  struct Place {
    Node* next = nullptr;
    Path path;
  };
  // The place of `key`. As many keys follow all others of their table as are looked for just before: neither costs a
  // search.
  Place PlaceOf(Table table, absl::string_view key);
  // Puts `node` there.
  void Insert(Node* node, Place* place);
  static Row RowOf(uint64_t number, const Node* node, Table table, absl::string_view key);

  void Add(uint64_t number, Table table, absl::string_view key, absl::string_view bytes, bool deleted);
  Node* MakeNode(Table table, absl::string_view key, int height);
  int DrawHeight();
  char* Allocate(size_t size_bytes);

  // The memory of nodes and values. Used by the writer.
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;
  size_t free_bytes_ = 0;
  uint64_t random_ = 0x9e3779b97f4a7c15;
  std::array<int64_t, kTableCount> counts_{};
  // What Undo() has to look at: the nodes that the latest commit has written to.
  std::vector<Node*> latest_;
  uint64_t latest_number_ = 0;
  // The last node of each table, null if it has none, and the last before what follows it on each level, or one that
  // was.
  struct Tail {
    Node* node = nullptr;
    Path path;
  };
  std::array<Tail, kTableCount> tails_;
  // The row that FindToWrite() has looked for, unless a node has been made since.
  struct Found {
    bool valid = false;
    Table table = Table::kRecords;
    std::string key;
    Place place;
  };
  Found found_;

  // Relaxed: how much it is orders nothing.
  std::atomic<size_t> bytes_{0};
  Node* head_;
};

// Cursor walks the rows of one table, as of a commit, in the byte order of their keys. It sees deletions.
//
// Thread-safety: as a reader. The MemTable must outlive it.
class MemTable::Cursor {
 public:
  Cursor(const MemTable* mem_table, uint64_t number, Table table)
      : mem_table_(mem_table), number_(number), table_(table) {}

  // Moves to the first row at or after `key`; to the next. Past the end, valid() is false.
  void Seek(absl::string_view key);
  // REQUIRES: valid().
  void Next();

  bool valid() const { return node_ != nullptr; }
  // REQUIRES: valid().
  absl::string_view key() const;
  absl::string_view value() const;
  bool deleted() const;

 private:
  // Moves on to the first row, from the present one on, that has a value as of the commit.
  void SkipUnseen();

  const MemTable* mem_table_;
  uint64_t number_;
  Table table_;
  const Node* node_ = nullptr;
  const Value* value_ = nullptr;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_MEM_TABLE_H_
