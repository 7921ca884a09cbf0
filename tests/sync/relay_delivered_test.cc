// Goal: Redis tells how much of a store's writes it has, never more than it has. Method: the same calls to a real Redis
// and to the simulator's model.

#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/sync/relay_conformance_test_base.h"

namespace dunlin {
namespace {

class RelayDeliveredTest : public RelayConformanceTestBase {
 protected:
  // Sends a batch that covers the store up to `covered`, after one that covered it up to `before`.
  MirrorReply::Outcome Send(uint64_t covered, uint64_t before, bool is_whole, std::vector<KeyedRecord> items = {}) {
    MirrorBatch batch = Batch(std::move(items));
    batch.covered_revision = covered;
    batch.covered_before = before;
    batch.is_whole = is_whole;
    const absl::StatusOr<MirrorReply> reply = relay_->Mirror(batch);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? reply->outcome : MirrorReply::Outcome::kTooLate;
  }

  DeliveredReply Find(const std::vector<uint64_t>& stores) {
    const absl::StatusOr<DeliveredReply> reply = relay_->FindDelivered(stores);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *reply : DeliveredReply();
  }

  uint64_t Delivered() { return Find({kOrigin}).revisions.at(0); }

  KeyedRecord Item(const std::string& key) const { return {key, MakeRecord(MakeVersion(absl::Now()), "v")}; }
};

TEST_P(RelayDeliveredTest, OfAStoreThatHasSentNothingNothingIsKnown) {
  const DeliveredReply reply = Find({kOrigin, 1, 0, UINT64_MAX});
  EXPECT_EQ(reply.epoch, kEpoch);
  EXPECT_EQ(reply.sequence, 0u);
  EXPECT_EQ(reply.revisions, (std::vector<uint64_t>{0, 0, 0, 0}));
  EXPECT_TRUE(Find({}).revisions.empty());
}

TEST_P(RelayDeliveredTest, AWholeBatchTellsItWithWhereRedisStands) {
  Send(7, 0, true, {Item("a"), Item("b")});
  const DeliveredReply reply = Find({1, kOrigin});
  EXPECT_EQ(reply.sequence, 2u);
  EXPECT_EQ(reply.revisions, (std::vector<uint64_t>{0, 7}));
}

TEST_P(RelayDeliveredTest, WhatIsNotWholeWaitsForWhatFollows) {
  Send(3, 0, true, {Item("a")});
  Send(7, 0, false, {Item("b")});
  EXPECT_EQ(Delivered(), 3u);
  Send(9, 7, false, {Item("c")});
  EXPECT_EQ(Delivered(), 3u);
  Send(11, 9, true, {Item("d")});
  EXPECT_EQ(Delivered(), 11u);
}

TEST_P(RelayDeliveredTest, ABatchWithoutItemsTellsItAndChangesNothingElse) {
  Send(3, 0, true, {Item("a")});
  backend_->NextEvent();
  EXPECT_EQ(Send(12, 3, true), MirrorReply::Outcome::kApplied);
  EXPECT_EQ(Delivered(), 12u);
  EXPECT_EQ(Find({kOrigin}).sequence, 1u);
  EXPECT_TRUE(backend_->NothingWasPublished());
}

// They come pipelined: the one behind a refused one is taken, and does not know of that.
TEST_P(RelayDeliveredTest, WhatComesAfterARefusedBatchTellsNothing) {
  Send(3, 0, true, {Item("a")});
  const KeyedRecord ahead = {"b", MakeRecord(MakeVersion(absl::Now() + absl::Hours(1)), "v")};
  EXPECT_EQ(Send(5, 3, true, {ahead}), MirrorReply::Outcome::kClockAhead);
  EXPECT_EQ(Send(7, 5, true, {Item("c")}), MirrorReply::Outcome::kApplied);
  EXPECT_EQ(Send(9, 7, true), MirrorReply::Outcome::kApplied);
  EXPECT_EQ(Delivered(), 3u);
  // From the beginning, and all of it.
  Send(9, 0, true, {Item("b")});
  EXPECT_EQ(Delivered(), 9u);
}

// A store that was put back to an older copy.
TEST_P(RelayDeliveredTest, WhoBeginsAnewMayTellLess) {
  Send(30, 0, true);
  Send(4, 0, true);
  EXPECT_EQ(Delivered(), 4u);
}

TEST_P(RelayDeliveredTest, ANewEpochKnowsNothing) {
  Send(30, 0, true);
  ASSERT_TRUE(relay_->StartEpoch({kEpoch, kEpoch + 1, 0}).ok());
  const DeliveredReply reply = Find({kOrigin});
  EXPECT_EQ(reply.epoch, kEpoch + 1);
  EXPECT_EQ(reply.revisions, std::vector<uint64_t>{0});
  EXPECT_EQ(Send(31, 30, true), MirrorReply::Outcome::kEpochChanged);
  MirrorBatch batch = Batch({});
  batch.epoch = kEpoch + 1;
  // What came before it was of the old epoch.
  batch.covered_revision = 40;
  batch.covered_before = 30;
  batch.is_whole = true;
  ASSERT_TRUE(relay_->Mirror(batch).ok());
  EXPECT_EQ(Delivered(), 0u);
  batch.covered_before = 0;
  ASSERT_TRUE(relay_->Mirror(batch).ok());
  EXPECT_EQ(Delivered(), 40u);
}

TEST_P(RelayDeliveredTest, AnEmptiedRedisKnowsNothing) {
  Send(30, 0, true, {Item("a")});
  backend_->EraseEverything();
  const DeliveredReply reply = Find({kOrigin});
  EXPECT_EQ(reply.epoch, kNoEpoch);
  EXPECT_EQ(reply.sequence, 0u);
  EXPECT_EQ(reply.revisions, std::vector<uint64_t>{0});
}

TEST_P(RelayDeliveredTest, RevisionsAreExact) {
  constexpr uint64_t kLarge = (uint64_t{1} << 53) - 1;
  Send(kLarge, 0, true);
  EXPECT_EQ(Delivered(), kLarge);
}

INSTANTIATE_TEST_SUITE_P(Backends, RelayDeliveredTest, testing::ValuesIn(RelayBackends()), BackendName);

}  // namespace
}  // namespace dunlin
