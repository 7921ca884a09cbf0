// Goal: a MemTable shows, to whoever looks at the state after a certain commit, just the rows of that state, in the
// order of their keys, whatever is written meanwhile; and what is undone was never there. Method: random commits from a
// seed beside std::map, looked at as of each commit; and readers on other threads beside a writer (under
// ThreadSanitizer in CI).

#include "storage/mem_table.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "storage/merged_cursor.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

constexpr Table kTables[] = {Table::kRecords, Table::kChanges, Table::kExpiries, Table::kMeta};

// Per table, what is known of each key: its value, or that it is deleted.
using Rows = std::map<std::string, absl::optional<std::string>>;
using State = std::map<Table, Rows>;

absl::optional<std::string> ValueOf(const MemTable::Row& row) {
  return row.deleted ? absl::nullopt : absl::make_optional(std::string(row.value));
}

Rows RowsOf(const MemTable& mem_table, uint64_t number, Table table, const std::string& from = "") {
  Rows rows;
  MemTable::Cursor cursor(&mem_table, number, table);
  std::string last;
  for (cursor.Seek(from); cursor.valid(); cursor.Next()) {
    EXPECT_TRUE(last.empty() || last < cursor.key()) << "keys ascend";
    last = std::string(cursor.key());
    rows[last] = cursor.deleted() ? absl::nullopt : absl::make_optional(std::string(cursor.value()));
  }
  return rows;
}

class RandomRows {
 public:
  explicit RandomRows(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  Table AnyTable() { return kTables[Below(4)]; }
  // Some are prefixes of others, and some hold the byte that comes last.
  std::string Key() { return absl::StrCat(std::string(Below(3), '\xff'), Below(60), std::string(Below(2), '\0')); }
  // Those of each table that get it ascend.
  std::string NextKey() { return absl::StrCat("~", 1000 + ++last_); }
  std::string Value() { return std::string(Below(5) == 0 ? Below(9000) : Below(40), static_cast<char>(Below(256))); }

  // Writes some rows as commit `number`.
  void Commit(uint64_t number, MemTable* mem_table, State* state) {
    for (uint64_t rows = 1 + Below(8); rows > 0; --rows) {
      const Table table = AnyTable();
      const std::string key = Below(3) == 0 ? NextKey() : Key();
      if (Below(2) == 0) {
        // Not always of what is written next.
        const std::string sought = Below(3) == 0 ? Key() : key;
        const MemTable::Row expected = mem_table->Find(number, table, sought);
        const MemTable::Row row = mem_table->FindToWrite(number, table, sought);
        EXPECT_EQ(row.found, expected.found);
        EXPECT_EQ(ValueOf(row), ValueOf(expected));
      }
      if (Below(4) == 0) {
        mem_table->Delete(number, table, key);
        (*state)[table][key] = absl::nullopt;
      } else {
        const std::string value = Value();
        mem_table->Put(number, table, key, value);
        (*state)[table][key] = value;
      }
    }
  }

 private:
  std::mt19937_64 random_;
  uint64_t last_ = 0;
};

TEST(MemTableTest, EachCommitIsSeenAsItWas) {
  for (const uint64_t seed : TestSeeds(20)) {
    SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
    RandomRows random(seed);
    MemTable mem_table;
    EXPECT_TRUE(mem_table.empty());
    std::vector<State> states(1);
    for (uint64_t number = 1; number <= 60; ++number) {
      State next = states.back();
      random.Commit(number, &mem_table, &next);
      if (random.Below(4) == 0) {
        mem_table.Undo(number);
        next = states.back();
        random.Commit(number, &mem_table, &next);
      }
      states.push_back(next);
    }
    for (uint64_t number = 0; number < states.size(); ++number) {
      for (const Table table : kTables) {
        const Rows& expected = states[number][table];
        ASSERT_EQ(RowsOf(mem_table, number, table), expected) << "as of commit " << number;
        const std::string from = random.Key();
        ASSERT_EQ(RowsOf(mem_table, number, table, from), Rows(expected.lower_bound(from), expected.end()));
        const std::string key = random.Key();
        const MemTable::Row row = mem_table.Find(number, table, key);
        const auto known = expected.find(key);
        ASSERT_EQ(row.found, known != expected.end());
        ASSERT_TRUE(!row.found || ValueOf(row) == known->second);
      }
    }
  }
}

TEST(MemTableTest, OfSeveralTheNewestTells) {
  for (const uint64_t seed : TestSeeds(20)) {
    SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
    RandomRows random(seed);
    MemTable older;
    MemTable newer;
    State state;
    uint64_t number = 0;
    for (MemTable* const mem_table : {&older, &newer}) {
      for (int i = 0; i < 10; ++i) {
        random.Commit(++number, mem_table, &state);
      }
    }
    for (const Table table : kTables) {
      Rows rows;
      std::vector<MemTable::Cursor> cursors;
      cursors.emplace_back(&newer, number, table);
      cursors.emplace_back(&older, number, table);
      MergedCursor cursor(std::move(cursors));
      for (cursor.Seek(""); cursor.valid(); cursor.Next()) {
        const auto value = cursor.deleted() ? absl::nullopt : absl::make_optional(std::string(cursor.value()));
        ASSERT_TRUE(rows.emplace(cursor.key(), value).second) << "each row once";
      }
      EXPECT_EQ(rows, state[table]);
    }
  }
}

// Each commit writes its number under two keys: no reader may see two numbers.
TEST(MemTableTest, ReadersBesideAWriterSeeWholeCommits) {
  constexpr uint64_t kCommits = 20'000;
  MemTable mem_table;
  std::atomic<uint64_t> committed{0};
  std::atomic<uint64_t> looks{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      uint64_t number = 0;
      while (number < kCommits) {
        number = committed.load(std::memory_order_acquire);
        const MemTable::Row first = mem_table.Find(number, Table::kRecords, "a");
        const MemTable::Row second = mem_table.Find(number, Table::kRecords, "z");
        ASSERT_EQ(first.value, second.value) << number;
        ASSERT_EQ(first.value, number == 0 ? "" : absl::StrCat(number));
        const Rows between = RowsOf(mem_table, number, Table::kRecords, "m");
        ASSERT_EQ(between.size(), std::min<uint64_t>(number, 50) + (number == 0 ? 0 : 1));
        looks.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  for (uint64_t number = 1; number <= kCommits; ++number) {
    const std::string value = absl::StrCat(number);
    mem_table.Put(number, Table::kRecords, "a", value);
    if (number % 3 == 0) {
      mem_table.Put(number, Table::kRecords, "undone", value);
      mem_table.Undo(number);
      mem_table.Put(number, Table::kRecords, "a", value);
    }
    mem_table.Put(number, Table::kRecords, absl::StrCat("m", number % 50), value);
    mem_table.Put(number, Table::kRecords, "z", value);
    committed.store(number, std::memory_order_release);
  }
  for (std::thread& reader : readers) {
    reader.join();
  }
  EXPECT_GT(looks, 2u);
}

TEST(MemTableTest, TellsHowMuchItHolds) {
  MemTable mem_table;
  const size_t before = mem_table.bytes();
  mem_table.Put(1, Table::kRecords, "key", std::string(100'000, 'x'));
  EXPECT_GE(mem_table.bytes(), before + 100'000);
  EXPECT_LT(mem_table.bytes(), before + 101'000);
  mem_table.AddToCount(Table::kChanges, 3);
  mem_table.AddToCount(Table::kChanges, -1);
  EXPECT_EQ(mem_table.count(Table::kChanges), 2);
}

}  // namespace
}  // namespace dunlin
