// Goal: what is read in pages comes without holes or repetitions, each page consistent and bounded, whatever others
// write meanwhile. Method: real stores, read while others write; more rows than a page may look at.

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "storage/store.h"
#include "tests/storage/store_tester.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

class StorePagesTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(tester_.opened().ok()) << tester_.opened(); }

  void PutNumbered(int count) {
    for (int i = 0; i < count; i += 500) {
      std::vector<Mutation> mutations;
      for (int n = i; n < std::min(count, i + 500); ++n) {
        mutations.push_back(PutOf(absl::StrFormat("key%06d", n), absl::StrCat("value", n)));
      }
      ASSERT_TRUE(tester_.Write(WriteOf(mutations)).ok());
    }
  }

  TempDir dir_;
  StoreTester tester_{dir_.path()};
};

// ---- Lists ----

TEST_F(StorePagesTest, ListPagesByPrefixCountAndSize) {
  PutNumbered(20);
  ASSERT_TRUE(tester_.Put("other", "x").ok());
  EXPECT_EQ(tester_.ListAll("key").size(), 20u);
  EXPECT_EQ(tester_.ListAll("key00000").size(), 10u);
  EXPECT_EQ(tester_.ListAll("nothing").size(), 0u);
  EXPECT_EQ(tester_.ListAll().size(), 21u);

  const Store& store = tester_.store();
  EXPECT_TRUE(store.List("key", "key000018", 1, 1000, false)->complete) << "a full last page is the last";
  EXPECT_FALSE(store.List("key", "key000017", 1, 1000, false)->complete);
  EXPECT_EQ(store.List("key", "", 10, 1, false)->entries.size(), 1u) << "at least one, however large";
  EXPECT_EQ(store.List("key", "", 10, 30, false)->entries.size(), 2u) << "15 bytes each";
  const auto keys_only = store.List("key", "", 10, 30, true);
  EXPECT_EQ(keys_only->entries.size(), 3u);
  EXPECT_EQ(keys_only->entries.front().value, "");
  EXPECT_NE(keys_only->entries.front().revision, 0u);
}

TEST_F(StorePagesTest, APageTokenFromBeforeThePrefixStartsAtThePrefix) {
  PutNumbered(3);
  ASSERT_TRUE(tester_.Put("a", "x").ok());
  EXPECT_EQ(tester_.store().List("key", "a", 10, 1000, false)->entries.size(), 3u);
  EXPECT_EQ(tester_.store().List("key", "z", 10, 1000, false)->entries.size(), 0u);
  EXPECT_EQ(tester_.store().List("key", std::string(2000, 'k'), 10, 1000, false)->entries.size(), 0u);
}

// A read transaction that walks through all that was ever deleted keeps the database from reusing its pages meanwhile.
TEST_F(StorePagesTest, AListingAmongDeletedKeysLooksAtABoundedNumberOfRows) {
  PutNumbered(kReadRowsMax + 500);
  std::vector<Mutation> deletes;
  for (size_t n = 0; n < kReadRowsMax + 500; ++n) {
    deletes.push_back(DeleteOf(absl::StrFormat("key%06d", n)));
    if (deletes.size() == 500 || n + 1 == kReadRowsMax + 500) {
      ASSERT_TRUE(tester_.Write(WriteOf(std::move(deletes))).ok());
      deletes.clear();
    }
  }
  ASSERT_TRUE(tester_.Put("last", "x").ok());
  const auto first = tester_.store().List("", "", 10, 1000, false);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(first->entries.empty());
  EXPECT_FALSE(first->complete);
  EXPECT_EQ(first->covered_key, absl::StrFormat("key%06d", kReadRowsMax - 1));
  const auto second = tester_.store().List("", first->covered_key, 10, 1000, false);
  ASSERT_TRUE(second.ok());
  ASSERT_EQ(second->entries.size(), 1u);
  EXPECT_EQ(second->entries.front().key, "last");
  EXPECT_TRUE(second->complete);
  EXPECT_EQ(tester_.ListAll().size(), 1u);
}

TEST_F(StorePagesTest, AListingOfKeysAloneLooksAtABoundedNumberOfBytes) {
  const std::string value(size_t{1} << 20, 'v');
  const size_t count = kReadMaxBytes / value.size() + 4;
  for (size_t n = 0; n < count; ++n) {
    ASSERT_TRUE(tester_.Put(absl::StrFormat("key%06d", n), value).ok());
  }
  const auto page = tester_.store().List("", "", 1000, size_t{1} << 20, /*keys_only=*/true);
  ASSERT_TRUE(page.ok());
  EXPECT_FALSE(page->complete);
  EXPECT_LE(page->entries.size(), kReadMaxBytes / value.size() + 1);
  EXPECT_GE(page->entries.size(), kReadMaxBytes / value.size() - 1);
}

TEST_F(StorePagesTest, ListUnderConcurrentWritesShowsEachStableKeyExactlyOnce) {
  std::set<std::string> stable;
  for (const StoredEntry& entry : (PutNumbered(200), tester_.ListAll("", 100))) {
    stable.insert(entry.key);
  }
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int n = 0; !stop; ++n) {
      const std::string key = absl::StrFormat("key%06d-volatile", n * 37 % 200);
      ASSERT_TRUE((n % 3 == 0 ? tester_.Delete(key) : tester_.Put(key, "x")).ok());
      ASSERT_TRUE(tester_.Put(absl::StrFormat("key%06d", n % 200), absl::StrCat("new", n)).ok());
    }
  });
  for (int i = 0; i < 50; ++i) {
    std::multiset<std::string> seen;
    for (const StoredEntry& entry : tester_.ListAll("", 1 + i % 13)) {
      if (stable.count(entry.key) != 0) {
        seen.insert(entry.key);
      }
    }
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), stable);
    EXPECT_EQ(seen.size(), stable.size());
  }
  stop = true;
  writer.join();
}

// ---- Changes ----

TEST_F(StorePagesTest, ChangesAreConflatedInRevisionOrder) {
  PutNumbered(5);
  ASSERT_TRUE(tester_.Put("key000001", "again").ok());
  ASSERT_TRUE(tester_.Delete("key000003").ok());
  const std::vector<Change> changes = tester_.ChangesAfter(0, 2);
  std::vector<std::string> keys;
  for (const Change& change : changes) {
    keys.push_back(change.key);
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"key000000", "key000002", "key000004", "key000001", "key000003"}));
  EXPECT_EQ(changes[3].value(), "again");
  EXPECT_EQ(changes[4].type, ChangeType::kDelete);
  EXPECT_EQ(tester_.ChangesAfter(changes[3].revision).size(), 1u);
  EXPECT_EQ(tester_.ChangesAfter(changes[4].revision).size(), 0u);
}

TEST_F(StorePagesTest, ReadingChangesGoesOnFromWhatWasCoveredAlsoWhenTheFilterLetsNothingThrough) {
  PutNumbered(9000);
  uint64_t covered = 0;
  int pages = 0;
  bool complete = false;
  for (; !complete; ++pages) {
    const auto page = tester_.store().ReadChanges(
        covered, [](absl::string_view) { return false; }, 10, 1000);
    ASSERT_TRUE(page.ok());
    EXPECT_TRUE(page->changes.empty());
    ASSERT_TRUE(page->complete || page->covered_revision > covered) << "no endless loop";
    covered = page->covered_revision;
    complete = page->complete;
  }
  EXPECT_EQ(covered, tester_.state().revision);
  EXPECT_GT(pages, 1) << "a read transaction is short, however little passes the filter";
}

TEST_F(StorePagesTest, RevisionsOfTheFutureReadAsNothingNew) {
  PutNumbered(3);
  for (const uint64_t revision : {uint64_t{4}, UINT64_MAX - 1, UINT64_MAX}) {
    const auto page = tester_.store().ReadChanges(
        revision, [](absl::string_view) { return true; }, 10, 1000);
    ASSERT_TRUE(page.ok());
    EXPECT_TRUE(page->complete && page->changes.empty()) << revision;
    EXPECT_EQ(page->covered_revision, revision);
    EXPECT_TRUE(tester_.store().ReadOutbox(revision, 10, 1000)->changes.empty()) << revision;
  }
}

TEST_F(StorePagesTest, ReadingChangesWhileOthersWriteSkipsNoKeysFinalState) {
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int n = 0; n < 3000; ++n) {
      ASSERT_TRUE(tester_.Put(absl::StrCat("key", n * 7 % 50), absl::StrCat(n)).ok());
    }
    stop = true;
  });
  std::map<std::string, std::string> mirror;
  uint64_t covered = 0;
  bool last_round = false;
  while (true) {
    const auto page = tester_.store().ReadChanges(
        covered, [](absl::string_view) { return true; }, 5, 1 << 20);
    ASSERT_TRUE(page.ok());
    for (const Change& change : page->changes) {
      EXPECT_GT(change.revision, covered);
      covered = change.revision;
      mirror[change.key] = std::string(change.value());
    }
    EXPECT_GE(page->covered_revision, covered);
    covered = page->covered_revision;
    if (page->complete && last_round) {
      break;
    }
    last_round = stop;
  }
  writer.join();
  std::map<std::string, std::string> stored;
  for (const StoredEntry& entry : tester_.ListAll()) {
    stored[entry.key] = entry.value;
  }
  EXPECT_EQ(mirror, stored);
}

TEST_F(StorePagesTest, TheOutboxNeverSplitsABatchOfThisStore) {
  std::map<uint64_t, size_t> batch_sizes;
  for (int i = 0; i < 30; ++i) {
    std::vector<Mutation> mutations;
    for (int n = 0; n <= i % 7; ++n) {
      mutations.push_back(PutOf(absl::StrCat("key", i, "-", n), "value"));
    }
    ASSERT_TRUE(tester_.Write(WriteOf(mutations)).ok());
  }
  // Some members of batches are replaced, and so go elsewhere.
  for (const char* key : {"key5-0", "key6-3", "key13-6", "key20-0", "key20-1"}) {
    ASSERT_TRUE(tester_.Put(key, "new").ok());
  }
  for (const Change& change : tester_.Outbox(1000)) {
    ++batch_sizes[change.batch_first_revision];
  }
  for (size_t page_size = 1; page_size < 12; ++page_size) {
    size_t changes = 0;
    uint64_t covered = 0;
    for (bool complete = false; !complete;) {
      const auto page = tester_.store().ReadOutbox(covered, page_size, 1 << 20);
      ASSERT_TRUE(page.ok());
      std::map<uint64_t, size_t> sizes;
      for (const Change& change : page->changes) {
        ++sizes[change.batch_first_revision];
      }
      for (const auto& [batch, size] : sizes) {
        EXPECT_EQ(size, batch_sizes[batch]) << "batch " << batch << " in pages of " << page_size;
      }
      changes += page->changes.size();
      covered = page->covered_revision;
      complete = page->complete;
    }
    EXPECT_EQ(changes, tester_.state().outbox_depth);
  }
}

}  // namespace
}  // namespace dunlin
