#include "storage/mem_table.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace dunlin {
namespace {

constexpr size_t kAlignment = alignof(std::max_align_t);
// Blocks grow with the table: most tables stay small.
constexpr size_t kBlockMinBytes = 4096;
constexpr size_t kBlockMaxBytes = size_t{256} << 10;

}  // namespace

struct MemTable::Value {
  // The value before it; null if the row was not here.
  const Value* older;
  // The commit that wrote it.
  uint64_t number;
  uint32_t size;
  bool deleted;

  // They follow it in memory.
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }

  // The newest from `newest` on as of commit `number`, or null.
  static const Value* AsOf(uint64_t number, const Value* newest) {
    while (newest != nullptr && newest->number > number) {
      newest = newest->older;
    }
    return newest;
  }
};

// In memory, it is followed by `height` links to the next nodes, the lowest first, and by the key.
struct MemTable::Node {
  using Link = std::atomic<Node*>;

  // Both are stored with release and loaded with acquire: whoever sees the pointer sees what it points to.
  std::atomic<const Value*> newest;
  uint16_t key_size;
  uint8_t table;
  uint8_t height;

  Link* links() { return reinterpret_cast<Link*>(this + 1); }
  const Link* links() const { return reinterpret_cast<const Link*>(this + 1); }
  char* key_bytes() { return reinterpret_cast<char*>(links() + height); }
  absl::string_view key() const { return {reinterpret_cast<const char*>(links() + height), key_size}; }

  Node* next(int level) const { return links()[level].load(std::memory_order_acquire); }

  // Below 0 if it stands before `key` of `of_table`.
  int Compare(Table of_table, absl::string_view key) const {
    const int difference = int{table} - static_cast<int>(of_table);
    return difference != 0 ? difference : this->key().compare(key);
  }
};

MemTable::MemTable() : head_(MakeNode(Table::kRecords, "", kHeightMax)) {}

MemTable::~MemTable() = default;

bool MemTable::empty() const { return head_->next(0) == nullptr; }

// ---- Memory ----

char* MemTable::Allocate(size_t size_bytes) {
  const size_t size = (size_bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (size > free_bytes_) {
    const size_t block = std::max(size, std::clamp(bytes() / 2, kBlockMinBytes, kBlockMaxBytes));
    blocks_.push_back(std::unique_ptr<char[]>(new char[block]));
    free_ = blocks_.back().get();
    free_bytes_ = block;
  }
  char* const place = free_;
  free_ += size;
  free_bytes_ -= size;
  bytes_.store(bytes() + size, std::memory_order_relaxed);
  return place;
}

MemTable::Node* MemTable::MakeNode(Table table, absl::string_view key, int height) {
  const size_t size = sizeof(Node) + static_cast<size_t>(height) * sizeof(Node::Link) + key.size();
  auto* const node = new (Allocate(size)) Node;
  node->newest.store(nullptr, std::memory_order_relaxed);
  node->key_size = static_cast<uint16_t>(key.size());
  node->table = static_cast<uint8_t>(table);
  node->height = static_cast<uint8_t>(height);
  for (int level = 0; level < height; ++level) {
    new (&node->links()[level]) Node::Link(nullptr);
  }
  std::copy(key.begin(), key.end(), node->key_bytes());
  return node;
}

// One node in four is one level higher than the others. The numbers are those of an xorshift generator (G. Marsaglia,
// 2003): nobody who chooses keys can choose heights.
int MemTable::DrawHeight() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  int height = 1;
  for (uint64_t bits = random_; height < kHeightMax && bits % 4 == 0; bits /= 4) {
    ++height;
  }
  return height;
}

// ---- Writing ----

MemTable::Node* MemTable::Seek(Table table, absl::string_view key, Path* path) const {
  Node* node = head_;
  Node* next = nullptr;
  for (int level = kHeightMax - 1; level >= 0; --level) {
    next = node->next(level);
    while (next != nullptr && next->Compare(table, key) < 0) {
      node = next;
      next = node->next(level);
    }
    if (path != nullptr) {
      (*path)[level] = node;
    }
  }
  return next;
}

void MemTable::Put(uint64_t number, Table table, absl::string_view key, absl::string_view value) {
  Add(number, table, key, value, /*deleted=*/false);
}

void MemTable::Delete(uint64_t number, Table table, absl::string_view key) {
  Add(number, table, key, "", /*deleted=*/true);
}

void MemTable::Add(uint64_t number, Table table, absl::string_view key, absl::string_view bytes, bool deleted) {
  if (number != latest_number_) {
    latest_.clear();
    latest_number_ = number;
  }
  Place place = PlaceOf(table, key);
  Node* node = place.next;
  const bool is_new = node == nullptr || node->Compare(table, key) != 0;
  if (is_new) {
    node = MakeNode(table, key, DrawHeight());
  }
  const Value* older = node->newest.load(std::memory_order_relaxed);
  auto* const value = new (Allocate(sizeof(Value) + bytes.size())) Value;
  value->older = older;
  value->number = number;
  value->size = static_cast<uint32_t>(bytes.size());
  value->deleted = deleted;
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(value + 1));
  node->newest.store(value, std::memory_order_release);
  latest_.push_back(node);
  if (is_new) {
    Insert(node, &place);
  }
}

MemTable::Place MemTable::PlaceOf(Table table, absl::string_view key) {
  if (found_.valid && found_.table == table && found_.key == key) {
    return found_.place;
  }
  const Tail& tail = tails_[static_cast<size_t>(table)];
  if (tail.node != nullptr && tail.node->key() < key) {
    return {tail.node->next(0), tail.path};
  }
  Place place;
  place.next = Seek(table, key, &place.path);
  return place;
}

// Nodes of other tables may have come after those of a tail's path since.
void MemTable::Insert(Node* node, Place* place) {
  found_.valid = false;
  const auto table = static_cast<Table>(node->table);
  for (int level = 0; level < node->height; ++level) {
    Node*& before = place->path[level];
    Node* next = before->next(level);
    while (next != nullptr && next->Compare(table, node->key()) < 0) {
      before = next;
      next = before->next(level);
    }
    node->links()[level].store(next, std::memory_order_relaxed);
    before->links()[level].store(node, std::memory_order_release);
  }
  const Node* const next = node->next(0);
  if (next == nullptr || next->table != node->table) {
    Tail& tail = tails_[static_cast<size_t>(table)];
    tail.node = node;
    tail.path = place->path;
    std::fill_n(tail.path.begin(), node->height, node);
  }
}

// Readers never look at values of a commit that has not been told them, only past them, and the memory stays.
void MemTable::Undo(uint64_t number) {
  if (number != latest_number_) {
    return;
  }
  for (Node* const node : latest_) {
    node->newest.store(Value::AsOf(number - 1, node->newest.load(std::memory_order_relaxed)),
                       std::memory_order_release);
  }
  latest_.clear();
}

// ---- Reading ----

MemTable::Row MemTable::RowOf(uint64_t number, const Node* node, Table table, absl::string_view key) {
  Row row;
  if (node == nullptr || node->Compare(table, key) != 0) {
    return row;
  }
  const Value* const value = Value::AsOf(number, node->newest.load(std::memory_order_acquire));
  if (value != nullptr) {
    row.found = true;
    row.deleted = value->deleted;
    row.value = absl::string_view(value->bytes(), value->size);
  }
  return row;
}

MemTable::Row MemTable::Find(uint64_t number, Table table, absl::string_view key) const {
  return RowOf(number, Seek(table, key, nullptr), table, key);
}

MemTable::Row MemTable::FindToWrite(uint64_t number, Table table, absl::string_view key) {
  found_.place = PlaceOf(table, key);
  found_.valid = true;
  found_.table = table;
  found_.key.assign(key.data(), key.size());
  return RowOf(number, found_.place.next, table, key);
}

void MemTable::Cursor::Seek(absl::string_view key) {
  node_ = mem_table_->Seek(table_, key, nullptr);
  SkipUnseen();
}

void MemTable::Cursor::Next() {
  node_ = node_->next(0);
  SkipUnseen();
}

void MemTable::Cursor::SkipUnseen() {
  for (; node_ != nullptr; node_ = node_->next(0)) {
    if (node_->table != static_cast<uint8_t>(table_)) {
      node_ = nullptr;
      return;
    }
    value_ = Value::AsOf(number_, node_->newest.load(std::memory_order_acquire));
    if (value_ != nullptr) {
      return;
    }
  }
}

absl::string_view MemTable::Cursor::key() const { return node_->key(); }

absl::string_view MemTable::Cursor::value() const { return {value_->bytes(), value_->size}; }

bool MemTable::Cursor::deleted() const { return value_->deleted; }

}  // namespace dunlin
