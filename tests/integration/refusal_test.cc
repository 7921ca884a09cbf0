// Goal: when Redis refuses, the operator reads in the status what is wrong and what to do, the replica goes on alone,
// even through a restart, and everything flows once it is put right.
// Method: a table of refusals, made by commands to a real Redis in front of two real replicas that log in as a user of
// their own, and taken back by other commands.

#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {
namespace {

using testing::HasSubstr;
using RedisCommand = std::vector<std::string>;

constexpr char kUser[] = "dunlin";
constexpr char kMeta[] = "dunlin:{test}:meta";
constexpr char kAway[] = "dunlin:{test}:away";

struct Refusal {
  friend void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

  std::string name;
  std::vector<RedisCommand> break_commands;
  std::vector<RedisCommand> heal_commands;
  // What the status has to name: the thing, then the remedy.
  std::string thing;
  std::string remedy;
};

std::vector<Refusal> Refusals() {
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
       "choose another namespace"},
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
      {"OutOfMemory",
       {{"CONFIG", "SET", "maxmemory", "1"}},
       {{"CONFIG", "SET", "maxmemory", "0"}},
       "OOM",
       "maxmemory: raise it"},
  };
}

class RefusalTest : public testing::TestWithParam<Refusal> {
 protected:
  RefusalTest() : fleet_(FleetOptions()) {}

  static Fleet::Options FleetOptions() {
    Fleet::Options options;
    options.replicas = 2;
    options.replica_arguments = {"--offline-patience", "300ms"};
    // RedisServer's own connection stays the default user.
    options.redis.arguments = {"--user", kUser, "on", ">secret", "~*", "&*", "+@all"};
    options.redis_user = absl::StrCat(kUser, ":secret@");
    return options;
  }

  void RunAll(const std::vector<RedisCommand>& commands) {
    for (const RedisCommand& command : commands) {
      const std::vector<absl::string_view> views(command.begin(), command.end());
      const RedisReply reply = fleet_.redis().Run(views);
      ASSERT_FALSE(reply.is_error()) << reply.text;
    }
  }

  bool StatusTells(size_t replica, absl::string_view text) {
    return Eventually([&] { return absl::StrContains(fleet_.replica(replica).Status().sync_detail, text); });
  }

  Fleet fleet_;
};

TEST_P(RefusalTest, IsToldSurvivedAndHealed) {
  ASSERT_TRUE(fleet_.client(0).Put("before", "1").ok());
  ASSERT_TRUE(fleet_.Converges()) << fleet_.Describe();
  RunAll(GetParam().break_commands);

  // Something that has to go to Redis, as a refusal to write shows only then.
  ASSERT_TRUE(fleet_.client(0).Put("alone", "2").ok());
  ASSERT_TRUE(StatusTells(0, GetParam().thing)) << fleet_.Describe();
  EXPECT_THAT(fleet_.replica(0).Status().sync_detail, HasSubstr(GetParam().remedy));
  EXPECT_THAT(fleet_.replica(0).Status().sync_detail, testing::Not(HasSubstr("secret")));
  EXPECT_TRUE(HasValue(fleet_.client(0), "alone", "2"));

  fleet_.replica(0).Kill9();
  fleet_.replica(0).Start();
  ASSERT_TRUE(fleet_.replica(0).WaitServing()) << fleet_.Describe();
  EXPECT_TRUE(HasValue(fleet_.client(0), "alone", "2"));
  EXPECT_TRUE(StatusTells(0, GetParam().thing)) << fleet_.Describe();
  EXPECT_EQ(fleet_.replica(0).Status().outbox_depth, 1u);

  RunAll(GetParam().heal_commands);
  ASSERT_TRUE(fleet_.Converges()) << fleet_.Describe();
  EXPECT_TRUE(HasValue(fleet_.client(1), "alone", "2"));
  EXPECT_EQ(fleet_.replica(0).Status().sync_detail, "");
}

INSTANTIATE_TEST_SUITE_P(Redis, RefusalTest, testing::ValuesIn(Refusals()),
                         [](const testing::TestParamInfo<Refusal>& refusal) { return refusal.param.name; });

}  // namespace
}  // namespace dunlin
