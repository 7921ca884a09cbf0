// Goal: a store tells exactly whether, and where, it differs from what Redis holds: it never compares needlessly and
// never goes on from a place that it has not reached.
// Method: a real committer on a real store; Redis is what the test says that it holds.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/record.h"
#include "storage/tables.h"
#include "storage/version.h"
#include "storage/write.h"
#include "tests/storage/store_tester.h"
#include "tests/storage/tamper.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kEpoch = 7;
constexpr uint64_t kSequence = 100;

class StoreReconcileTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tester_.opened().ok()) << tester_.opened();
    ASSERT_TRUE(tester_.EnterEpoch(kEpoch, /*refill=*/false).ok());
  }

  // What Redis says that it holds, where that is exactly what the store does.
  EpochChange::Content SameAsHere() const {
    const StoreState state = tester_.state();
    return EpochChange::Content{state.entries + state.tombstones, state.content, kSequence};
  }

  // Enters another epoch, in which Redis holds `redis`.
  EpochEntry Enter(const absl::optional<EpochChange::Content>& redis, bool refill = true) {
    EpochChange change;
    change.epoch = kEpoch + 1;
    change.refill = refill;
    change.redis = redis;
    const absl::StatusOr<EpochEntry> entry = tester_.EnterEpoch(change);
    EXPECT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ(tester_.state().epoch, kEpoch + 1);
    return entry.ok() ? *entry : EpochEntry();
  }

  static KeyAndOrder OrderOf(const VersionedRecord& record) {
    return KeyAndOrder{record.key, RecordOrder(record.encoded_record)};
  }

  std::vector<size_t> FindOlder(const std::vector<KeyAndOrder>& items) {
    const absl::StatusOr<std::vector<size_t>> older = tester_.store().FindOlder(items);
    EXPECT_TRUE(older.ok()) << older.status();
    return older.ok() ? *older : std::vector<size_t>();
  }

  TempDir dir_;
  StoreTester tester_{dir_.path()};
};

// ---- Whether it differs ----

TEST_F(StoreReconcileTest, WhoHoldsWhatRedisHoldsGoesOnFromThereAndSendsNothing) {
  ASSERT_TRUE(tester_.Apply({RemotePut("a", Version{5, 1}, "1"), RemoteDelete("b", Version{6, 1})}).ok());
  const EpochEntry entry = Enter(SameAsHere());
  EXPECT_FALSE(entry.refill);
  EXPECT_EQ(entry.applied_sequence, kSequence);
  EXPECT_EQ(tester_.state().applied_sequence, kSequence);
  EXPECT_EQ(tester_.state().outbox_depth, 0u);
}

TEST_F(StoreReconcileTest, WhoHoldsSomethingElseSendsEverythingAgain) {
  ASSERT_TRUE(tester_.Apply({RemotePut("a", Version{5, 1}, "1"), RemoteDelete("b", Version{6, 1})}).ok());
  const EpochChange::Content before = SameAsHere();
  ASSERT_TRUE(tester_.Apply({RemotePut("a", Version{7, 1}, "2")}).ok());
  ASSERT_EQ(SameAsHere().records, before.records) << "the sum alone tells";
  const EpochEntry entry = Enter(before);
  EXPECT_TRUE(entry.refill);
  EXPECT_EQ(entry.applied_sequence, 0u);
  EXPECT_EQ(tester_.state().applied_sequence, 0u);
  EXPECT_EQ(tester_.state().outbox_depth, 2u);
}

TEST_F(StoreReconcileTest, TheSameSumOfAnotherNumberOfRecordsIsSomethingElse) {
  ASSERT_TRUE(tester_.Apply({RemotePut("a", Version{5, 1}, "1")}).ok());
  EpochChange::Content other = SameAsHere();
  ++other.records;
  EXPECT_TRUE(Enter(other).refill);
}

TEST_F(StoreReconcileTest, WhatRedisDoesNotSayIsTakenForSomethingElse) {
  ASSERT_TRUE(tester_.Apply({RemotePut("a", Version{5, 1}, "1")}).ok());
  const EpochEntry entry = Enter(absl::nullopt);
  EXPECT_TRUE(entry.refill);
  EXPECT_EQ(entry.applied_sequence, 0u);
}

TEST_F(StoreReconcileTest, AFirstContactReadsFromTheStartAndRefillsNothing) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  const EpochEntry entry = Enter(SameAsHere(), /*refill=*/false);
  EXPECT_FALSE(entry.refill);
  EXPECT_EQ(entry.applied_sequence, 0u);
  EXPECT_EQ(tester_.state().outbox_depth, 1u) << "what was never sent is still to be sent";
}

TEST_F(StoreReconcileTest, WhatIsStillToBeSentStaysSoWhereAllIsEqual) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  EXPECT_FALSE(Enter(SameAsHere()).refill);
  EXPECT_EQ(tester_.state().outbox_depth, 1u);
}

// ---- Where it differs ----

TEST_F(StoreReconcileTest, WhatIsAbsentOrOlderHereIsNamedAndNothingElse) {
  const VersionedRecord same = RemotePut("same", Version{5, 1}, "x");
  ASSERT_TRUE(
      tester_.Apply({same, RemotePut("newer", Version{9, 1}, "x"), RemotePut("older", Version{1, 1}, "x")}).ok());
  EXPECT_THAT(
      FindOlder({OrderOf(RemotePut("absent", Version{5, 1}, "x")), OrderOf(same),
                 OrderOf(RemotePut("newer", Version{5, 1}, "x")), OrderOf(RemotePut("older", Version{5, 1}, "x"))}),
      ElementsAre(0u, 3u));
}

TEST_F(StoreReconcileTest, ADeletionIsComparedLikeAnyOtherRecord) {
  ASSERT_TRUE(tester_.Apply({RemotePut("older", Version{5, 1}, "x"), RemoteDelete("newer", Version{9, 1})}).ok());
  EXPECT_THAT(
      FindOlder({OrderOf(RemoteDelete("older", Version{6, 1})), OrderOf(RemotePut("newer", Version{6, 1}, "x"))}),
      ElementsAre(0u));
}

// Whatever Redis has is better than that.
TEST_F(StoreReconcileTest, ADamagedRecordIsLacking) {
  ASSERT_TRUE(tester_.Apply({RemotePut("a", Version{9, 1}, "x"), RemotePut("b", Version{9, 1}, "x")}).ok());
  tester_.Close();
  DamageRecord(dir_.path(), "a");
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_THAT(FindOlder({OrderOf(RemotePut("a", Version{5, 1}, "x")), OrderOf(RemotePut("b", Version{5, 1}, "x"))}),
              ElementsAre(0u));
}

// It may be stamped anew before it is sent. What it is newer than now has then to be known.
TEST_F(StoreReconcileTest, AnOwnRecordThatWasNeverSentIsComparedByWhoeverStamps) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  ASSERT_TRUE(tester_.Apply({RemotePut("b", Version{9, 1}, "x")}).ok());
  const std::vector<KeyAndOrder> lower = {OrderOf(RemotePut("a", Version{5, 1}, "x")),
                                          OrderOf(RemotePut("b", Version{5, 1}, "x"))};
  EXPECT_THAT(FindOlder(lower), ElementsAre(0u));
  Enter(SameAsHere());
  tester_.committer().AdvanceMirrored({tester_.state().epoch, 1, {OutboxItem{"a", 1}}});
  tester_.Settle();
  EXPECT_THAT(FindOlder(lower), IsEmpty()) << "what has been sent keeps its version";
}

// Two stores have issued one version: all choose the same of the two.
TEST_F(StoreReconcileTest, OfOneVersionWithTwoContentsEitherThisOneOrTheOtherIsOlder) {
  const VersionedRecord one = RemotePut("a", Version{5, 1}, "one");
  const VersionedRecord other = RemotePut("a", Version{5, 1}, "other");
  ASSERT_TRUE(tester_.Apply({one}).ok());
  const bool other_wins = Supersedes(other.encoded_record, one.encoded_record);
  EXPECT_EQ(FindOlder({OrderOf(other)}).size(), other_wins ? 1u : 0u);
  ASSERT_TRUE(tester_.Apply({other}).ok());
  EXPECT_THAT(FindOlder({OrderOf(one), OrderOf(other)}), IsEmpty());
}

}  // namespace
}  // namespace dunlin
