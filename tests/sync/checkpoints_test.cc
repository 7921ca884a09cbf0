// Goal: a checkpoint never lets a reader miss anything, and the latest that does not is found. Method: the definition,
// checked over random histories; and what is kept of a long one.

#include "sync/checkpoints.h"

#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace dunlin {
namespace {

constexpr uint64_t kEpoch = 5;

Position At(uint64_t sequence, uint64_t expired_unix_ms = UINT64_MAX, uint64_t epoch = kEpoch) {
  Position position;
  position.epoch = epoch;
  position.sequence = sequence;
  position.expired_unix_ms = expired_unix_ms;
  return position;
}

TEST(CheckpointsTest, TheLatestThatAsksForNoMoreIsFound) {
  Checkpoints checkpoints;
  EXPECT_FALSE(checkpoints.Find(At(100)).has_value());
  checkpoints.Note({kEpoch, 10}, 1000, kEpoch, 100);
  checkpoints.Note({kEpoch, 20}, 2000, kEpoch, 200);
  checkpoints.Note({kEpoch, 30}, 3000, kEpoch, 300);
  EXPECT_FALSE(checkpoints.Find(At(99)).has_value());
  EXPECT_EQ(checkpoints.Find(At(100)), 10u);
  EXPECT_EQ(checkpoints.Find(At(299)), 20u);
  EXPECT_EQ(checkpoints.Find(At(1000)), 30u);
  // Whoever has not heard of an expiry must hear of it here.
  EXPECT_EQ(checkpoints.Find(At(1000, 2999)), 20u);
  EXPECT_FALSE(checkpoints.Find(At(1000, 999)).has_value());
}

TEST(CheckpointsTest, AStoreAtRestKeepsWhatAsksForLeast) {
  Checkpoints checkpoints;
  checkpoints.Note({kEpoch, 10}, 1000, kEpoch, 100);
  checkpoints.Note({kEpoch, 10}, 9000, kEpoch, 900);
  EXPECT_EQ(checkpoints.Find(At(100, 1000)), 10u);
}

TEST(CheckpointsTest, AnotherEpochMeansNothing) {
  Checkpoints checkpoints;
  checkpoints.Note({kEpoch, 10}, 1000, kEpoch, 100);
  EXPECT_FALSE(checkpoints.Find(At(100, UINT64_MAX, kEpoch + 1)).has_value());
  // Redis has been replaced, and the store does not know yet.
  checkpoints.Note({kEpoch, 20}, 2000, kEpoch + 1, 200);
  EXPECT_EQ(checkpoints.Find(At(300)), 10u);
  checkpoints.Note({kEpoch + 1, 5}, 3000, kEpoch + 1, 300);
  EXPECT_FALSE(checkpoints.Find(At(300)).has_value());
  EXPECT_EQ(checkpoints.Find(At(300, UINT64_MAX, kEpoch + 1)), 5u);
}

TEST(CheckpointsTest, NothingIsKnownBeforeAnythingIsDelivered) {
  Checkpoints checkpoints;
  checkpoints.Note({kEpoch, absl::nullopt}, 1000, kEpoch, 100);
  EXPECT_FALSE(checkpoints.Find(At(100)).has_value());
  // A store that holds nothing keeps nothing from anybody.
  checkpoints.Note({kEpoch, 0}, 1000, kEpoch, 100);
  EXPECT_EQ(checkpoints.Find(At(100)), 0u);
}

TEST(CheckpointsTest, ANewcomerHidesNothing) {
  const DeliveredMark nothing = MarkOf(0, kEpoch, DeliveredMark());
  EXPECT_EQ(nothing.epoch, kEpoch);
  EXPECT_EQ(nothing.revision, 0u);
  const DeliveredMark unknown = MarkOf(1, kEpoch, DeliveredMark());
  EXPECT_FALSE(unknown.revision.has_value());
  EXPECT_EQ(MarkOf(7, kEpoch, DeliveredMark{kEpoch, 5, 3}).revision, 5u);
}

TEST(CheckpointsTest, AfterTooLongAnAbsenceNobodyFromBeforeMayGoOn) {
  Checkpoints checkpoints;
  checkpoints.Note({kEpoch, 10}, 1000, kEpoch, 100);
  checkpoints.Clear();
  EXPECT_FALSE(checkpoints.Find(At(100)).has_value());
  checkpoints.Note({kEpoch, 10}, 1000, kEpoch, 500);
  EXPECT_FALSE(checkpoints.Find(At(499)).has_value());
  EXPECT_EQ(checkpoints.Find(At(500)), 10u);
}

// Clocks are put back, and what is noted then must not let anybody miss more.
TEST(CheckpointsTest, WhatIsFoundNeverAsksForMore) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Checkpoints checkpoints(/*capacity=*/8);
    std::vector<Checkpoint> noted;
    Checkpoint next{1, 1, 1};
    for (int i = 0; i < 100; ++i) {
      next.sequence += random() % 3;
      next.revision += random() % 3;
      next.expired_unix_ms = random() % 10 == 0 ? random() % 50 : next.expired_unix_ms + random() % 3;
      checkpoints.Note({kEpoch, next.revision}, next.expired_unix_ms, kEpoch, next.sequence);
      noted.push_back(next);
      const Position position = At(random() % (next.sequence + 1), random() % (next.expired_unix_ms + 1));
      const absl::optional<uint64_t> found = checkpoints.Find(position);
      if (!found.has_value()) {
        continue;
      }
      bool is_safe = false;
      for (const Checkpoint& checkpoint : noted) {
        is_safe = is_safe || (checkpoint.revision >= *found && checkpoint.sequence <= position.sequence &&
                              checkpoint.expired_unix_ms <= position.expired_unix_ms);
      }
      EXPECT_TRUE(is_safe) << "after revision " << *found;
    }
  }
}

TEST(CheckpointsTest, OldOnesLieFurtherApartButStay) {
  constexpr size_t kCapacity = 16;
  constexpr uint64_t kCount = 10000;
  Checkpoints checkpoints(kCapacity);
  for (uint64_t i = 1; i <= kCount; ++i) checkpoints.Note({kEpoch, i}, i, kEpoch, i);
  size_t kept = 0;
  uint64_t last = 0;
  for (uint64_t i = 1; i <= kCount; ++i) {
    const absl::optional<uint64_t> found = checkpoints.Find(At(i));
    ASSERT_TRUE(found.has_value()) << "the first one stays";
    ASSERT_LE(*found, i);
    kept += *found != last ? 1 : 0;
    last = *found;
  }
  EXPECT_LE(kept, kCapacity);
  EXPECT_EQ(last, kCount) << "so does the latest";
  EXPECT_GE(*checkpoints.Find(At(kCount - 4)), kCount - 4) << "the latest lie close together";
}

}  // namespace
}  // namespace dunlin
