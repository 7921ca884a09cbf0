// Goal: a store keeps its identity, refuses what it must not open with a precise error, and reads are consistent, paged
// without holes or repetitions, and bounded. Method: real stores; meta data changed behind their back; pages read while
// others write. (What writes do to a store: committer_test.)

#include "storage/store.h"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "storage/big_endian.h"
#include "tests/storage/store_tester.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(tester_.opened().ok()) << tester_.opened(); }

  // Changes the closed store's tables.
  void Tamper(const std::function<void(LmdbTxn*)>& change) {
    tester_.Close();
    LmdbEnv::Options options;
    options.directory = dir_.path();
    options.map_size_bytes = size_t{1} << 30;
    options.readers_max = 16;
    absl::StatusOr<std::unique_ptr<LmdbEnv>> env = LmdbEnv::Open(options);
    ASSERT_TRUE(env.ok()) << env.status();
    absl::StatusOr<LmdbTxn> txn = (*env)->BeginWrite();
    ASSERT_TRUE(txn.ok());
    change(&*txn);
    ASSERT_TRUE(txn->Commit().ok());
  }

  void ExpectOpenError(absl::StatusCode code, absl::string_view text) {
    const absl::Status status = tester_.Open();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), text)) << status;
  }

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

// ---- Opening ----

TEST_F(StoreTest, ReopeningKeepsTheIdentityTheDataAndTheState) {
  ASSERT_TRUE(tester_.Put("key", "value").ok());
  ASSERT_TRUE(tester_.Delete("deleted").ok());
  ASSERT_TRUE(tester_.EnterEpoch(77, false).ok());
  ASSERT_TRUE(tester_.Apply({}, 77, 5).ok());
  const uint64_t id = tester_.store().store_id();
  const std::string state = EncodeState(tester_.state());
  EXPECT_NE(id, 0u);
  tester_.Close();
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_EQ(tester_.store().store_id(), id);
  EXPECT_EQ(tester_.Get("key"), "value");
  EXPECT_EQ(EncodeState(tester_.state()), state);
  EXPECT_EQ(tester_.store().position().sequence, 5u) << "positions are written down when the committer stops";
}

TEST_F(StoreTest, EachStoreHasAnIdOfItsOwn) {
  TempDir other_dir;
  StoreTester other(other_dir.path());
  EXPECT_NE(tester_.store().store_id(), other.store().store_id());
}

TEST_F(StoreTest, VersionsGrowAcrossReopeningWithTheClockSetBack) {
  const Version before = tester_.Put("key", "1")->versions.front();
  tester_.Close();
  tester_.wall_clock().Advance(-absl::Hours(10));
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_GT(tester_.Put("other", "2")->versions.front(), before);
}

TEST_F(StoreTest, ASecondOpeningIsRefused) {
  StoreTester second(dir_.path());
  EXPECT_EQ(second.opened().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StoreTest, AnotherNamespaceIsRefusedByName) {
  tester_.Close();
  tester_.store_options().replication_namespace = "other";
  ExpectOpenError(absl::StatusCode::kFailedPrecondition, "belongs to namespace \"default\", not \"other\"");
  tester_.store_options().replication_namespace = "default";
  EXPECT_TRUE(tester_.Open().ok()) << "the refusal has changed nothing";
}

TEST_F(StoreTest, ANewerFormatIsRefusedByNumber) {
  Tamper(
      [](LmdbTxn* txn) { ASSERT_TRUE(txn->Put(Table::kMeta, kMetaFormat, EncodeBigEndian64(kStoreFormat + 1)).ok()); });
  ExpectOpenError(absl::StatusCode::kFailedPrecondition, absl::StrCat("has format ", kStoreFormat + 1));
}

TEST_F(StoreTest, MissingMetaDataIsDataLossAndNeverAFreshStart) {
  ASSERT_TRUE(tester_.Put("key", "value").ok());
  for (const absl::string_view name : {kMetaFormat, kMetaIdentity, kMetaState}) {
    std::string saved;
    Tamper([&](LmdbTxn* txn) {
      saved = std::string(**txn->Get(Table::kMeta, name));
      ASSERT_TRUE(txn->Delete(Table::kMeta, name).ok());
    });
    ExpectOpenError(absl::StatusCode::kDataLoss, "lacks part of its meta data");
    Tamper([&](LmdbTxn* txn) { ASSERT_TRUE(txn->Put(Table::kMeta, name, saved).ok()); });
  }
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_EQ(tester_.Get("key"), "value");
}

TEST_F(StoreTest, DamagedMetaDataIsDataLoss) {
  for (const absl::string_view name : {kMetaFormat, kMetaIdentity, kMetaState}) {
    std::string saved;
    Tamper([&](LmdbTxn* txn) {
      saved = std::string(**txn->Get(Table::kMeta, name));
      ASSERT_TRUE(txn->Put(Table::kMeta, name, saved.substr(1)).ok());
    });
    EXPECT_EQ(tester_.Open().code(), absl::StatusCode::kDataLoss) << name;
    Tamper([&](LmdbTxn* txn) { ASSERT_TRUE(txn->Put(Table::kMeta, name, saved).ok()); });
  }
}

// ---- Reading ----

TEST_F(StoreTest, KeysAndValuesOfAnyBytesAreKept) {
  const std::string key("a\0b\xFF", 4);
  const std::string value("\0\0\n", 3);
  ASSERT_TRUE(tester_.Put(key, value).ok());
  ASSERT_TRUE(tester_.Put("empty", "").ok());
  ASSERT_TRUE(tester_.Put(std::string(kKeySizeMaxBytes, 'k'), std::string(kValueSizeMaxBytesHard, 'v')).ok());
  EXPECT_EQ(tester_.Get(key), value);
  EXPECT_EQ(tester_.Get("empty"), "");
  EXPECT_EQ(tester_.Get(std::string(kKeySizeMaxBytes, 'k')).size(), kValueSizeMaxBytesHard);
  EXPECT_EQ(tester_.Get("a"), "(absent)");
  EXPECT_EQ(tester_.Get(""), "(absent)");
}

TEST_F(StoreTest, BatchGetLeavesOutWhatIsNotThereAndKeepsTheOrder) {
  ASSERT_TRUE(tester_.Write(WriteOf({PutOf("a", "1"), PutOf("b", "2"), PutOf("c", "3")})).ok());
  ASSERT_TRUE(tester_.Delete("b").ok());
  const auto entries = tester_.store().BatchGet({"c", "missing", "b", "a"}, 100);
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ((*entries)[0].value, "3");
  EXPECT_EQ((*entries)[1].value, "1");
  const absl::Status status = tester_.store().BatchGet({"a", "c"}, 3).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(absl::StrContains(status.message(), "ask for fewer keys")) << status;
}

TEST_F(StoreTest, BatchGetAndListShowOneMoment) {
  const std::vector<std::string> keys = {"a", "b", "c"};
  const auto write = [&](int n) {
    std::vector<Mutation> mutations;
    for (const std::string& key : keys) {
      mutations.push_back(PutOf(key, absl::StrCat(n)));
    }
    ASSERT_TRUE(tester_.Write(WriteOf(mutations)).ok());
  };
  write(0);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int n = 1; !stop; ++n) {
      write(n);
    }
  });
  for (int i = 0; i < 2000; ++i) {
    const auto entries = tester_.store().BatchGet(keys, 1000);
    ASSERT_TRUE(entries.ok()) << entries.status();
    ASSERT_EQ(entries->size(), 3u);
    EXPECT_TRUE((*entries)[0].value == (*entries)[1].value && (*entries)[1].value == (*entries)[2].value);
    const auto page = tester_.store().List("", "", 10, 1000, false);
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->entries.front().value, page->entries.back().value);
    EXPECT_EQ(page->entries.back().revision, page->revision);
  }
  stop = true;
  writer.join();
}

TEST_F(StoreTest, ListPagesByPrefixCountAndSize) {
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

TEST_F(StoreTest, APageTokenFromBeforeThePrefixStartsAtThePrefix) {
  PutNumbered(3);
  ASSERT_TRUE(tester_.Put("a", "x").ok());
  EXPECT_EQ(tester_.store().List("key", "a", 10, 1000, false)->entries.size(), 3u);
  EXPECT_EQ(tester_.store().List("key", "z", 10, 1000, false)->entries.size(), 0u);
  EXPECT_EQ(tester_.store().List("key", std::string(2000, 'k'), 10, 1000, false)->entries.size(), 0u);
}

TEST_F(StoreTest, ListUnderConcurrentWritesShowsEachStableKeyExactlyOnce) {
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

TEST_F(StoreTest, ADamagedRecordIsDataLossThatNamesTheKeyAndOthersAreServed) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  ASSERT_TRUE(tester_.Put("b", "2").ok());
  Tamper([](LmdbTxn* txn) {
    std::string row(**txn->Get(Table::kRecords, "a"));
    row[row.size() - 9] ^= 1;
    ASSERT_TRUE(txn->Put(Table::kRecords, "a", row).ok());
  });
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_EQ(tester_.store().Get("a").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(absl::StrContains(tester_.store().Get("a").status().message(), "\"a\""));
  EXPECT_EQ(tester_.store().BatchGet({"a", "b"}, 100).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(tester_.Get("b"), "2");
}

// ---- Changes ----

TEST_F(StoreTest, ChangesAreConflatedInRevisionOrder) {
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

TEST_F(StoreTest, ReadingChangesGoesOnFromWhatWasCoveredAlsoWhenTheFilterLetsNothingThrough) {
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

TEST_F(StoreTest, RevisionsOfTheFutureReadAsNothingNew) {
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

TEST_F(StoreTest, ReadingChangesWhileOthersWriteSkipsNoKeysFinalState) {
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

TEST_F(StoreTest, TheOutboxNeverSplitsABatchOfThisStore) {
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
