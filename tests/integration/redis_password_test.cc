// Goal: a replica logs in to a Redis with a password, whichever way it was told it, and one that was told a wrong one
// says so, without repeating it, and works once that is put right.
// Method: a real redis-server that asks for a password; the ways to tell it are a table.

#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sync/redis_names.h"
#include "tests/support/eventually.h"
#include "tests/support/redis_server.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using client::SyncState;
using testing::HasSubstr;
using testing::Not;

constexpr char kPassword[] = "correct horse: battery@staple/%";
constexpr char kPasswordInUrl[] = "correct%20horse%3A%20battery%40staple%2F%25";
constexpr char kWrong[] = "hunter2";
// A user beside the default one, with the same password.
constexpr char kUser[] = "app";

// A way to tell the password. "{file}" is the path of the file that holds it, "{password}" is it, in a URL's spelling.
struct Way {
  friend void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

  std::string name;
  // What stands before the host in the URL.
  std::string login;
  bool url_in_environment;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
};

std::vector<Way> Ways() {
  const std::vector<std::string> flag = {"--redis-password-file", "{file}"};
  const std::string variable = "DUNLIN_REDIS_PASSWORD_FILE={file}";
  return {
      {"Url", ":{password}@", false, {}, {}},
      {"UrlInTheEnvironment", ":{password}@", true, {}, {}},
      {"File", "", false, flag, {}},
      {"FileNamedByTheEnvironment", "", false, {}, {variable}},
      {"EverythingInTheEnvironment", "", true, {}, {variable}},
      {"FileForAUserInTheUrl", absl::StrCat(kUser, ":", kWrong, "@"), false, flag, {}},
      {"FileInPlaceOfThatInTheUrl", absl::StrCat(":", kWrong, "@"), false, flag, {}},
      {"FlagInPlaceOfTheEnvironment", "", false, flag, {"DUNLIN_REDIS_PASSWORD_FILE=/nowhere"}},
  };
}

class RedisPasswordTest : public testing::TestWithParam<Way> {
 protected:
  RedisPasswordTest() : redis_(RedisOptions()) {}

  static RedisServer::Options RedisOptions() {
    RedisServer::Options options;
    options.password = kPassword;
    options.arguments = {"--user", kUser, "on", absl::StrCat(">", kPassword), "~*", "&*", "+@all"};
    return options;
  }

  // The replica that was told `password` in this way.
  ReplicaProcess::Options Replica(const std::string& password, const std::string& in_url) {
    const std::string file = directory_.Join("password");
    std::ofstream(file) << password << "\n";
    const auto fill = [&](const std::string& text) {
      return absl::StrReplaceAll(text, {{"{file}", file}, {"{password}", in_url}});
    };
    ReplicaProcess::Options options;
    options.data_dir = directory_.Join("data");
    options.log_path = directory_.Join("log");
    const std::string url = absl::StrCat("redis://", fill(GetParam().login), "127.0.0.1:", redis_.port());
    if (GetParam().url_in_environment) {
      options.environment.push_back(absl::StrCat("DUNLIN_REDIS=", url));
    } else {
      options.redis_url = url;
    }
    for (const std::string& argument : GetParam().arguments) {
      options.arguments.push_back(fill(argument));
    }
    for (const std::string& variable : GetParam().environment) {
      options.environment.push_back(fill(variable));
    }
    return options;
  }

  static client::PutOptions Mirrored() {
    client::PutOptions options;
    options.ack = client::Ack::kMirrored;
    return options;
  }

  bool IsInRedis(absl::string_view key) {
    return redis_.Run({"HEXISTS", MakeRedisNames("test")->data, key}).integer == 1;
  }

  const TempDir directory_;
  RedisServer redis_;
};

TEST_P(RedisPasswordTest, TheRightOneOpensRedis) {
  ReplicaProcess replica(Replica(kPassword, kPasswordInUrl));
  replica.Start();
  ASSERT_TRUE(replica.WaitServing()) << replica.Log();
  EXPECT_EQ(replica.Status().sync_state, SyncState::kLive);
  const auto put = replica.client().Put("k", "v", Mirrored());
  EXPECT_TRUE(put.ok()) << put.status();
  EXPECT_TRUE(IsInRedis("k"));
  EXPECT_THAT(replica.Log(), Not(HasSubstr("battery")));
}

TEST_P(RedisPasswordTest, AWrongOneIsToldAndNotRepeatedAndCanBePutRight) {
  {
    ReplicaProcess replica(Replica(kWrong, kWrong));
    replica.Start();
    ASSERT_TRUE(Eventually([&] { return absl::StrContains(replica.Status().sync_detail, "WRONGPASS"); }))
        << replica.Log();
    const client::ReplicaStatus status = replica.Status();
    EXPECT_EQ(status.sync_state, SyncState::kOffline);
    EXPECT_FALSE(status.serving);
    EXPECT_THAT(status.sync_detail, HasSubstr(absl::StrCat("127.0.0.1:", redis_.port())));
    EXPECT_THAT(status.sync_detail, HasSubstr("correct user and password"));
    EXPECT_THAT(status.sync_detail, Not(HasSubstr(kWrong)));
    EXPECT_THAT(replica.Log(), Not(HasSubstr(kWrong)));
    EXPECT_EQ(replica.Terminate().code, 0);
  }
  ReplicaProcess corrected(Replica(kPassword, kPasswordInUrl));
  corrected.Start();
  ASSERT_TRUE(corrected.WaitServing()) << corrected.Log();
  EXPECT_TRUE(corrected.client().Put("k", "v", Mirrored()).ok());
  EXPECT_TRUE(IsInRedis("k"));
}

INSTANTIATE_TEST_SUITE_P(Told, RedisPasswordTest, testing::ValuesIn(Ways()),
                         [](const testing::TestParamInfo<Way>& way) { return way.param.name; });

TEST(RedisPassword, NoneWhereOneIsNeededIsToldWithTheWaysToGiveIt) {
  RedisServer::Options with_password;
  with_password.password = kPassword;
  RedisServer redis(with_password);
  const TempDir directory;
  ReplicaProcess::Options options;
  options.data_dir = directory.Join("data");
  options.log_path = directory.Join("log");
  options.redis_url = absl::StrCat("redis://127.0.0.1:", redis.port());
  ReplicaProcess replica(options);
  replica.Start();
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(replica.Status().sync_detail, "NOAUTH"); })) << replica.Log();
  EXPECT_THAT(replica.Status().sync_detail, HasSubstr("give the password in the URL"));
  EXPECT_THAT(replica.Status().sync_detail, HasSubstr("--redis-password-file"));
  EXPECT_FALSE(replica.Status().serving);
}

}  // namespace
}  // namespace dunlin
