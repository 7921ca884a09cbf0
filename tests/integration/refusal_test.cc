// Goal: when Redis refuses, the operator reads in the status what is wrong and what to do, the replica goes on alone,
// even through a restart, and everything flows once it is put right.
// Method: a table of refusals, made by commands to a real Redis in front of two real replicas that log in as a user of
// their own, and taken back by other commands. What takes more than commands, or another Redis, has a test of its own
// below. Nothing is made up: each error is Redis' own.

#include <netinet/in.h>

#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sync/redis_connection.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"
#include "tests/support/redis_server.h"

namespace dunlin {
namespace {

using testing::HasSubstr;
using RedisCommand = std::vector<std::string>;

constexpr char kUser[] = "dunlin";
constexpr char kMeta[] = "dunlin:{test}:meta";
constexpr char kAway[] = "dunlin:{test}:away";

// What the status has to name, and how it comes and goes.
struct Trouble {
  std::string thing;
  std::string remedy;
  std::function<void()> begin;
  std::function<void()> end;
};

// The detail of the status as soon as it tells `text`; what it tells at last if it never does.
std::string DetailThatTells(ReplicaProcess& replica, absl::string_view text) {
  std::string detail;
  Eventually([&] {
    detail = replica.Status().sync_detail;
    return absl::StrContains(detail, text);
  });
  return detail;
}

// REQUIRES: the fleet has two replicas, which are not patient.
void ExpectToldSurvivedAndHealed(Fleet& fleet, const Trouble& trouble) {
  ASSERT_TRUE(fleet.client(0).Put("before", "1").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  ASSERT_NO_FATAL_FAILURE(trouble.begin());

  // Something that has to go to Redis, as a refusal to write shows only then.
  ASSERT_TRUE(fleet.client(0).Put("alone", "2").ok());
  const std::string detail = DetailThatTells(fleet.replica(0), trouble.thing);
  ASSERT_THAT(detail, HasSubstr(trouble.thing)) << fleet.replica(0).LogTail();
  EXPECT_THAT(detail, HasSubstr(trouble.remedy));
  EXPECT_THAT(detail, testing::Not(HasSubstr("secret")));
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(fleet.replica(0).Log(), trouble.thing); }));
  EXPECT_TRUE(HasValue(fleet.client(0), "alone", "2"));

  fleet.replica(0).Kill9();
  fleet.replica(0).Start();
  ASSERT_TRUE(fleet.replica(0).WaitServing()) << fleet.replica(0).LogTail();
  EXPECT_TRUE(HasValue(fleet.client(0), "alone", "2"));
  EXPECT_THAT(DetailThatTells(fleet.replica(0), trouble.thing), HasSubstr(trouble.thing)) << fleet.replica(0).LogTail();
  EXPECT_EQ(fleet.replica(0).Status().outbox_depth, 1u);

  ASSERT_NO_FATAL_FAILURE(trouble.end());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_TRUE(HasValue(fleet.client(1), "alone", "2"));
  EXPECT_EQ(fleet.replica(0).Status().sync_detail, "");
}

Fleet::Options ImpatientReplicas(size_t replicas) {
  Fleet::Options options;
  options.replicas = replicas;
  options.replica_arguments = {"--offline-patience", "300ms"};
  return options;
}

// ---- What commands can do ----

struct Refusal {
  friend void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

  std::string name;
  std::vector<RedisCommand> break_commands;
  std::vector<RedisCommand> heal_commands;
  // What the status has to name: the thing, then the remedy.
  std::string thing;
  std::string remedy;
  // The last command that breaks it, if that is one which Redis does not answer.
  RedisCommand unanswered = {};
  // What Redis refuses once it is broken, if that takes it a while.
  RedisCommand refused = {};
};

std::vector<Refusal> RefusalsOfUsersAndData() {
  // Whoever is connected keeps what the login gave: only a new connection shows a wrong password.
  const RedisCommand disconnect = {"CLIENT", "KILL", "USER", kUser};
  return {
      {"WrongPassword",
       {{"ACL", "SETUSER", kUser, "resetpass", ">another"}, disconnect},
       {{"ACL", "SETUSER", kUser, ">secret"}},
       "WRONGPASS",
       "correct user and password"},
      {"UserMayNotTouchTheKeys",
       {{"ACL", "SETUSER", kUser, "resetkeys"}},
       {{"ACL", "SETUSER", kUser, "~*"}},
       "NOPERM",
       "ACL SETUSER"},
      {"UserMayNotSubscribe",
       {{"ACL", "SETUSER", kUser, "resetchannels"}},
       {{"ACL", "SETUSER", kUser, "allchannels"}},
       "NOPERM",
       "ACL SETUSER"},
      {"UserMayNotWrite",
       {{"ACL", "SETUSER", kUser, "-hset"}},
       {{"ACL", "SETUSER", kUser, "+hset"}},
       "HSET",
       "ACL SETUSER"},
      {"KeyOfAnotherType",
       {{"RENAME", kMeta, kAway}, {"SET", kMeta, "mine"}},
       {{"RENAME", kAway, kMeta}},
       "WRONGTYPE dunlin:{test}:meta is a string",
       "remove it, or choose another namespace or database"},
      {"DataOfAnotherFleet",
       {{"COPY", kMeta, kAway}, {"HSET", kMeta, "fleet_id", "00000000deadbeef", "epoch", "00000000feedf00d"}},
       {{"RENAME", kAway, kMeta}},
       "data of fleet 00000000deadbeef",
       "check --redis and --namespace"},
      {"DataOfANewerFormat",
       {{"HSET", kMeta, "format", "99"}},
       {{"HSET", kMeta, "format", "1"}},
       "format 99",
       "upgrade the replica"},
  };
}

std::vector<Refusal> RefusalsOfTheServer() {
  const RedisCommand disconnect = {"CLIENT", "KILL", "USER", kUser};
  return {
      {"OutOfMemory",
       {{"CONFIG", "SET", "maxmemory", "1"}},
       {{"CONFIG", "SET", "maxmemory", "0"}},
       "OOM",
       "maxmemory: raise it"},
      // The primary does not exist: what this Redis holds stays as it is.
      {"ReadOnly",
       {{"REPLICAOF", "127.0.0.1", "1"}},
       {{"REPLICAOF", "NO", "ONE"}},
       "READONLY",
       "point --redis at the primary or at its sentinels"},
      {"StaleReplica",
       {{"CONFIG", "SET", "replica-serve-stale-data", "no"}, {"REPLICAOF", "127.0.0.1", "1"}},
       {{"REPLICAOF", "NO", "ONE"}},
       "MASTERDOWN",
       "lost its primary; it is tried again"},
      {"TooFewReplicasOfRedis",
       {{"CONFIG", "SET", "min-replicas-to-write", "1"}},
       {{"CONFIG", "SET", "min-replicas-to-write", "0"}},
       "NOREPLICAS",
       "min-replicas-to-write"},
      // No file can take the place of a directory, not even root's.
      {"SnapshotsThatFail",
       {{"CONFIG", "SET", "save", "3600 1"}, {"CONFIG", "SET", "dbfilename", "."}, {"BGSAVE"}},
       {{"CONFIG", "SET", "dbfilename", "dump.rdb"}, {"BGSAVE"}},
       "MISCONF",
       "free its disk",
       /*unanswered=*/{},
       /*refused=*/{"DEL", "nothing"}},
      {"AScriptWithoutEnd",
       {{"CONFIG", "SET", "busy-reply-threshold", "10"}},
       {{"SCRIPT", "KILL"}},
       "BUSY",
       "SCRIPT KILL ends such a script",
       /*unanswered=*/{"EVAL", "while true do end", "0"},
       /*refused=*/{"PING"}},
      // The test's own connection is the one.
      {"TooManyClients",
       {{"CONFIG", "SET", "maxclients", "1"}, disconnect},
       {{"CONFIG", "SET", "maxclients", "100"}},
       "max number of clients",
       "raise maxclients"},
  };
}

std::vector<Refusal> AllRefusals() {
  std::vector<Refusal> refusals = RefusalsOfUsersAndData();
  for (Refusal& refusal : RefusalsOfTheServer()) {
    refusals.push_back(std::move(refusal));
  }
  return refusals;
}

class RefusalTest : public testing::TestWithParam<Refusal> {
 protected:
  RefusalTest() : fleet_(FleetOptions()) {}

  void SetUp() override {
    const absl::Status status = administrator_.Connect(fleet_.redis().unix_endpoint(), "test", Patience());
    ASSERT_TRUE(status.ok()) << status;
  }

  static Fleet::Options FleetOptions() {
    Fleet::Options options = ImpatientReplicas(2);
    // The test's own connections stay the default user's.
    options.redis.arguments = {"--user", kUser, "on", ">secret", "~*", "&*", "+@all", "--enable-protected-configs",
                               "local"};
    options.redis_user = absl::StrCat(kUser, ":secret@");
    return options;
  }

  static absl::Time Patience() { return absl::Now() + kTestPatience; }

  RedisReply Run(const RedisCommand& command) {
    const std::vector<absl::string_view> views(command.begin(), command.end());
    absl::StatusOr<RedisReply> reply = administrator_.Call(views, Patience());
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *std::move(reply) : RedisReply();
  }

  void RunAll(const std::vector<RedisCommand>& commands) {
    for (const RedisCommand& command : commands) {
      const RedisReply reply = Run(command);
      ASSERT_FALSE(reply.is_error()) << reply.text;
    }
  }

  void Break() {
    ASSERT_NO_FATAL_FAILURE(RunAll(GetParam().break_commands));
    if (!GetParam().unanswered.empty()) {
      const std::vector<absl::string_view> command(GetParam().unanswered.begin(), GetParam().unanswered.end());
      ASSERT_TRUE(unanswered_.Connect(fleet_.redis().unix_endpoint(), "test", Patience()).ok());
      unanswered_.Append(command);
      ASSERT_TRUE(unanswered_.Flush(Patience()).ok());
    }
    if (!GetParam().refused.empty()) {
      ASSERT_TRUE(Eventually([&] { return Run(GetParam().refused).is_error(); }));
    }
  }

  Fleet fleet_;
  // One that has been there before, as Redis may take no other.
  RedisConnection administrator_;
  // Waits for what Redis does not answer.
  RedisConnection unanswered_;
};

TEST_P(RefusalTest, IsToldSurvivedAndHealed) {
  Trouble trouble;
  trouble.thing = GetParam().thing;
  trouble.remedy = GetParam().remedy;
  trouble.begin = [this] { Break(); };
  trouble.end = [this] { RunAll(GetParam().heal_commands); };
  ExpectToldSurvivedAndHealed(fleet_, trouble);
}

INSTANTIATE_TEST_SUITE_P(Redis, RefusalTest, testing::ValuesIn(AllRefusals()),
                         [](const testing::TestParamInfo<Refusal>& refusal) { return refusal.param.name; });

// ---- A Redis that comes back and has much to read ----

TEST(LoadingRedis, IsToldSurvivedAndHealed) {
  Fleet::Options options = ImpatientReplicas(2);
  // A millisecond a key: minutes, unless it is told to hurry. It looks at its clients every kilobyte.
  options.redis.arguments = {
      "--enable-debug-command", "local", "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"};
  Fleet fleet(options);
  Trouble trouble;
  trouble.thing = "LOADING";
  trouble.remedy = "it is tried again";
  trouble.begin = [&] {
    ASSERT_FALSE(fleet.redis().Run({"DEBUG", "POPULATE", "200000"}).is_error());
    ASSERT_FALSE(fleet.redis().Run({"SAVE"}).is_error());
    fleet.redis().Kill();
    fleet.redis().StartLoading();
  };
  trouble.end = [&] { ASSERT_FALSE(fleet.redis().Run({"CONFIG", "SET", "key-load-delay", "0"}).is_error()); };
  ExpectToldSurvivedAndHealed(fleet, trouble);
}

// ---- Protected mode ----

// Without a password the first thing that is asked of Redis is one whose answer does not matter otherwise.
TEST(ProtectedRedis, IsToldSurvivedAndHealed) {
  Fleet::Options options = ImpatientReplicas(2);
  options.behind_proxy = true;
  Fleet fleet(options);
  Trouble trouble;
  trouble.thing = "DENIED Redis is running in protected mode";
  trouble.remedy = "set a password in Redis and give it in the URL";
  trouble.begin = [&] {
    // Redis 7.0 takes 127.0.0.1 and ::1 alone for its own machine.
    fleet.redis_link().ConnectFrom(INADDR_LOOPBACK + 1);
    fleet.redis_link().ResetConnections();
  };
  trouble.end = [&] { ASSERT_FALSE(fleet.redis().Run({"CONFIG", "SET", "protected-mode", "no"}).is_error()); };
  ExpectToldSurvivedAndHealed(fleet, trouble);
}

// ---- Redis Cluster ----

RedisServer::Options ClusterNode() {
  RedisServer::Options options;
  options.cluster_node = true;
  // Without its other slots it still serves those that it has.
  options.arguments = {"--cluster-require-full-coverage", "no"};
  return options;
}

// A node that has all slots serves a fleet as any other Redis does, until it has them no more.
class ClusterRefusalTest : public testing::Test {
 protected:
  ClusterRefusalTest() : fleet_(FleetOptions()) {}

  static Fleet::Options FleetOptions() {
    // They start once the node has slots.
    Fleet::Options options = ImpatientReplicas(0);
    options.redis = ClusterNode();
    return options;
  }

  void SetUp() override {
    Run({"CLUSTER", "ADDSLOTSRANGE", "0", "16383"});
    slot_ = absl::StrCat(fleet_.redis().Run({"CLUSTER", "KEYSLOT", kMeta}).integer);
    // A node waits for a while before it says that its cluster is complete.
    ASSERT_TRUE(Eventually([&] { return !fleet_.redis().Run({"HLEN", kMeta}).is_error(); }));
    fleet_.Add();
    fleet_.Add();
    for (size_t i = 0; i < fleet_.size(); ++i) {
      ASSERT_TRUE(fleet_.replica(i).WaitServing()) << fleet_.replica(i).LogTail();
    }
  }

  void Run(absl::Span<const absl::string_view> command) {
    const RedisReply reply = fleet_.redis().Run(command);
    ASSERT_FALSE(reply.is_error()) << reply.text;
  }

  Fleet fleet_;
  std::string slot_;
};

TEST_F(ClusterRefusalTest, ASlotThatNobodyServesIsToldSurvivedAndHealed) {
  Trouble trouble;
  trouble.thing = "CLUSTERDOWN";
  trouble.remedy = "CLUSTER INFO";
  trouble.begin = [&] { Run({"CLUSTER", "DELSLOTS", slot_}); };
  trouble.end = [&] { Run({"CLUSTER", "ADDSLOTS", slot_}); };
  ExpectToldSurvivedAndHealed(fleet_, trouble);
}

TEST_F(ClusterRefusalTest, ASlotOnAnotherNodeIsToldSurvivedAndHealed) {
  RedisServer other(ClusterNode());
  const std::string own_id = fleet_.redis().Run({"CLUSTER", "MYID"}).text;
  const std::string other_id = other.Run({"CLUSTER", "MYID"}).text;
  Run({"CLUSTER", "MEET", "127.0.0.1", absl::StrCat(other.port()), absl::StrCat(other.cluster_port())});
  // Until they have shaken hands the other one has a name that is not its own.
  ASSERT_TRUE(Eventually([&] {
    return absl::StrContains(fleet_.redis().Run({"CLUSTER", "NODES"}).text, other_id);
  })) << fleet_.redis().Run({"CLUSTER", "NODES"}).text;

  Trouble trouble;
  trouble.thing = absl::StrCat("MOVED ", slot_, " 127.0.0.1:", other.port());
  trouble.remedy = "Dunlin follows no cluster: point --redis at a Redis that is not part of one";
  trouble.begin = [&] {
    // A slot with keys in it is not given away in one step.
    Run({"CLUSTER", "DELSLOTS", slot_});
    Run({"CLUSTER", "SETSLOT", slot_, "NODE", other_id});
  };
  trouble.end = [&] { Run({"CLUSTER", "SETSLOT", slot_, "NODE", own_id}); };
  ExpectToldSurvivedAndHealed(fleet_, trouble);
}

}  // namespace
}  // namespace dunlin
