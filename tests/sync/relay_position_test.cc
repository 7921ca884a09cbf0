// Goal: positions, epochs and pages of changes tell the truth, whatever happens to Redis.
// Method: the same calls to a real Redis and to the simulator's model, damaged behind the relay's back.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sync/relay_conformance_test_base.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

using RelayPositionTest = RelayConformanceTestBase;

TEST_P(RelayPositionTest, WhoComesFirstCreatesThePosition) {
  backend_->EraseEverything();
  const RelayPosition none = ReadPosition({kNoEpoch, ""});
  EXPECT_EQ(none.epoch, kNoEpoch);
  EXPECT_TRUE(backend_->empty());

  const RelayPosition created = ReadPosition({7, "ours"});
  EXPECT_TRUE(created.created);
  EXPECT_EQ(created.epoch, 7u);
  EXPECT_EQ(created.sequence, 0u);
  EXPECT_EQ(created.fleet_id, "ours");
  EXPECT_LT(absl::AbsDuration(created.redis_time - absl::Now()), absl::Minutes(1));

  const RelayPosition second = ReadPosition({8, "theirs"});
  EXPECT_FALSE(second.created);
  EXPECT_EQ(second.epoch, 7u);
  EXPECT_EQ(second.fleet_id, "ours");
  EXPECT_EQ(backend_->MetaField("format"), 1u);
}

TEST_P(RelayPositionTest, ALostPositionGoesOnAfterTheHighestSequenceStillKnown) {
  MirrorKeys(3);
  backend_->EraseMeta();
  const RelayPosition position = ReadPosition({9, "fleet"});
  EXPECT_TRUE(position.created);
  EXPECT_EQ(position.epoch, 9u);
  EXPECT_EQ(position.sequence, 3u);
}

// The key of the records or of the index is gone, or one record.
TEST_P(RelayPositionTest, APartThatIsLostBeginsANewEpochOnce) {
  MirrorKeys(3);
  EXPECT_EQ(ReadPosition({9, "fleet"}).epoch, kEpoch) << "nothing is lost";
  backend_->EraseIndex();
  EXPECT_EQ(ReadPosition({kNoEpoch, ""}).epoch, kEpoch) << "who proposes nothing changes nothing";
  const RelayPosition position = ReadPosition({9, "another"});
  EXPECT_TRUE(position.created);
  EXPECT_EQ(position.epoch, 9u);
  EXPECT_EQ(position.sequence, 3u);
  EXPECT_EQ(position.fleet_id, "fleet");
  EXPECT_FALSE(position.sum.has_value());
  EXPECT_EQ(ReadPosition({10, "fleet"}).epoch, 9u) << "it is known by now";
}

TEST_P(RelayPositionTest, ALossIsNotForgottenOverTheNextWrite) {
  MirrorKeys(3);
  backend_->EraseRecord("key1");
  ASSERT_EQ(Mirror({{"another", record_}}).sequence, 4u);
  EXPECT_EQ(ReadPosition({9, "fleet"}).epoch, 9u);
}

TEST_P(RelayPositionTest, ThePositionFollowsTheWrites) {
  MirrorKeys(3);
  backend_->SetMetaField("gc_sequence", 2);
  const RelayPosition position = ReadPosition({1, ""});
  EXPECT_EQ(position.epoch, kEpoch);
  EXPECT_EQ(position.sequence, 3u);
  EXPECT_EQ(position.gc_sequence, 2u);
}

TEST_P(RelayPositionTest, DataOfANewerFormatIsLeftAlone) {
  backend_->SetMetaField("format", 2);
  const absl::Status status = relay_->ReadPosition({1, ""}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("upgrade"));
}

TEST_P(RelayPositionTest, AnEpochIsSetOnlyOverTheOneExpected) {
  MirrorKeys(3);
  const absl::StatusOr<EpochInForce> lost = relay_->StartEpoch({123, 5, 0});
  ASSERT_TRUE(lost.ok()) << lost.status();
  EXPECT_EQ(lost->epoch, kEpoch);
  EXPECT_EQ(lost->sequence, 3u);
  const absl::StatusOr<EpochInForce> won = relay_->StartEpoch({kEpoch, 5, 100});
  ASSERT_TRUE(won.ok()) << won.status();
  EXPECT_EQ(won->epoch, 5u);
  EXPECT_EQ(won->sequence, 100u);
  const absl::StatusOr<EpochInForce> kept = relay_->StartEpoch({5, 6, 50});
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->sequence, 100u);
  EXPECT_EQ(ReadPosition({1, ""}).epoch, 6u);
}

TEST_P(RelayPositionTest, AnEpochCanBeStartedOverNone) {
  backend_->EraseEverything();
  const absl::StatusOr<EpochInForce> in_force = relay_->StartEpoch({kNoEpoch, 5, 10});
  ASSERT_TRUE(in_force.ok()) << in_force.status();
  EXPECT_EQ(in_force->epoch, 5u);
  EXPECT_EQ(in_force->sequence, 10u);
}

TEST_P(RelayPositionTest, PagesCoverEverythingInTheOrderOfSequences) {
  MirrorKeys(10);
  // A key written again is found at its new place only.
  Mirror({{"key0", MakeRecord(MakeVersion(absl::Now(), 9), "again")}});
  const RelayChangePage first = ReadChanges(0, 4);
  ASSERT_EQ(first.changes.size(), 4u);
  EXPECT_EQ(first.changes[0].key, "key1");
  EXPECT_EQ(first.covered_sequence, 5u);
  EXPECT_FALSE(first.complete);
  EXPECT_EQ(first.epoch, kEpoch);
  EXPECT_EQ(first.sequence, 11u);
  // Exactly as many as are left is a complete page.
  const RelayChangePage last = ReadChanges(first.covered_sequence, 6);
  ASSERT_EQ(last.changes.size(), 6u);
  EXPECT_EQ(last.changes.back().key, "key0");
  EXPECT_TRUE(last.complete);
  EXPECT_EQ(last.covered_sequence, 11u);
  const RelayChangePage none = ReadChanges(11);
  EXPECT_TRUE(none.changes.empty());
  EXPECT_TRUE(none.complete);
  EXPECT_EQ(none.covered_sequence, 11u);
}

TEST_P(RelayPositionTest, APageIsBoundedByBytesButNeverEmpty) {
  const std::string large = MakeRecord(MakeVersion(absl::Now()), std::string(1000, 'x'));
  Mirror({{"a", large}, {"b", large}, {"c", large}});
  const RelayChangePage one = ReadChanges(0, 10, 10);
  ASSERT_EQ(one.changes.size(), 1u);
  EXPECT_EQ(one.covered_sequence, 1u);
  EXPECT_FALSE(one.complete);
  const RelayChangePage two = ReadChanges(0, 10, 2 * (large.size() + 1));
  EXPECT_EQ(two.changes.size(), 2u);
  EXPECT_FALSE(two.complete);
}

// Records are read some at a time.
TEST_P(RelayPositionTest, APageEndsWhereverItIsFull) {
  constexpr size_t kKeys = 50;
  std::vector<KeyedRecord> records;
  for (size_t i = 0; i < kKeys; ++i) {
    records.push_back({absl::StrCat("key", 10 + i), MakeRecord(MakeVersion(absl::Now()), std::string(100, 'x'))});
  }
  Mirror(records);
  const size_t size = records[0].key.size() + records[0].record.size();
  for (const size_t fits : {1, 15, 16, 17, 31, 32, 33, 48, 49, 50}) {
    for (const RelayChangePage& page : {ReadChanges(0, kKeys, fits * size), ReadChanges(0, fits)}) {
      ASSERT_EQ(page.changes.size(), fits);
      EXPECT_EQ(page.covered_sequence, fits);
      EXPECT_EQ(page.complete, fits == kKeys);
      for (size_t i = 0; i < fits; ++i) {
        EXPECT_EQ(page.changes[i].key, records[i].key);
        EXPECT_EQ(page.changes[i].record, records[i].record);
      }
    }
  }
}

TEST_P(RelayPositionTest, EntriesWithoutARecordAreCoveredButNotReturned) {
  MirrorKeys(5);
  for (const char* key : {"key0", "key1", "key4"}) {
    backend_->EraseRecord(key);
  }
  const RelayChangePage skipped = ReadChanges(0, 2);
  EXPECT_TRUE(skipped.changes.empty());
  EXPECT_FALSE(skipped.complete);
  EXPECT_EQ(skipped.covered_sequence, 2u);
  const RelayChangePage rest = ReadChanges(2);
  EXPECT_EQ(rest.changes.size(), 2u);
  EXPECT_TRUE(rest.complete);
  EXPECT_EQ(rest.covered_sequence, 5u);
}

TEST_P(RelayPositionTest, AnEmptyRedisIsAnEmptyPageOfNoEpoch) {
  backend_->EraseEverything();
  const RelayChangePage page = ReadChanges(5);
  EXPECT_EQ(page.epoch, kNoEpoch);
  EXPECT_EQ(page.sequence, 0u);
  EXPECT_TRUE(page.complete);
  EXPECT_EQ(page.covered_sequence, 0u);
}

INSTANTIATE_TEST_SUITE_P(Backends, RelayPositionTest, testing::ValuesIn(RelayBackends()), BackendName);

}  // namespace
}  // namespace dunlin
