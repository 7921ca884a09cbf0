// Goal: who waits for what another replica has is told as soon as it is here, never sooner, and always in time. Method:
// an Arrivals that is told by the test what Redis and the store have.

#include "sync/arrivals.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"

namespace dunlin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kEpoch = 5;

class ArrivalsTest : public ::testing::Test {
 protected:
  // Of store 1 at revision 20, whose latest own write is of revision 12.
  static Position PositionOf(uint64_t store_id, uint64_t epoch = kEpoch) { return {epoch, 100, store_id, 20, 12, 0}; }

  void Wait(const Position& position, absl::Time deadline = absl::InfiniteFuture()) {
    arrivals_.Wait(position, deadline, [this](absl::Status status) {
      ++answered_;
      last_ = std::move(status);
    });
  }

  void Delivered(std::vector<uint64_t> revisions, uint64_t sequence, uint64_t epoch = kEpoch) {
    DeliveredReply reply;
    reply.epoch = epoch;
    reply.sequence = sequence;
    reply.revisions = std::move(revisions);
    arrivals_.OnDelivered(reply);
    arrivals_.Answer(absl::InfinitePast());
  }

  void Progress(uint64_t epoch, uint64_t sequence) {
    arrivals_.OnProgress(epoch, sequence);
    arrivals_.Answer(absl::InfinitePast());
  }

  Arrivals arrivals_;
  int answered_ = 0;
  absl::Status last_;
};

TEST_F(ArrivalsTest, IsToldOnceRedisHasItAndThisStoreHasWhatRedisHas) {
  Progress(kEpoch, 100);
  Wait(PositionOf(1));
  EXPECT_THAT(arrivals_.TakeAwaited(), ElementsAre(1));
  Delivered({11}, 140);
  EXPECT_THAT(arrivals_.TakeAwaited(), ElementsAre(1)) << "Redis did not have all of it";
  Delivered({12}, 150);
  EXPECT_THAT(arrivals_.TakeAwaited(), IsEmpty());
  Progress(kEpoch, 149);
  EXPECT_EQ(answered_, 0);
  Progress(kEpoch, 150);
  EXPECT_EQ(answered_, 1);
  EXPECT_TRUE(last_.ok()) << last_;
}

TEST_F(ArrivalsTest, WhatIsHereAlreadyIsToldWithRedisAnswer) {
  Progress(kEpoch, 150);
  Wait(PositionOf(1));
  arrivals_.TakeAwaited();
  EXPECT_EQ(answered_, 0) << "Redis has not been asked";
  Delivered({12}, 150);
  EXPECT_EQ(answered_, 1);
}

// What has been asked before says nothing of a position that is later.
TEST_F(ArrivalsTest, AnAnswerToAnEarlierQuestionDoesNotCount) {
  Progress(kEpoch, 500);
  Wait(PositionOf(1));
  arrivals_.TakeAwaited();
  Wait(PositionOf(1));
  Delivered({12}, 150);
  EXPECT_EQ(answered_, 1);
  EXPECT_THAT(arrivals_.TakeAwaited(), ElementsAre(1));
  Delivered({12}, 151);
  EXPECT_EQ(answered_, 2);
}

// It may have had anything that Redis does not have.
TEST_F(ArrivalsTest, APositionOfAnotherEpochAsksForAllThatItsStoreHad) {
  Progress(kEpoch, 500);
  Wait(PositionOf(1, /*epoch=*/kEpoch - 1));
  arrivals_.TakeAwaited();
  Delivered({19}, 150);
  EXPECT_EQ(answered_, 0);
  arrivals_.TakeAwaited();
  Delivered({20}, 150);
  EXPECT_EQ(answered_, 1);
}

// The parts that a reader knows beyond the revision have come by Redis or are the store's own: only where Redis has
// lost them does their store have to bring them again.
TEST_F(ArrivalsTest, WhatIsKnownInPartsIsAskedForInAnotherEpochAlone) {
  Progress(kEpoch, 500);
  Position position = PositionOf(1);
  position.known_revision = 30;
  Wait(position);
  arrivals_.TakeAwaited();
  Delivered({12}, 150);
  EXPECT_EQ(answered_, 1);
  position.epoch = kEpoch - 1;
  Wait(position);
  arrivals_.TakeAwaited();
  Delivered({29}, 150);
  EXPECT_EQ(answered_, 1);
  arrivals_.TakeAwaited();
  Delivered({30}, 150);
  EXPECT_EQ(answered_, 2);
}

TEST_F(ArrivalsTest, ANewEpochAsksAnew) {
  Progress(kEpoch, 100);
  Wait(PositionOf(1));
  arrivals_.TakeAwaited();
  Delivered({12}, 150);
  Progress(kEpoch + 1, 1000);
  EXPECT_EQ(answered_, 0) << "a sequence of another epoch";
  EXPECT_THAT(arrivals_.TakeAwaited(), ElementsAre(1));
  Delivered({20}, 1100, kEpoch + 1);
  Progress(kEpoch + 1, 1100);
  EXPECT_EQ(answered_, 1);
}

TEST_F(ArrivalsTest, EachStoreIsAskedForOnceAndManyByTurns) {
  for (uint64_t store = 1; store <= kAwaitedStoresMax + 3; ++store) {
    Wait(PositionOf(store));
    Wait(PositionOf(store));
  }
  const std::vector<uint64_t> first = arrivals_.TakeAwaited();
  ASSERT_EQ(first.size(), kAwaitedStoresMax);
  Progress(kEpoch, 500);
  Delivered(std::vector<uint64_t>(first.size(), 12), 400);
  EXPECT_EQ(answered_, static_cast<int>(2 * kAwaitedStoresMax));
  EXPECT_EQ(arrivals_.TakeAwaited().size(), 3u);
}

TEST_F(ArrivalsTest, WhoIsLateIsTold) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  Wait(PositionOf(1), start + absl::Seconds(1));
  Wait(PositionOf(2), start + absl::Seconds(3));
  arrivals_.TakeAwaited();
  Delivered({0, 12}, 150);
  EXPECT_EQ(arrivals_.Answer(start), start + absl::Seconds(1));
  EXPECT_EQ(answered_, 0);
  EXPECT_EQ(arrivals_.Answer(start + absl::Seconds(1)), start + absl::Seconds(3));
  EXPECT_EQ(answered_, 1);
  EXPECT_EQ(last_.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(last_.message()), HasSubstr("does not have what the token tells of"));
  EXPECT_EQ(arrivals_.Answer(start + absl::Seconds(3)), absl::InfiniteFuture());
  EXPECT_EQ(answered_, 2) << "delivered, but not arrived";
}

TEST_F(ArrivalsTest, AShutdownAnswersEverybody) {
  Wait(PositionOf(1));
  Wait(PositionOf(2));
  arrivals_.TakeAwaited();
  Delivered({12, 0}, 150);
  arrivals_.Shutdown();
  EXPECT_EQ(answered_, 2);
  Wait(PositionOf(3));
  EXPECT_EQ(answered_, 3);
  EXPECT_EQ(last_.code(), absl::StatusCode::kUnavailable);
}

TEST_F(ArrivalsTest, TooManyAreRefused) {
  for (size_t i = 0; i < kArrivalWaitersMax; ++i) {
    Wait(PositionOf(1));
  }
  EXPECT_EQ(answered_, 0);
  Wait(PositionOf(1));
  EXPECT_EQ(last_.code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace dunlin
