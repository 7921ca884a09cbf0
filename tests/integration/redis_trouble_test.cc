// Goal: a Redis that is slow, silent or forgetful, or that will be, holds up no reader or writer, costs nothing that
// was acknowledged, is not overrun by whoever comes back, and nobody has to help. What Redis refuses is in
// refusal_test.cc. Method: two real replicas over a real Redis that sleeps, or behind a proxy that is slow or lets one
// connection fall silent.

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "sync/redis_connection.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"
#include "tests/support/redis_server.h"

namespace dunlin {
namespace {

using client::SyncState;
using testing::HasSubstr;

// To look into Redis takes a connection: not more often than this.
constexpr absl::Duration kLook = absl::Milliseconds(20);

absl::Time Patience() { return absl::Now() + kTestPatience; }

Fleet::Options TwoReplicas() {
  Fleet::Options options;
  options.replicas = 2;
  return options;
}

Fleet::Options TwoReplicasBehindAProxy() {
  Fleet::Options options = TwoReplicas();
  options.behind_proxy = true;
  return options;
}

// A replica's connection, as Redis knows it.
struct Connection {
  std::string id;
  std::string name;
  uint16_t port = 0;
};

// Those of all replicas that Redis takes for open.
std::vector<Connection> Connections(Fleet& fleet) {
  std::vector<Connection> connections;
  const std::string list = fleet.redis().Run({"CLIENT", "LIST"}).text;
  for (const absl::string_view line : absl::StrSplit(list, '\n', absl::SkipEmpty())) {
    Connection connection;
    for (absl::string_view field : absl::StrSplit(line, ' ')) {
      if (absl::ConsumePrefix(&field, "id=")) {
        connection.id = std::string(field);
      } else if (absl::ConsumePrefix(&field, "name=")) {
        connection.name = std::string(field);
      } else if (absl::ConsumePrefix(&field, "addr=127.0.0.1:")) {
        uint32_t port = 0;
        EXPECT_TRUE(absl::SimpleAtoi(field, &port)) << line;
        connection.port = static_cast<uint16_t>(port);
      }
    }
    if (absl::StartsWith(connection.name, "dunlin-")) {
      connections.push_back(connection);
    }
  }
  return connections;
}

std::set<std::string> ConnectionIds(Fleet& fleet) {
  std::set<std::string> ids;
  for (const Connection& connection : Connections(fleet)) {
    ids.insert(connection.id);
  }
  return ids;
}

std::vector<Connection> ConnectionsNamed(Fleet& fleet, absl::string_view name) {
  std::vector<Connection> connections = Connections(fleet);
  connections.erase(std::remove_if(connections.begin(), connections.end(),
                                   [&](const Connection& connection) { return connection.name != name; }),
                    connections.end());
  return connections;
}

void PutOneByOne(Client& client, absl::string_view prefix, int count) {
  for (int i = 0; i < count; ++i) {
    const auto put = client.Put(absl::StrCat(prefix, i), absl::StrCat(i));
    ASSERT_TRUE(put.ok()) << put.status();
  }
}

// Once each replica has sent something and has what the other sent, it has the connections that it keeps.
void UseAllConnections(Fleet& fleet) {
  for (size_t i = 0; i < fleet.size(); ++i) {
    ASSERT_TRUE(fleet.client(i).Put(absl::StrCat("first/", i), "x").ok());
  }
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
}

void ExpectAll(Client& client, absl::string_view prefix, int count) {
  for (int i = 0; i < count; ++i) {
    EXPECT_TRUE(HasValue(client, absl::StrCat(prefix, i), absl::StrCat(i))) << prefix << i;
  }
}

// ---- Half-open connections ----

struct Role {
  friend void PrintTo(const Role& role, std::ostream* out) { *out << role.name; }

  std::string name;
  // What is logged, if it is not over before anybody looks.
  std::string logged;
};

class HalfOpenTest : public testing::TestWithParam<Role> {};

TEST_P(HalfOpenTest, IsNoticedAndReplacedWhileEverythingGoesOn) {
  Fleet fleet(TwoReplicasBehindAProxy());
  ASSERT_NO_FATAL_FAILURE(UseAllConnections(fleet));
  const std::string name = absl::StrCat("dunlin-r1-", GetParam().name);
  const std::vector<Connection> silent = ConnectionsNamed(fleet, name);
  ASSERT_EQ(silent.size(), 1u);
  fleet.redis_link().Silence(silent[0].port);

  ASSERT_TRUE(fleet.client(0).Put("own", "1").ok());
  ASSERT_TRUE(fleet.client(1).Put("foreign", "2").ok());
  EXPECT_TRUE(HasValue(fleet.client(0), "first/1", "x"));
  EXPECT_TRUE(HasValue(fleet.client(0), "own", "1"));

  // Redis hears nothing of the end of the old one.
  EXPECT_TRUE(Eventually([&] { return ConnectionsNamed(fleet, name).size() == 2; }, kTestPatience, kLook));
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_TRUE(HasValue(fleet.client(1), "own", "1"));
  EXPECT_TRUE(HasValue(fleet.client(0), "foreign", "2"));
  EXPECT_TRUE(Eventually([&] { return fleet.replica(0).Status().sync_detail.empty(); })) << fleet.Describe();
  EXPECT_THAT(fleet.replica(0).Log(), HasSubstr(GetParam().logged));
  EXPECT_EQ(ConnectionsNamed(fleet, name).size(), 2u) << "replaced more than once";
}

INSTANTIATE_TEST_SUITE_P(Each, HalfOpenTest,
                         testing::Values(Role{"follower", "no answer in time"}, Role{"mirror", "no answer in time"},
                                         Role{"subscriber", ""}),
                         [](const testing::TestParamInfo<Role>& role) { return role.param.name; });

// ---- Slow ----

TEST(SlowRedis, OverAFarLineNobodyWaitsForItAndNoConnectionIsGivenUp) {
  // There and back in less than the time after which a connection counts as dead.
  constexpr absl::Duration kDelay = absl::Seconds(1);
  static_assert(kRedisTimeout > absl::Seconds(4));
  constexpr int kWrites = 50;
  Fleet fleet(TwoReplicasBehindAProxy());
  ASSERT_NO_FATAL_FAILURE(UseAllConnections(fleet));
  const std::set<std::string> before = ConnectionIds(fleet);
  EXPECT_EQ(before.size(), 6u);
  fleet.redis_link().SetDelay(kDelay);

  PutOneByOne(fleet.client(0), "far/", kWrites);
  // Redis cannot have answered for the last one yet.
  EXPECT_GT(fleet.replica(0).Status().outbox_depth, 0u);
  ExpectAll(fleet.client(0), "far/", kWrites);

  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  ExpectAll(fleet.client(1), "far/", kWrites);
  EXPECT_EQ(ConnectionIds(fleet), before);
}

// Has Redis sleep for `pause` while `count` entries are put, all of which have to be acknowledged before it wakes.
// Returns for how long it gave no answer.
absl::Duration PutWhileRedisSleeps(Fleet& fleet, absl::string_view prefix, int count, absl::Duration pause) {
  const absl::Time start = absl::Now();
  fleet.redis().Pause();
  PutOneByOne(fleet.client(0), prefix, count);
  Eventually([&] { return absl::Now() - start >= pause; });
  fleet.redis().Resume();
  fleet.redis().Run({"PING"});
  return absl::Now() - start;
}

TEST(SlowRedis, APauseShorterThanItsPatienceIsSatOut) {
  constexpr absl::Duration kPause = absl::Seconds(3);
  static_assert(kPause < kRedisTimeout);
  constexpr int kWrites = 10;
  // A machine that stands still itself may make the pause a longer one, which shows nothing.
  constexpr int kAttempts = 3;
  Fleet fleet(TwoReplicas());
  ASSERT_NO_FATAL_FAILURE(UseAllConnections(fleet));
  std::set<std::string> before;
  absl::Duration slept = absl::InfiniteDuration();
  for (int attempt = 0; attempt < kAttempts && slept >= kRedisTimeout; ++attempt) {
    ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
    before = ConnectionIds(fleet);
    slept = PutWhileRedisSleeps(fleet, "slept/", kWrites, kPause);
  }
  ASSERT_LT(slept, kRedisTimeout) << "the writes have waited for Redis, or this machine is too slow to tell";

  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  ExpectAll(fleet.client(1), "slept/", kWrites);
  EXPECT_EQ(ConnectionIds(fleet), before);
}

TEST(SlowRedis, APauseLongerThanItsPatienceEndsWithoutAStormOfConnections) {
  constexpr absl::Duration kPause = absl::Seconds(9);
  constexpr int kWrites = 50;
  constexpr uint64_t kConnections = 6;
  Fleet fleet(TwoReplicas());
  ASSERT_NO_FATAL_FAILURE(UseAllConnections(fleet));
  RedisConnection observer;
  ASSERT_TRUE(observer.Connect(fleet.redis().unix_endpoint(), "test", Patience()).ok());
  const auto connections_received = [&] {
    const absl::StatusOr<RedisReply> stats = observer.Call({"INFO", "stats"}, Patience());
    EXPECT_TRUE(stats.ok()) << stats.status();
    return InfoNumber(stats->text, "total_connections_received");
  };
  const uint64_t before = connections_received();
  const absl::Time start = absl::Now();
  fleet.redis().Pause();

  PutOneByOne(fleet.client(0), "slept/", kWrites);
  EXPECT_TRUE(Eventually([&] {
    const client::ReplicaStatus status = fleet.replica(0).Status();
    return status.sync_state == SyncState::kOffline && absl::StrContains(status.sync_detail, "no answer in time");
  }));
  ExpectAll(fleet.client(0), "slept/", kWrites);
  ASSERT_TRUE(Eventually([&] { return absl::Now() - start >= kPause; }));
  fleet.redis().Resume();
  // Begun ones count.
  const uint64_t timeouts = (absl::Now() - start) / kRedisTimeout + 1;
  for (size_t i = 0; i < fleet.size(); ++i) {
    EXPECT_TRUE(Eventually([&] { return fleet.replica(i).Status().sync_state == SyncState::kLive; }));
    EXPECT_TRUE(Eventually([&] { return fleet.replica(i).Status().outbox_depth == 0; }));
  }
  // Before the test itself connects any more. Each connection is given up once in a time-out at most, and made anew.
  EXPECT_LE(connections_received() - before, kConnections * (1 + timeouts));
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  ExpectAll(fleet.client(1), "slept/", kWrites);
}

// ---- Forgetful ----

TEST(ForgetfulRedis, ScriptsThatItHasForgottenAreLoadedAgainAndNoWriteFails) {
  constexpr int kRounds = 20;
  Fleet fleet(TwoReplicas());
  client::PutOptions mirrored;
  mirrored.ack = client::Ack::kMirrored;
  client::PutOptions if_absent;
  if_absent.precondition = client::IfAbsent();
  for (int i = 0; i < kRounds; ++i) {
    fleet.redis().Run({"SCRIPT", "FLUSH"});
    const auto put = fleet.client(0).Put(absl::StrCat("plain/", i), absl::StrCat(i), mirrored);
    ASSERT_TRUE(put.ok()) << put.status();
    fleet.redis().Run({"SCRIPT", "FLUSH"});
    const auto judged = fleet.client(0).Put(absl::StrCat("judged/", i), absl::StrCat(i), if_absent);
    ASSERT_TRUE(judged.ok()) << judged.status();
  }
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  ExpectAll(fleet.client(1), "plain/", kRounds);
  ExpectAll(fleet.client(1), "judged/", kRounds);
}

TEST(ForgetfulRedis, OneThatWouldThrowDataAwayIsToldOnceWithTheRemedyUntilItIsPutRight) {
  constexpr absl::string_view kRemedy = "CONFIG SET maxmemory-policy noeviction";
  Fleet::Options options = TwoReplicas();
  options.redis.arguments = {"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"};
  Fleet fleet(options);
  ASSERT_TRUE(fleet.client(0).Put("k", "v").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const client::ReplicaStatus status = fleet.replica(0).Status();
  EXPECT_THAT(status.sync_detail, HasSubstr("maxmemory-policy of Redis is allkeys-lru"));
  EXPECT_THAT(status.sync_detail, HasSubstr(std::string(kRemedy)));
  EXPECT_TRUE(status.serving);

  // Another connection changes nothing, and is no reason to say it again.
  fleet.redis().Run({"CLIENT", "KILL", "TYPE", "normal"});
  ASSERT_TRUE(Eventually([&] { return fleet.replica(0).Status().barrier_generation > status.barrier_generation; }));
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const std::string log = fleet.replica(0).Log();
  const size_t first = log.find(std::string(kRemedy));
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(log.find(std::string(kRemedy), first + 1), std::string::npos);

  fleet.redis().Run({"CONFIG", "SET", "maxmemory-policy", "volatile-lru"});
  EXPECT_TRUE(Eventually([&] { return fleet.replica(0).Status().sync_detail.empty(); })) << fleet.Describe();
}

}  // namespace
}  // namespace dunlin
