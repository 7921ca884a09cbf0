// Goal: what GetStatus says of a replica is true, and moves with what happens to it.
// Method: each number is brought to a known value on real replicas over a real Redis, which stops, or holds what nobody
// was told; numbers that are times are held against the test's own clock. (Of a replica that lags: lag_test.cc.)

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/integration/watch_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {
namespace {

using client::ReplicaStatus;

// Versions count milliseconds on Redis' clock, which the replica knows to within a round trip.
constexpr absl::Duration kClockError = absl::Milliseconds(300);

Fleet::Options Replicas(size_t count) {
  Fleet::Options options;
  options.replicas = count;
  options.redis.append_only = true;
  return options;
}

client::PutOptions Mirrored() {
  client::PutOptions options;
  options.ack = client::Ack::kMirrored;
  return options;
}

TEST(Status, TheOutboxIsAsOldAsTheOldestWriteThatRedisLacks) {
  Fleet fleet(Replicas(1));
  ReplicaProcess& replica = fleet.replica(0);
  ASSERT_TRUE(fleet.client(0).Put("sent", "x", Mirrored()).ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(replica.Status().outbox_depth, 0u);
  EXPECT_EQ(replica.Status().outbox_age, absl::ZeroDuration());

  fleet.redis().Stop();
  const absl::Time before_put = absl::Now();
  ASSERT_TRUE(fleet.client(0).Put("oldest", "x").ok());
  const absl::Time after_put = absl::Now();
  // Far enough on to tell it from the age of what is written now.
  ASSERT_TRUE(Eventually([&] { return absl::Now() - after_put > 3 * kClockError; }));
  ASSERT_TRUE(fleet.client(0).Put("newest", "x").ok());
  const absl::Time before_status = absl::Now();
  const ReplicaStatus status = replica.Status();
  EXPECT_EQ(status.outbox_depth, 2u);
  EXPECT_GE(status.outbox_age, before_status - after_put - kClockError);
  EXPECT_LE(status.outbox_age, absl::Now() - before_put + kClockError);
  EXPECT_TRUE(Eventually([&] { return replica.Status().outbox_age > status.outbox_age + kClockError; }));

  // A key that is written again is sent once, as what it is now.
  ASSERT_TRUE(fleet.client(0).Put("oldest", "y").ok());
  EXPECT_EQ(replica.Status().outbox_depth, 2u);
  fleet.redis().Start();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(replica.Status().outbox_depth, 0u);
  EXPECT_EQ(replica.Status().outbox_age, absl::ZeroDuration());
}

TEST(Status, WritesSupersededCountsWhatLostBeforeRedisHadIt) {
  Fleet fleet(Replicas(2));
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  fleet.redis().Stop();
  // Two of these will have lost by the time Redis is asked, the third has no rival.
  for (const char* key : {"lost/1", "lost/2", "kept"}) {
    ASSERT_TRUE(fleet.client(0).Put(key, "of the first").ok());
  }
  fleet.replica(0).Kill9();
  fleet.redis().Start();
  for (const char* key : {"lost/1", "lost/2"}) {
    ASSERT_TRUE(fleet.client(1).Put(key, "of the second", Mirrored()).ok());
  }
  fleet.replica(0).Start();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_TRUE(HasValue(fleet.client(0), "lost/1", "of the second"));
  EXPECT_TRUE(HasValue(fleet.client(1), "kept", "of the first"));
  EXPECT_EQ(fleet.replica(0).Status().writes_superseded, 2u);
  EXPECT_EQ(fleet.replica(1).Status().writes_superseded, 0u);

  // What Redis had is replaced, not lost.
  ASSERT_TRUE(fleet.client(1).Put("kept", "of the second").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(fleet.replica(0).Status().writes_superseded, 2u);
}

TEST(Status, GapsRepairedCountsTheEventsThatWereLost) {
  Fleet fleet(Replicas(2));
  for (uint64_t lost = 1; lost <= 3; ++lost) {
    ASSERT_TRUE(fleet.client(0).Put("heard", absl::StrCat(lost)).ok());
    ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
    EXPECT_EQ(fleet.replica(0).Status().gaps_repaired, lost - 1);
    fleet.StoreUnpublished("unheard", absl::StrCat(lost));
    ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
    EXPECT_EQ(fleet.replica(0).Status().gaps_repaired, lost);
    EXPECT_EQ(fleet.replica(1).Status().gaps_repaired, lost);
  }
  EXPECT_EQ(fleet.replica(0).Status().ring.overflows, 0u);
}

TEST(Status, UptimeBeginsAnewWithEachStart) {
  const absl::Time before_start = absl::Now();
  Fleet fleet(Replicas(1));
  const absl::Time started = absl::Now();
  ASSERT_TRUE(Eventually([&] { return fleet.replica(0).Status().uptime > absl::Seconds(1); }));
  const absl::Time before_status = absl::Now();
  const absl::Duration uptime = fleet.replica(0).Status().uptime;
  EXPECT_GE(uptime, before_status - started);
  EXPECT_LE(uptime, absl::Now() - before_start);

  fleet.replica(0).Kill9();
  const absl::Time before_restart = absl::Now();
  fleet.replica(0).Start();
  const absl::Duration again = fleet.replica(0).Status().uptime;
  EXPECT_LE(again, absl::Now() - before_restart);
}

TEST(Status, WatchersAndTombstonesCountWhatIsThere) {
  Fleet fleet(Replicas(1));
  ASSERT_TRUE(fleet.client(0).Put("a", "1").ok());
  ASSERT_TRUE(fleet.client(0).Put("b", "2").ok());
  ASSERT_TRUE(fleet.client(0).Delete("a").ok());
  EXPECT_EQ(fleet.replica(0).Status().entries, 1u);
  EXPECT_EQ(fleet.replica(0).Status().tombstones, 1u);
  EXPECT_EQ(fleet.replica(0).Status().watchers, 0u);
  {
    const WatchLog first(fleet.client(0), WatchAll());
    const WatchLog second(fleet.client(0), WatchAll());
    EXPECT_TRUE(Eventually([&] { return fleet.replica(0).Status().watchers == 2; }));
  }
  EXPECT_TRUE(Eventually([&] { return fleet.replica(0).Status().watchers == 0; }));
}

TEST(Status, LagGrowsWhileRedisIsAwayAndEndsWhenItIsBack) {
  Fleet fleet(Replicas(1));
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_TRUE(fleet.replica(0).Status().lag.connected);
  fleet.redis().Stop();
  const absl::Time stopped = absl::Now();
  ASSERT_TRUE(Eventually([&] { return fleet.replica(0).Status().lag.duration > 2 * kRedisHeartbeatPeriod; }));
  const absl::Time before_status = absl::Now();
  const ReplicaStatus status = fleet.replica(0).Status();
  EXPECT_FALSE(status.lag.connected);
  EXPECT_GE(status.lag.duration, before_status - stopped);
  fleet.redis().Start();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_TRUE(fleet.replica(0).Status().lag.connected);
  EXPECT_EQ(fleet.replica(0).Status().lag.duration, absl::ZeroDuration());
}

}  // namespace
}  // namespace dunlin
