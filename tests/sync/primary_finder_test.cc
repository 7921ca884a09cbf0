// Goal: a connection leads to the Redis that takes writes, whichever sentinels are gone, late or wrong; when there is
// none, the error names the thing and the remedy.
// Method: real servers and real sentinels where they do what the test needs; scripted sentinels for what real ones say
// only by bad luck.

#include "sync/primary_finder.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "sync/redis_connection.h"
#include "sync/redis_error.h"
#include "tests/support/eventually.h"
#include "tests/support/redis_server.h"
#include "tests/support/sentinel_server.h"
#include "tests/sync/scripted_sentinel.h"

namespace dunlin {
namespace {

using testing::HasSubstr;
using testing::Not;

absl::Time Patience() { return absl::Now() + kTestPatience; }

RedisAddress Local(uint16_t port) { return RedisAddress{"127.0.0.1", port}; }

// Nobody listens there, and no port that another test chooses is so low.
RedisAddress Nowhere(uint16_t port = 1) { return Local(port); }

RedisEndpoint Through(std::vector<RedisAddress> sentinels) {
  RedisEndpoint endpoint;
  endpoint.sentinels = std::move(sentinels);
  endpoint.master_name = "mymaster";
  return endpoint;
}

class PrimaryFinderTest : public testing::Test {
 protected:
  static absl::Status Connect(PrimaryFinder& finder, RedisConnection& connection) {
    return finder.ConnectToPrimary("dunlin-test", Patience(), &connection).status();
  }

  absl::Status Connect(PrimaryFinder& finder) { return Connect(finder, connection_); }

  // The port of the server at the connection's other end.
  std::string PortAtOtherEnd() {
    const absl::StatusOr<RedisReply> reply = connection_.Call({"CONFIG", "GET", "port"}, Patience());
    return reply.ok() && reply->elements.size() == 2 ? reply->elements[1].text : reply.status().ToString();
  }

  RedisServer redis_;
  RedisConnection connection_;
};

TEST_F(PrimaryFinderTest, WithoutSentinelsItIsTheEndpointItself) {
  PrimaryFinder finder(redis_.endpoint());
  const absl::StatusOr<uint64_t> as_of = finder.ConnectToPrimary("dunlin-test", Patience(), &connection_);
  ASSERT_TRUE(as_of.ok()) << as_of.status();
  EXPECT_FALSE(finder.HasMoved(*as_of));
}

// ---- Real sentinels ----

class RealSentinelTest : public PrimaryFinderTest {
 protected:
  SentinelServer::Options Watching(const std::string& password = "") {
    SentinelServer::Options options;
    options.master_port = redis_.port();
    options.password = password;
    return options;
  }
};

TEST_F(RealSentinelTest, TheSentinelsAreAskedInTurnAndTheOneThatAnsweredIsAskedFirstNextTime) {
  SentinelServer sentinel(Watching());
  ScriptedSentinel silent;
  PrimaryFinder finder(Through({Nowhere(), silent.address(), Local(sentinel.port())}));
  ASSERT_TRUE(Connect(finder).ok());
  EXPECT_EQ(PortAtOtherEnd(), absl::StrCat(redis_.port()));
  EXPECT_EQ(silent.questions(), 1);
  ASSERT_TRUE(Connect(finder).ok());
  EXPECT_EQ(silent.questions(), 1);
}

TEST_F(RealSentinelTest, UserPasswordAndDatabaseAreThoseOfTheRedisBehind) {
  redis_.Run({"ACL", "SETUSER", "bob", "on", ">secret", "~*", "+@all"});
  SentinelServer sentinel(Watching());
  RedisEndpoint endpoint = Through({Local(sentinel.port())});
  endpoint.username = "bob";
  endpoint.password = "secret";
  endpoint.database = 3;
  PrimaryFinder finder(endpoint);
  const absl::Status status = Connect(finder);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(connection_.Call({"ACL", "WHOAMI"}, Patience())->text, "bob");
  EXPECT_THAT(connection_.Call({"CLIENT", "LIST"}, Patience())->text, HasSubstr("db=3"));
}

TEST_F(RealSentinelTest, ASentinelsOwnPasswordIsAskedForAndTaken) {
  SentinelServer sentinel(Watching("hunter2"));
  RedisEndpoint endpoint = Through({Local(sentinel.port())});
  for (const char* wrong : {"", "hunter3"}) {
    endpoint.sentinel_password = wrong;
    PrimaryFinder finder(endpoint);
    const absl::Status status = Connect(finder);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("Sentinel at 127.0.0.1:", sentinel.port())));
    EXPECT_THAT(std::string(status.message()), HasSubstr("--redis-sentinel-password-file"));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("hunter")));
  }
  endpoint.sentinel_password = "hunter2";
  PrimaryFinder finder(endpoint);
  const absl::Status status = Connect(finder);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(RealSentinelTest, AnUnknownNameIsTheOperatorsMatter) {
  SentinelServer sentinel(Watching());
  RedisEndpoint endpoint = Through({Nowhere(), Local(sentinel.port())});
  endpoint.master_name = "mymistress";
  PrimaryFinder finder(endpoint);
  const absl::Status status = Connect(finder);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(RemedyOf(status), RedisRemedy::kStopAndTell);
  EXPECT_THAT(std::string(status.message()), HasSubstr("knows no master \"mymistress\" (correct the name in --redis"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("refused"));
}

TEST_F(RealSentinelTest, ARedisInPlaceOfASentinelIsCalledSo) {
  PrimaryFinder finder(Through({Local(redis_.port())}));
  const absl::Status status = Connect(finder);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("is that a sentinel?"));
}

TEST_F(RealSentinelTest, AMasterThatIsGoneIsWorthAnotherTryAndSaysWhoNamedIt) {
  SentinelServer sentinel(Watching());
  redis_.Kill();
  PrimaryFinder finder(Through({Local(sentinel.port())}));
  const absl::Status status = Connect(finder);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("(the sentinels call it the master of \"mymaster\")"));
  redis_.Start();
  EXPECT_TRUE(Connect(finder).ok());
}

// ---- Sentinels that are gone, late or wrong ----

TEST_F(PrimaryFinderTest, NoSentinelIsWorthAnotherTryAndNamesThemAll) {
  const RedisAddress first = Nowhere(1);
  const RedisAddress second = Nowhere(2);
  PrimaryFinder finder(Through({first, second}));
  const absl::Status status = Connect(finder);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(first.Describe()));
  EXPECT_THAT(std::string(status.message()), HasSubstr(second.Describe()));
  EXPECT_THAT(std::string(status.message()), HasSubstr("check the addresses in --redis"));
  EXPECT_FALSE(connection_.connected());
}

TEST_F(PrimaryFinderTest, TwoSilentSentinelsLeaveTimeForTheThird) {
  ScriptedSentinel first;
  ScriptedSentinel second;
  ScriptedSentinel third;
  third.Name(redis_.port());
  PrimaryFinder finder(Through({first.address(), second.address(), third.address()}));
  EXPECT_TRUE(finder.ConnectToPrimary("dunlin-test", absl::Now() + kRedisTimeout, &connection_).ok());
}

TEST_F(PrimaryFinderTest, AReplicaThatASentinelStillCallsMasterIsNotTakenAndAnotherIsAskedNext) {
  RedisServer replica;
  replica.Run({"REPLICAOF", "127.0.0.1", absl::StrCat(redis_.port())});
  ScriptedSentinel late;
  late.Name(replica.port());
  ScriptedSentinel right;
  right.Name(redis_.port());
  PrimaryFinder finder(Through({late.address(), right.address()}));
  const absl::Status status = Connect(finder);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
  EXPECT_EQ(RemedyOf(status), RedisRemedy::kFindPrimary);
  EXPECT_THAT(std::string(status.message()), HasSubstr("its role is slave"));
  EXPECT_FALSE(connection_.connected());
  ASSERT_TRUE(Connect(finder).ok());
  EXPECT_EQ(PortAtOtherEnd(), absl::StrCat(redis_.port()));
  EXPECT_EQ(late.questions(), 1);
}

TEST_F(PrimaryFinderTest, AnswersThatMakeNoSenseArePassedOver) {
  ScriptedSentinel odd;
  ScriptedSentinel right;
  right.Name(redis_.port());
  for (const char* answer : {"*1\r\n$1\r\nx\r\n", "*2\r\n$1\r\nx\r\n$1\r\nx\r\n", "*2\r\n$0\r\n\r\n$1\r\n1\r\n",
                             "*2\r\n$1\r\nx\r\n$5\r\n65536\r\n", ":1\r\n", "nonsense\r\n"}) {
    SCOPED_TRACE(answer);
    odd.Answer(answer);
    PrimaryFinder finder(Through({odd.address(), right.address()}));
    const absl::Status status = Connect(finder);
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST_F(PrimaryFinderTest, ConnectionsThatShareItNoticeWhatOneOfThemHears) {
  RedisServer other;
  ScriptedSentinel sentinel;
  sentinel.Name(redis_.port());
  PrimaryFinder finder(Through({sentinel.address()}));
  const uint64_t before = *finder.ConnectToPrimary("dunlin-test", Patience(), &connection_);
  RedisConnection second;
  ASSERT_TRUE(Connect(finder, second).ok());
  EXPECT_FALSE(finder.HasMoved(before)) << "the same answer again is no move";
  sentinel.Name(other.port());
  const absl::StatusOr<uint64_t> after = finder.ConnectToPrimary("dunlin-test", Patience(), &second);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_TRUE(finder.HasMoved(before));
  EXPECT_FALSE(finder.HasMoved(*after));
}

TEST_F(PrimaryFinderTest, AMasterThatWasOnlyNamedMovesNobody) {
  ScriptedSentinel sentinel;
  sentinel.Name(redis_.port());
  PrimaryFinder finder(Through({sentinel.address()}));
  const uint64_t before = *finder.ConnectToPrimary("dunlin-test", Patience(), &connection_);
  sentinel.Name(Nowhere().port);
  RedisConnection second;
  EXPECT_EQ(Connect(finder, second).code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(finder.HasMoved(before));
}

TEST_F(PrimaryFinderTest, AnAnnouncementMovesAllAndItsSentinelIsAskedFirst) {
  RedisServer other;
  ScriptedSentinel late;
  late.Name(redis_.port());
  ScriptedSentinel announcing;
  announcing.Name(other.port());
  PrimaryFinder finder(Through({announcing.address(), late.address()}));
  RedisConnection watching;
  ASSERT_TRUE(finder.ConnectToSentinel("dunlin-test", Patience(), &watching).ok());
  watching.Close();
  const uint64_t before = *finder.ConnectToPrimary("dunlin-test", Patience(), &connection_);
  finder.NoteSwitch(Local(other.port()));
  EXPECT_FALSE(finder.HasMoved(before)) << "it is known already";
  finder.NoteSwitch(Local(redis_.port()));
  EXPECT_TRUE(finder.HasMoved(before));
  const int questions = late.questions();
  ASSERT_TRUE(Connect(finder).ok());
  EXPECT_EQ(late.questions(), questions);
}

TEST_F(PrimaryFinderTest, AnInterruptionEndsTheSearch) {
  ScriptedSentinel silent;
  PrimaryFinder finder(Through({silent.address(), Nowhere()}));
  connection_.Interrupt();
  EXPECT_EQ(Connect(finder).code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace dunlin
