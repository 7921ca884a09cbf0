// Goal: the flaws of the naive design (subscribe, read everything, apply what comes) are not ours.
// Method: each flaw is provoked on real replicas and a real Redis. naive_follower_test.cc has the same flaws with the
// interleaving chosen by hand instead of by chance.

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/integration/load_writer.h"
#include "tests/integration/watch_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {
namespace {

using std::string_literals::operator""s;

constexpr uint64_t kKeys = 20000;

// For a snapshot that lasts long enough to be met in its middle: more than the 10,000 that become visible at once, and
// then tens of pages to go.
constexpr uint64_t kManyKeys = 100000;

Fleet::Options Replicas(size_t count) {
  Fleet::Options options;
  options.replicas = count;
  return options;
}

LoadWriter::Options FullSpeed(uint64_t keys = kKeys) {
  LoadWriter::Options load;
  load.keys = keys;
  return load;
}

// Whether the replica is reading its first snapshot: its barrier has never been open.
bool IsInItsSnapshot(const client::ReplicaStatus& status) {
  return status.sync_state == client::SyncState::kCatchingUp && status.barrier_generation == 0 && !status.serving;
}

// Waits until the replica has part of its first snapshot, and only a part.
bool ReachesTheMiddle(ReplicaProcess& joining) {
  bool met = false;
  Eventually([&] {
    const client::ReplicaStatus status = joining.Status();
    met = IsInItsSnapshot(status) && status.entries > 0 && status.entries < kManyKeys;
    return met || status.serving;
  });
  return met;
}

TEST(NaiveDesign, SubscribingAfterTheSnapshotLosesNothingWrittenInBetween) {
  Fleet fleet(Replicas(1));
  ASSERT_TRUE(Preload(fleet.client(0), kKeys, FullSpeed().threads).ok());
  LoadWriter writer(&fleet.client(0), FullSpeed());
  for (int join = 0; join < 3; ++join) {
    ASSERT_TRUE(fleet.Add().WaitServing());
  }
  writer.Stop();
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(fleet.replica(3).Status().entries, kKeys + FullSpeed().threads);
}

TEST(NaiveDesign, EventsBeforeTheSnapshotsValueAndOlderSnapshotValuesNeverReplaceNewerOnes) {
  Fleet fleet(Replicas(1));
  ASSERT_TRUE(Preload(fleet.client(0), kKeys, FullSpeed().threads).ok());
  LoadWriter writer(&fleet.client(0), FullSpeed());
  ReplicaProcess& joining = fleet.Add({"--offline-patience", "0s"});
  ASSERT_TRUE(joining.WaitServing());
  // A replica that is away and comes back is asked while it catches up: it serves all the while.
  const WatchLog watch(joining.client(), WatchAll(/*initial_state=*/true));
  for (int i = 0; i < 5; ++i) {
    fleet.redis().Run({"CLIENT", "KILL", "TYPE", "normal"});
    fleet.redis().Run({"CLIENT", "KILL", "TYPE", "pubsub"});
    const uint64_t written = writer.writes();
    ASSERT_TRUE(Eventually([&] { return writer.writes() > written + 1000; }));
  }
  writer.Stop();
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(watch.violation(), "");
}

// It would answer NOT_FOUND for keys that it has not come to, and callers would believe it.
TEST(NaiveDesign, HalfASnapshotIsNotServedHoweverLongRedisIsAway) {
  Fleet::Options options = Replicas(1);
  options.redis.append_only = true;
  Fleet fleet(options);
  ASSERT_TRUE(Preload(fleet.client(0), kManyKeys, FullSpeed().threads).ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  ReplicaProcess& joining = fleet.Add({"--offline-patience", "0s"});
  ASSERT_TRUE(ReachesTheMiddle(joining)) << fleet.Describe();
  fleet.redis().Kill();
  ASSERT_TRUE(Eventually([&] { return joining.Status().sync_state == client::SyncState::kOffline; }));
  const client::ReplicaStatus half = joining.Status();
  ASSERT_GT(half.entries, 0u);
  ASSERT_LT(half.entries, kManyKeys) << "the snapshot was over before Redis was killed";
  // As often as readiness is looked at, and more.
  const absl::Duration uptime = half.uptime;
  ASSERT_TRUE(Eventually([&] { return joining.Status().uptime > uptime + absl::Seconds(1); }));
  EXPECT_FALSE(joining.Status().serving) << joining.LogTail();
  // Nor after a restart.
  joining.Kill9();
  joining.Start();
  ASSERT_TRUE(Eventually([&] { return joining.Status().uptime > absl::Seconds(1); }));
  EXPECT_FALSE(joining.Status().serving) << joining.LogTail();
  EXPECT_GT(joining.Status().entries, 0u);
  fleet.redis().Start();
  EXPECT_TRUE(joining.WaitServing()) << joining.LogTail();
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(joining.Status().rebuilds, 1u) << "nobody knows since when half a snapshot is there";
}

TEST(NaiveDesign, ARingThatOverflowsDuringTheSnapshotIsMadeUpFor) {
  Fleet fleet(Replicas(1));
  ASSERT_TRUE(Preload(fleet.client(0), kManyKeys, FullSpeed().threads).ok());
  LoadWriter writer(&fleet.client(0), FullSpeed(kManyKeys));
  ReplicaProcess& joining = fleet.Add({"--ring-slots", "2"});
  // Events may come before the replica knows the epoch they are of; then it does not know how far behind it is.
  ASSERT_TRUE(Eventually([&] {
    const client::ReplicaStatus status = joining.Status();
    return status.ring.overflows > 0 && status.redis_sequence > 0;
  }));
  // Asked after the overflow was seen, so that this came first.
  const client::ReplicaStatus later = joining.Status();
  ASSERT_TRUE(IsInItsSnapshot(later)) << "the ring did not overflow during the snapshot\n" << fleet.Describe();
  EXPECT_LT(later.applied_sequence, later.redis_sequence);
  const uint64_t written = writer.writes();
  EXPECT_TRUE(Eventually([&] { return writer.writes() > written + 5000; }));
  writer.Stop();
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_TRUE(joining.Status().serving);
  EXPECT_GT(joining.Status().gaps_repaired, 0u);
}

TEST(NaiveDesign, KeysAndValuesMayHoldSeparatorsAndNuls) {
  Fleet fleet(Replicas(2));
  const std::string value = "PUT k:v|\0,;\r\n*3\r\n$5\r\nD1\xff\xfe{}"s;
  const std::vector<std::string> keys = {"a:b", "a|b,c", "a\r\nb", "a b", std::string("a\0b", 3), "{a}", "ключ:値"};
  for (const std::string& key : keys) {
    ASSERT_TRUE(fleet.client(0).Put(key, value).ok()) << key;
  }
  ASSERT_TRUE(fleet.Add().WaitServing());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  for (const std::string& key : keys) {
    EXPECT_TRUE(HasValue(fleet.client(1), key, value)) << "by events: " << key;
    EXPECT_TRUE(HasValue(fleet.client(2), key, value)) << "by the snapshot: " << key;
  }
}

TEST(NaiveDesign, OwnEventsThatComeBackAreNoNewChanges) {
  Fleet fleet(Replicas(2));
  const WatchLog watch(fleet.client(0), WatchAll());
  constexpr int kWrites = 200;
  for (int i = 0; i < kWrites; ++i) {
    ASSERT_TRUE(fleet.client(0).Put(absl::StrCat("own/", i % 10), absl::StrCat(i)).ok());
  }
  ASSERT_TRUE(fleet.client(1).Put("fence", "1").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  ASSERT_TRUE(watch.SawPut("fence", "1"));
  EXPECT_EQ(fleet.replica(0).Status().revision, kWrites + 1u);
  EXPECT_LE(watch.events().size(), kWrites + 1u);
  EXPECT_EQ(watch.violation(), "");
}

TEST(NaiveDesign, ErrorsOfRedisAreNotSwallowed) {
  Fleet fleet(Replicas(2));
  fleet.redis().Run({"CONFIG", "SET", "maxmemory", "1"});
  ASSERT_TRUE(fleet.client(0).Put("refused", "1").ok());
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(fleet.replica(0).Status().sync_detail, "OOM"); }));
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(fleet.replica(0).Log(), "OOM"); }));
  EXPECT_EQ(fleet.replica(0).Status().outbox_depth, 1u);
  fleet.redis().Run({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_TRUE(HasValue(fleet.client(1), "refused", "1"));
}

TEST(NaiveDesign, EventsLostWithTheirConnectionAreReadAgain) {
  Fleet fleet(Replicas(2));
  LoadWriter writer(&fleet.client(0), FullSpeed());
  for (int kill = 0; kill < 10; ++kill) {
    const uint64_t written = writer.writes();
    ASSERT_TRUE(Eventually([&] { return writer.writes() > written + 300; }));
    fleet.redis().Run({"CLIENT", "KILL", "TYPE", "pubsub"});
  }
  writer.Stop();
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_GT(fleet.replica(1).Status().barrier_generation, 1u);
}

TEST(NaiveDesign, ALastEventThatNobodyGotIsReadAgain) {
  Fleet fleet(Replicas(2));
  ASSERT_TRUE(fleet.client(0).Put("first", "1").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  fleet.StoreUnpublished("lost", "unpublished");
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_TRUE(HasValue(fleet.client(0), "lost", "unpublished"));
  EXPECT_TRUE(HasValue(fleet.client(1), "lost", "unpublished"));
  EXPECT_EQ(fleet.replica(0).Status().gaps_repaired, 1u);
}

TEST(NaiveDesign, MissingIsNotEmpty) {
  Fleet fleet(Replicas(2));
  ASSERT_TRUE(fleet.client(0).Put("empty", "").ok());
  ASSERT_TRUE(fleet.client(0).Put("removed", "x").ok());
  ASSERT_TRUE(fleet.client(0).Delete("removed").ok());
  ASSERT_TRUE(fleet.Add().WaitServing());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  for (size_t replica = 0; replica < fleet.size(); ++replica) {
    EXPECT_TRUE(HasValue(fleet.client(replica), "empty", ""));
    EXPECT_TRUE(IsAbsent(fleet.client(replica), "removed"));
    EXPECT_TRUE(IsAbsent(fleet.client(replica), "never written"));
  }
}

TEST(NaiveDesign, KeysDeletedDuringTheSnapshotStayDeleted) {
  constexpr uint64_t kDeletes = 1000;
  Fleet fleet(Replicas(1));
  ASSERT_TRUE(Preload(fleet.client(0), kManyKeys, 0).ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  ReplicaProcess& joining = fleet.Add();
  ASSERT_TRUE(ReachesTheMiddle(joining));
  // It stands still where it is while the keys are deleted, and goes on afterwards: from both ends, so that the
  // snapshot, which comes in the order of writing, has passed some of them and not yet come to others.
  joining.Pause();
  std::vector<client::Write> deletes;
  for (uint64_t i = 0; i < kDeletes / 2; ++i) {
    deletes.push_back(client::BatchDelete{LoadWriter::KeyName(i)});
    deletes.push_back(client::BatchDelete{LoadWriter::KeyName(kManyKeys - 1 - i)});
  }
  client::BatchWriteOptions mirrored;
  mirrored.ack = client::Ack::kMirrored;
  ASSERT_TRUE(fleet.client(0).BatchWrite(deletes, mirrored).ok());
  joining.Resume();
  const client::ReplicaStatus middle = joining.Status();
  ASSERT_TRUE(IsInItsSnapshot(middle)) << "the keys were not deleted during the snapshot\n" << fleet.Describe();
  EXPECT_GT(middle.entries, kDeletes) << "nothing that was deleted had been read before";

  EXPECT_TRUE(joining.WaitServing());
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(joining.Status().rebuilds, 0u) << "a part of a first snapshot is no sign of an absence";
  EXPECT_EQ(joining.Status().entries, kManyKeys - kDeletes);
  EXPECT_TRUE(IsAbsent(joining.client(), LoadWriter::KeyName(0)));
  EXPECT_TRUE(IsAbsent(joining.client(), LoadWriter::KeyName(kManyKeys - 1)));
}

}  // namespace
}  // namespace dunlin
