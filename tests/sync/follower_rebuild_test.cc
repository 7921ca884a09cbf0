// Goal: a store that was away for longer than deletions are remembered is rebuilt: it learns which keys the fleet has,
// and what it has beside them goes, but for what Redis cannot have had; and nothing else is taken for such an absence.
// Method: the state machine alone, told step by step what Redis says. (What is dropped of the tables:
// storage/applier_aging_test.)

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "storage/key_set.h"
#include "storage/limits.h"
#include "tests/sync/follower_tester.h"

namespace dunlin {
namespace {

class FollowerRebuildTest : public FollowerTester {
 protected:
  static constexpr absl::Duration kHorizon = absl::Hours(1);
  static constexpr uint64_t kRevision = 9;
  static constexpr uint64_t kSentRevision = 6;

  // When the store was complete, and when that is too long ago.
  static absl::Time Complete() { return absl::FromUnixSeconds(1'700'000'000); }
  static absl::Time TooLate() { return Complete() + kHorizon + absl::Milliseconds(1); }

  static Follower::Options KnownComplete(uint64_t applied_sequence) {
    Follower::Options options = Known(applied_sequence);
    options.complete_unix_ms = UnixMillis(Complete());
    options.tombstone_horizon = kHorizon;
    return options;
  }

  static uint64_t UnixMillis(absl::Time time) { return static_cast<uint64_t>(absl::ToUnixMillis(time)); }

  static RelayPosition PositionAtTime(uint64_t sequence, absl::Time redis_time, uint64_t epoch = kEpoch) {
    RelayPosition position = PositionAt(sequence, epoch);
    position.redis_time = redis_time;
    return position;
  }

  // What the store tells of itself.
  static Follower::Local WithData() { return {/*events_waiting=*/false, kRevision, kSentRevision}; }

  // A follower of a store that holds data and was complete up to sequence 5, connected to a Redis that stands at
  // `position`.
  void BeginAt(const RelayPosition& position) {
    Begin(KnownComplete(5));
    follower_->OnSubscribed();
    ConnectTo(position, WithData());
  }

  // As ReadToTheEnd(), at `redis_time`.
  RemoteBatch ReadToTheEndAt(absl::Time redis_time, uint64_t after, uint64_t upto, uint64_t epoch = kEpoch) {
    EXPECT_EQ(Next<Follower::ReadChanges>().after, after);
    RelayChangePage page = Page(after, upto, /*complete=*/true, epoch);
    page.redis_time = redis_time;
    follower_->OnChanges(std::move(page), now_);
    return Next<Follower::Apply>().batch;
  }

  // What a store that has been away for too long is told in the end, of a fleet that has the keys of sequences 1 to 7.
  RemoteBatch Rebuilt() {
    BeginAt(PositionAtTime(7, TooLate()));
    Compare(0, 7, {});
    return ReadToTheEndAt(TooLate(), 7, 7);
  }
};

// ---- What is an absence ----

TEST_F(FollowerRebuildTest, AnAbsenceBeyondTheHorizonIsARebuild) {
  EXPECT_NE(Rebuilt().fleet_keys, nullptr);
  EXPECT_EQ(follower_->status().rebuilds, 0u) << "it is one once it is stored";
  Applied();
  EXPECT_TRUE(follower_->live());
  EXPECT_EQ(follower_->status().rebuilds, 1u);
  EXPECT_GE(follower_->status().rebuilds_begun, 1u);
}

TEST_F(FollowerRebuildTest, AnAbsenceOfTheHorizonIsNone) {
  BeginAt(PositionAtTime(7, Complete() + kHorizon));
  EXPECT_EQ(ReadToTheEndAt(Complete() + kHorizon, 5, 7).fleet_keys, nullptr);
  Applied();
  EXPECT_EQ(follower_->status().rebuilds, 0u);
  EXPECT_EQ(follower_->status().rebuilds_begun, 0u);
}

// Whatever the clocks say: a deletion that this store has not seen may be among them.
TEST_F(FollowerRebuildTest, TombstonesCollectedBeyondWhatWasAppliedAreAnAbsence) {
  RelayPosition position = PositionAtTime(7, Complete());
  position.gc_sequence = 6;
  BeginAt(position);
  Compare(0, 7, {});
  EXPECT_NE(ReadToTheEndAt(Complete(), 7, 7).fleet_keys, nullptr);
}

TEST_F(FollowerRebuildTest, TombstonesCollectedUpToWhatWasAppliedAreNone) {
  RelayPosition position = PositionAtTime(7, Complete());
  position.gc_sequence = 5;
  BeginAt(position);
  EXPECT_EQ(ReadToTheEndAt(Complete(), 5, 7).fleet_keys, nullptr);
}

TEST_F(FollowerRebuildTest, TombstonesCollectedDuringACatchUpMakeItARebuild) {
  BeginAt(PositionAtTime(7, Complete()));
  Next<Follower::ReadChanges>();
  RelayChangePage page = Page(5, 7);
  page.gc_sequence = 6;
  page.redis_time = Complete();
  follower_->OnChanges(page, now_);
  // Nothing of it is stored: everything is compared first.
  Compare(0, 7, {});
  const RemoteBatch batch = ReadToTheEndAt(Complete(), 7, 7);
  EXPECT_TRUE(batch.records.empty());
  EXPECT_NE(batch.fleet_keys, nullptr);
}

TEST_F(FollowerRebuildTest, AReplicaThatIsLiveIsNotAway) {
  BeginAt(PositionAtTime(5, Complete()));
  CatchUp(5, 5);
  HearAtHeartbeat(PositionAtTime(5, TooLate()), WithData());
  EXPECT_TRUE(follower_->live());
  // It is told that it was complete then, and nothing else.
  const RemoteBatch batch = Next<Follower::Apply>().batch;
  EXPECT_EQ(batch.fleet_keys, nullptr);
  EXPECT_EQ(batch.complete_as_of_unix_ms, UnixMillis(TooLate()));
}

// A live replica takes no events while it reads what came by reference.
TEST_F(FollowerRebuildTest, ALiveReplicaThatReadsForLongerThanTheHorizonWasAway) {
  BeginAt(PositionAtTime(5, Complete()));
  CatchUp(5, 5);
  follower_->OnRepairWanted();
  Compare(0, 5, {});
  EXPECT_TRUE(follower_->live());
  EXPECT_EQ(Next<Follower::ReadChanges>().after, 5u);
  RelayChangePage page = Page(5, 7);
  page.redis_time = TooLate();
  follower_->OnChanges(std::move(page), now_);
  EXPECT_FALSE(follower_->live());
  Compare(0, 7, {});
  EXPECT_NE(ReadToTheEndAt(TooLate(), 7, 7).fleet_keys, nullptr);
}

// A Redis took over whose clock is ten minutes behind that of the one before.
TEST_F(FollowerRebuildTest, TheFutureOfAnotherClockDoesNotShortenAnAbsence) {
  Follower::Options options = KnownComplete(5);
  options.complete_unix_ms = UnixMillis(Complete() + absl::Minutes(10));
  Begin(options);
  follower_->OnSubscribed();
  ConnectTo(PositionAtTime(5, Complete()), WithData());
  EXPECT_EQ(ReadToTheEndAt(Complete(), 5, 5).complete_as_of_unix_ms, UnixMillis(Complete()));
  Applied();
  follower_->OnRelayError(absl::UnavailableError("gone"), /*connected=*/false, now_);
  now_ += kReconnectDelayMax;
  ConnectTo(PositionAtTime(7, TooLate()), WithData());
  Compare(0, 7, {});
  EXPECT_NE(ReadToTheEndAt(TooLate(), 7, 7).fleet_keys, nullptr);
}

// It is stored in parts, and the parts are in the store at the next heartbeat.
TEST_F(FollowerRebuildTest, AFirstSnapshotIsNoAbsence) {
  Follower::Options options = Known(0);
  options.tombstone_horizon = kHorizon;
  Begin(options);
  follower_->OnSubscribed();
  ConnectTo(PositionAtTime(7, TooLate()), {/*events_waiting=*/false, /*revision=*/0, 0});
  EXPECT_EQ(Next<Follower::ReadChanges>().after, 0u);
  follower_->OnChanges(Page(0, 4, /*complete=*/false), now_);
  HearAtHeartbeat(PositionAtTime(7, TooLate()), {/*events_waiting=*/false, /*revision=*/4, 0});
  const RemoteBatch batch = ReadToTheEndAt(TooLate(), 4, 7);
  EXPECT_EQ(batch.records.size(), 7u);
  EXPECT_EQ(batch.fleet_keys, nullptr);
}

// Nobody knows when the first part was read.
TEST_F(FollowerRebuildTest, HalfASnapshotOfAnEarlierRunIsAnAbsence) {
  Follower::Options options = Known(4);
  options.tombstone_horizon = kHorizon;
  Begin(options);
  follower_->OnSubscribed();
  ConnectTo(PositionAtTime(7, TooLate()), WithData());
  Compare(0, 7, {});
  EXPECT_NE(ReadToTheEndAt(TooLate(), 7, 7).fleet_keys, nullptr);
}

// ---- What is dropped and what is kept ----

TEST_F(FollowerRebuildTest, AllThatRedisHasIsNamedWhetherItDiffersOrNot) {
  BeginAt(PositionAtTime(7, TooLate()));
  Compare(0, 7, {1});
  Next<Follower::ReadRecords>();
  follower_->OnRecords({kEpoch, {RecordOf(2)}});
  // Two more have been written meanwhile.
  const RemoteBatch batch = ReadToTheEndAt(TooLate(), 7, 9);
  ASSERT_NE(batch.fleet_keys, nullptr);
  EXPECT_EQ(batch.fleet_keys->size(), 9u);
  for (uint64_t sequence = 1; sequence <= 9; ++sequence) {
    EXPECT_TRUE(batch.fleet_keys->Contains(KeyOf(sequence))) << sequence;
  }
  EXPECT_FALSE(batch.fleet_keys->Contains(KeyOf(10)));
}

// Its deletion, which nobody remembers any more, was still in Redis when its order was read.
TEST_F(FollowerRebuildTest, WhatIsCollectedBetweenItsOrderAndItsRecordIsNotNamed) {
  BeginAt(PositionAtTime(7, TooLate()));
  Compare(0, 7, {1, 2});
  Next<Follower::ReadRecords>();
  follower_->OnRecords({kEpoch, {"", RecordOf(3)}});
  const RemoteBatch batch = ReadToTheEndAt(TooLate(), 7, 7);
  ASSERT_NE(batch.fleet_keys, nullptr);
  EXPECT_FALSE(batch.fleet_keys->Contains(KeyOf(2)));
  EXPECT_TRUE(batch.fleet_keys->Contains(KeyOf(3)));
}

TEST_F(FollowerRebuildTest, WhatIsCollectedAndWrittenAgainMeanwhileIsNamed) {
  BeginAt(PositionAtTime(7, TooLate()));
  Compare(0, 7, {1});
  Next<Follower::ReadRecords>();
  follower_->OnRecords({kEpoch, {""}});
  EXPECT_EQ(Next<Follower::ReadChanges>().after, 7u);
  RelayChangePage page = Page(7, 8);
  page.changes[0].key = KeyOf(2);
  page.redis_time = TooLate();
  follower_->OnChanges(std::move(page), now_);
  EXPECT_TRUE(Next<Follower::Apply>().batch.fleet_keys->Contains(KeyOf(2)));
}

TEST_F(FollowerRebuildTest, OnlyWhatWasThereWhenItBeganIsDropped) {
  BeginAt(PositionAtTime(7, TooLate()));
  // Written here while the fleet's keys are gathered.
  HearAtHeartbeat(PositionAtTime(7, TooLate()), {/*events_waiting=*/false, kRevision + 5, kSentRevision});
  Compare(0, 7, {});
  EXPECT_EQ(ReadToTheEndAt(TooLate(), 7, 7).rebuilt_revision, kRevision);
}

// What is sent while the keys are gathered is in Redis though it was not seen there.
TEST_F(FollowerRebuildTest, OfTheStoresOwnWritesOnlyThoseAreDroppedThatWereSentBefore) {
  BeginAt(PositionAtTime(7, TooLate()));
  HearAtHeartbeat(PositionAtTime(7, TooLate()), {/*events_waiting=*/false, kRevision, kRevision});
  Compare(0, 7, {});
  EXPECT_EQ(ReadToTheEndAt(TooLate(), 7, 7).rebuilt_sent_revision, kSentRevision);
}

// Since when it has been away is unknown; but what it has once sent, and Redis has no more, was deleted.
TEST_F(FollowerRebuildTest, SoItIsOfAStoreThatWasNeverComplete) {
  Follower::Options options = KnownComplete(4);
  options.complete_unix_ms = 0;
  Begin(options);
  follower_->OnSubscribed();
  ConnectTo(PositionAtTime(7, TooLate()), WithData());
  Compare(0, 7, {});
  const RemoteBatch batch = ReadToTheEndAt(TooLate(), 7, 7);
  EXPECT_EQ(batch.rebuilt_revision, kRevision);
  EXPECT_EQ(batch.rebuilt_sent_revision, kSentRevision);
}

// What has deleted a younger one is remembered. Redis takes versions that are ahead of its clock by so much.
TEST_F(FollowerRebuildTest, OnlyWhatIsOlderThanAnyDeletionThatIsRememberedIsDropped) {
  EXPECT_EQ(Rebuilt().forgotten_unix_ms, UnixMillis(TooLate() - kHorizon + kClockDriftMax));
}

// Seconds may lie between the first key and the last, and deletions are forgotten all the time.
TEST_F(FollowerRebuildTest, WhatIsForgottenIsToldAsOfTheLastKey) {
  BeginAt(PositionAtTime(7, TooLate()));
  Compare(0, 7, {});
  const absl::Time later = TooLate() + absl::Seconds(30);
  EXPECT_EQ(ReadToTheEndAt(later, 7, 7).forgotten_unix_ms, UnixMillis(later - kHorizon + kClockDriftMax));
}

// ---- Interruptions ----

TEST_F(FollowerRebuildTest, ALostConnectionLosesNoneOfTheKeys) {
  BeginAt(PositionAtTime(7, TooLate()));
  Compare(0, 4, {}, /*complete=*/false);
  Next<Follower::ReadOrders>();
  follower_->OnRelayError(absl::UnavailableError("gone"), /*connected=*/false, now_);
  now_ += kReconnectDelayMax;
  ConnectTo(PositionAtTime(7, TooLate()), WithData());
  Compare(4, 7, {});
  const RemoteBatch batch = ReadToTheEndAt(TooLate(), 7, 7);
  ASSERT_NE(batch.fleet_keys, nullptr);
  EXPECT_EQ(batch.fleet_keys->size(), 7u);
}

// A key that is gone from the fleet since it was seen there has to go here, too.
TEST_F(FollowerRebuildTest, KeysThatWereSeenTooLongAgoAreGatheredAnew) {
  BeginAt(PositionAtTime(7, TooLate()));
  Compare(0, 4, {}, /*complete=*/false);
  const absl::Time later = TooLate() + UnstoredAgeMaxOf(kHorizon);
  HearAtHeartbeat(PositionAtTime(7, later), WithData());
  Compare(4, 5, {}, /*complete=*/false);
  HearAtHeartbeat(PositionAtTime(7, later + absl::Milliseconds(1)), WithData());
  Compare(0, 7, {});
  const RemoteBatch batch = ReadToTheEndAt(later, 7, 7);
  ASSERT_NE(batch.fleet_keys, nullptr);
  EXPECT_EQ(batch.fleet_keys->size(), 7u);
  EXPECT_EQ(batch.rebuilt_revision, kRevision);
}

// What has replaced it may be dead and forgotten by now.
TEST_F(FollowerRebuildTest, WhatWasReadTooLongAgoIsReadAnew) {
  BeginAt(PositionAtTime(8, Complete()));
  EXPECT_EQ(Next<Follower::ReadChanges>().after, 5u);
  follower_->OnChanges(Page(5, 6, /*complete=*/false), now_);
  const absl::Time later = Complete() + UnstoredAgeMaxOf(kHorizon);
  HearAtHeartbeat(PositionAtTime(8, later), WithData());
  EXPECT_EQ(Next<Follower::ReadChanges>().after, 6u);
  follower_->OnChanges(Page(6, 7, /*complete=*/false), now_);
  HearAtHeartbeat(PositionAtTime(8, later + absl::Milliseconds(1)), WithData());
  const RemoteBatch batch = ReadToTheEndAt(later, 5, 8);
  EXPECT_EQ(batch.records.size(), 3u);
}

// Else the next attempt would merge, and bring back what was deleted.
TEST_F(FollowerRebuildTest, ARebuildThatCouldNotBeStoredIsDoneAgain) {
  Rebuilt();
  ApplyFails();
  HearAtHeartbeat(PositionAtTime(7, TooLate() + absl::Seconds(1)), WithData());
  Compare(0, 7, {});
  const RemoteBatch batch = ReadToTheEndAt(TooLate() + absl::Seconds(1), 7, 7);
  ASSERT_NE(batch.fleet_keys, nullptr);
  EXPECT_EQ(batch.fleet_keys->size(), 7u);
  Applied();
  EXPECT_EQ(follower_->status().rebuilds, 1u);
}

// The last page is as good as a position: the store may be tried again between two of these.
TEST_F(FollowerRebuildTest, ARebuildThatCouldNotBeStoredIsDoneAgainAlsoBeforeTheNextHeartbeat) {
  Rebuilt();
  ApplyFails();
  now_ = Next<Follower::Wait>().until;
  Compare(0, 7, {});
  Next<Follower::ReadChanges>();
  RelayChangePage page = Page(7, 7);
  page.redis_time = TooLate();
  follower_->OnChanges(std::move(page), now_);
  Compare(0, 7, {});
  EXPECT_NE(ReadToTheEndAt(TooLate(), 7, 7).fleet_keys, nullptr);
}

// What Redis had in the epoch before it may have lost.
TEST_F(FollowerRebuildTest, AnotherEpochGathersItsOwnKeys) {
  BeginAt(PositionAtTime(7, TooLate()));
  Compare(0, 4, {}, /*complete=*/false);
  HearAtHeartbeat(PositionAtTime(2, TooLate(), kEpoch + 1), WithData());
  Next<Follower::EnterEpoch>();
  follower_->OnEpochEntered(EpochEntry{0, true}, now_);
  Hear(PositionAtTime(2, TooLate(), kEpoch + 1), WithData());
  now_ += kReconcileJitterMax;
  Next<Follower::ReadOrders>();
  follower_->OnOrders(OrdersPage(0, 2, /*complete=*/true, kEpoch + 1));
  Next<Follower::Compare>();
  follower_->OnCompared(std::vector<size_t>(), now_);
  const RemoteBatch batch = ReadToTheEndAt(TooLate(), 2, 2, kEpoch + 1);
  ASSERT_NE(batch.fleet_keys, nullptr);
  EXPECT_EQ(batch.fleet_keys->size(), 2u);
}

TEST_F(FollowerRebuildTest, AfterARebuildTheStoreIsCompleteAgain) {
  Rebuilt();
  Applied();
  follower_->OnEvent(Event(9), now_);
  EXPECT_FALSE(follower_->live());
  HearAtHeartbeat(PositionAtTime(9, TooLate() + absl::Seconds(1)), WithData());
  EXPECT_EQ(ReadToTheEndAt(TooLate() + absl::Seconds(1), 7, 9).fleet_keys, nullptr);
  Applied();
  EXPECT_EQ(follower_->status().rebuilds, 1u);
}

// The sequence that Redis tells is never reached yet when it tells it.
TEST_F(FollowerRebuildTest, AStoreUnderALoadThatNeverCeasesIsKnownToBeComplete) {
  GoLive(5);
  RelayPosition ahead = PositionAt(7);
  ahead.redis_time = absl::FromUnixSeconds(2000);
  HearAtHeartbeat(ahead, {/*events_waiting=*/true, 0, 0});
  follower_->OnEvent(Event(6), now_);
  EXPECT_EQ(Next<Follower::Apply>().batch.complete_as_of_unix_ms, 0u);
  Applied();
  follower_->OnEvent(Event(7), now_);
  EXPECT_EQ(Next<Follower::Apply>().batch.complete_as_of_unix_ms, UnixMillis(ahead.redis_time));
  Applied();
  // Once for each time that it is told.
  follower_->OnEvent(Event(8), now_);
  EXPECT_EQ(Next<Follower::Apply>().batch.complete_as_of_unix_ms, UnixMillis(ahead.redis_time));
}

}  // namespace
}  // namespace dunlin
