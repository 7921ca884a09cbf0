// Goal: a store keeps its identity, refuses what it must not open with a precise error, and reads what was written.
// Method: real stores; rows changed behind their back. (Reads in pages: store_pages_test; what writes do to a store:
// committer_test.)

#include "storage/store.h"

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "storage/lmdb_env.h"
#include "storage/tables.h"
#include "tests/storage/store_tester.h"
#include "tests/storage/tamper.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(tester_.opened().ok()) << tester_.opened(); }

  // Closes the store and changes its tables.
  void Tamper(const std::function<void(LmdbTxn*)>& change) {
    tester_.Close();
    TamperWith(dir_.path(), change);
  }

  void ExpectOpenError(absl::StatusCode code, absl::string_view text) {
    const absl::Status status = tester_.Open();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), text)) << status;
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

// What was told before it was synced may be gone then, and must not be told of something else.
TEST_F(StoreTest, OnAnotherRunOfTheMachineRevisionsThatMayHaveBeenToldArePassedOver) {
  tester_.Close();
  tester_.store_options().boot_id = "one";
  ASSERT_TRUE(tester_.Open().ok()) << "a store that does not say is one that has lost nothing";
  ASSERT_TRUE(tester_.Put("key", "1").ok());
  Position before = tester_.store().position();
  tester_.Close();
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_EQ(tester_.state().revision, before.revision) << "the machine has not ended";
  for (const char* boot : {"two", "three"}) {
    before = tester_.store().position();
    tester_.Close();
    tester_.store_options().boot_id = boot;
    ASSERT_TRUE(tester_.Open().ok());
    EXPECT_EQ(tester_.state().revision, before.revision + kRevisionsPassedOver);
    EXPECT_EQ(tester_.Put("key", boot)->revisions[0], before.revision + kRevisionsPassedOver + 1);
  }
  const std::string state = EncodeState(tester_.state());
  tester_.Close();
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_EQ(EncodeState(tester_.state()), state);
  EXPECT_EQ(tester_.Get("key"), "three");

  Position position = tester_.store().position();
  EXPECT_TRUE(tester_.store().GoesOnFrom(position));
  for (const uint64_t lost : {before.revision + 1, before.revision + kRevisionsPassedOver}) {
    position.revision = lost;
    EXPECT_FALSE(tester_.store().GoesOnFrom(position)) << lost;
  }
  position.revision = before.revision - kRevisionsPassedOver;
  EXPECT_FALSE(tester_.store().GoesOnFrom(position)) << "of the time before";
  EXPECT_TRUE(tester_.store().GoesOnFrom(before));
  position = tester_.store().position();
  ++position.store_id;
  EXPECT_FALSE(tester_.store().GoesOnFrom(position));
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
  const auto entries = tester_.BatchGet({"c", "missing", "b", "a"}, 100);
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ((*entries)[0].value, "3");
  EXPECT_EQ((*entries)[1].value, "1");
  const absl::Status status = tester_.BatchGet({"a", "c"}, 3).status();
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
    const auto entries = tester_.BatchGet(keys, 1000);
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

TEST_F(StoreTest, ADamagedRecordIsDataLossThatNamesTheKeyAndOthersAreServed) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  ASSERT_TRUE(tester_.Put("b", "2").ok());
  tester_.Close();
  DamageRecord(dir_.path(), "a");
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_EQ(tester_.store().Get("a").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(absl::StrContains(tester_.store().Get("a").status().message(), "\"a\""));
  EXPECT_EQ(tester_.BatchGet({"a", "b"}, 100).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(tester_.Get("b"), "2");
}

}  // namespace
}  // namespace dunlin
