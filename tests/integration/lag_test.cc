// Goal: a replica that lags says so truly: how many sequences, for how long, what waits in its ring and what did not
// fit there; and says the contrary once it has caught up.
// Method: two real replicas over a real Redis, which takes away the right to read changes: the followers hear of what
// happens, and stand still before the first value that has to be read.

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {
namespace {

using client::ReplicaStatus;
using client::SyncState;

client::PutOptions Mirrored() {
  client::PutOptions options;
  options.ack = client::Ack::kMirrored;
  return options;
}

class LagTest : public testing::Test {
 protected:
  static constexpr char kUser[] = "dunlin";
  static constexpr uint64_t kRingSlots = 8;

  LagTest() : fleet_(Options()) {}

  static Fleet::Options Options() {
    Fleet::Options options;
    options.replicas = 2;
    options.replica_arguments = {"--ring-slots", absl::StrCat(kRingSlots)};
    // RedisServer's own connection stays the default user.
    options.redis.arguments = {"--user", kUser, "on", ">secret", "~*", "&*", "+@all"};
    options.redis_user = absl::StrCat(kUser, ":secret@");
    return options;
  }

  // The command that only reading changes needs.
  void Allow(bool allowed) {
    const RedisReply reply =
        fleet_.redis().Run({"ACL", "SETUSER", kUser, allowed ? "+zrangebyscore" : "-zrangebyscore"});
    ASSERT_FALSE(reply.is_error()) << reply.text;
  }

  // Puts something that the followers cannot take from its event, which only names so large a value. Each then stands
  // before it.
  void StandStill() {
    ASSERT_TRUE(fleet_.client(0).Put("before", "x", Mirrored()).ok());
    ASSERT_TRUE(fleet_.Converges()) << fleet_.Describe();
    applied_ = fleet_.RedisSequence();
    Allow(false);
    before_standstill_ = absl::Now();
    ASSERT_TRUE(fleet_.client(0).Put("large", std::string(kInlineValueMaxBytes + 1, 'x'), Mirrored()).ok());
    ASSERT_TRUE(Eventually([&] { return Status().sync_state == SyncState::kOffline; })) << fleet_.Describe();
  }

  // Of the replica that only listens.
  ReplicaStatus Status() { return fleet_.replica(1).Status(); }

  Fleet fleet_;
  // The sequence that the followers had applied, and a moment when they had.
  uint64_t applied_ = 0;
  absl::Time before_standstill_;
};

TEST_F(LagTest, AReadThatAllowsLessStalenessIsLeftToAnotherReplica) {
  StandStill();
  client::ReadOptions fresh;
  fresh.max_staleness = absl::ZeroDuration();
  client::ReadOptions old;
  old.max_staleness = absl::Hours(1);
  const auto get = [&](const client::ReadOptions& options) { return fleet_.client(1).Get("before", options).status(); };
  ASSERT_TRUE(Eventually([&] { return absl::IsUnavailable(get(fresh)); })) << get(fresh);
  EXPECT_THAT(std::string(get(fresh).message()), testing::HasSubstr("try another replica, or allow more"));
  EXPECT_TRUE(get(old).ok()) << get(old);
  EXPECT_TRUE(get(client::ReadOptions()).ok());
  EXPECT_TRUE(absl::IsUnavailable(fleet_.client(1).BatchGet({"before"}, fresh).status()));
  client::ListOptions list;
  list.max_staleness = absl::ZeroDuration();
  EXPECT_TRUE(absl::IsUnavailable(fleet_.client(1).List(list).status()));
  Allow(true);
  EXPECT_TRUE(Eventually([&] { return get(fresh).ok(); })) << get(fresh);
  EXPECT_TRUE(fleet_.client(1).List(list).ok());
}

TEST_F(LagTest, SequencesAndLagTellHowFarBehindItIs) {
  StandStill();
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(fleet_.client(0).Put(absl::StrCat("missed/", i), "x", Mirrored()).ok());
  }
  const uint64_t redis_sequence = fleet_.RedisSequence();
  ASSERT_EQ(redis_sequence, applied_ + 5);
  ASSERT_TRUE(Eventually([&] { return Status().redis_sequence == redis_sequence; })) << fleet_.Describe();
  const absl::Time known_behind = absl::Now();
  ASSERT_TRUE(Eventually([&] { return absl::Now() - known_behind > absl::Seconds(1); }));
  const absl::Time before_status = absl::Now();
  const ReplicaStatus status = Status();
  EXPECT_EQ(status.applied_sequence, applied_);
  EXPECT_EQ(status.redis_sequence, redis_sequence);
  EXPECT_EQ(status.lag.sequences, 5u);
  EXPECT_FALSE(status.lag.connected);
  EXPECT_GE(status.lag.duration, before_status - known_behind);
  // It may have last been sure of being up to date a heartbeat earlier.
  EXPECT_LE(status.lag.duration, absl::Now() - before_standstill_ + 2 * kRedisHeartbeatPeriod);
  EXPECT_TRUE(Eventually([&] { return Status().lag.duration > status.lag.duration + absl::Milliseconds(500); }));
  // Reads tell the same.
  const auto read = fleet_.client(1).Get("before");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->lag.sequences, 5u);
  EXPECT_FALSE(read->lag.connected);
  EXPECT_GE(read->lag.duration, status.lag.duration);

  Allow(true);
  ASSERT_TRUE(fleet_.Converges()) << fleet_.Describe();
  EXPECT_EQ(Status().applied_sequence, redis_sequence);
  EXPECT_EQ(Status().redis_sequence, redis_sequence);
  EXPECT_EQ(Status().lag.sequences, 0u);
  EXPECT_EQ(Status().lag.duration, absl::ZeroDuration());
  EXPECT_TRUE(Status().lag.connected);
}

TEST_F(LagTest, TheRingTellsWhatWaitsInItAndThatItWasFull) {
  EXPECT_EQ(Status().ring.capacity, kRingSlots);
  StandStill();
  EXPECT_EQ(Status().ring.used, 0u);
  EXPECT_EQ(Status().ring.overflows, 0u);
  // An event each, as each is mirrored before the next.
  constexpr uint64_t kWaiting = kRingSlots - 2;
  for (uint64_t i = 0; i < kWaiting; ++i) {
    ASSERT_TRUE(fleet_.client(0).Put(absl::StrCat("waiting/", i), "x", Mirrored()).ok());
  }
  EXPECT_TRUE(Eventually([&] { return Status().ring.used == kWaiting; })) << Status().ring.used;
  EXPECT_EQ(Status().ring.overflows, 0u);
  for (uint64_t i = 0; i < kRingSlots; ++i) {
    ASSERT_TRUE(fleet_.client(0).Put(absl::StrCat("dropped/", i), "x", Mirrored()).ok());
  }
  EXPECT_TRUE(Eventually([&] { return Status().ring.overflows > 0; }));
  EXPECT_LE(Status().ring.used, kRingSlots);

  Allow(true);
  ASSERT_TRUE(fleet_.Converges()) << fleet_.Describe();
  EXPECT_EQ(Status().ring.used, 0u);
  EXPECT_EQ(Status().gaps_repaired, 1u);
  EXPECT_TRUE(HasValue(fleet_.client(1), absl::StrCat("dropped/", kRingSlots - 1), "x"));
}

}  // namespace
}  // namespace dunlin
