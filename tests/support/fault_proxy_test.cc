// Goal: each fault of the proxy is the one that it is called, and nothing else happens to what goes through it.
// Method: a real Redis behind the proxy.

#include "tests/support/fault_proxy.h"

#include <netinet/in.h>

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "sync/redis_connection.h"
#include "tests/support/eventually.h"
#include "tests/support/redis_server.h"

namespace dunlin {
namespace {

// Shorter than anybody's patience, longer than a loaded machine needs for an answer over loopback.
constexpr absl::Duration kShort = absl::Milliseconds(300);

absl::Time Patience() { return absl::Now() + kTestPatience; }

class FaultProxyTest : public testing::Test {
 protected:
  absl::Status Connect(RedisConnection& connection, absl::Time deadline = Patience()) {
    RedisEndpoint endpoint;
    endpoint.host = "127.0.0.1";
    endpoint.port = proxy_.port();
    return connection.Connect(endpoint, "test", deadline);
  }

  void SetUp() override { ASSERT_TRUE(Connect(connection_).ok()); }

  absl::StatusOr<std::string> Echo(const std::string& text, absl::Time deadline = Patience()) {
    absl::StatusOr<RedisReply> reply = connection_.Call({"ECHO", text}, deadline);
    return reply.ok() ? absl::StatusOr<std::string>(std::move(reply->text)) : reply.status();
  }

  RedisServer redis_;
  FaultProxy proxy_{redis_.port()};
  RedisConnection connection_;
};

TEST_F(FaultProxyTest, CarriesEverythingUnchanged) {
  std::string text = "\r\n$1\r\n";
  for (int doubling = 0; doubling < 19; ++doubling) {
    text += text;
  }
  const absl::StatusOr<std::string> echoed = Echo(text);
  ASSERT_TRUE(echoed.ok()) << echoed.status();
  EXPECT_TRUE(*echoed == text);
  EXPECT_EQ(proxy_.connections(), 1u);
}

TEST_F(FaultProxyTest, PassesTheEndOfAConnectionOn) {
  connection_.Close();
  EXPECT_TRUE(Eventually([&] { return proxy_.connections() == 0; }));
  ASSERT_TRUE(Connect(connection_).ok());
  redis_.Run({"CLIENT", "KILL", "TYPE", "normal"});
  EXPECT_EQ(Echo("x").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(FaultProxyTest, ACutResetsWhatThereIsAndWhatComes) {
  proxy_.Cut();
  EXPECT_EQ(proxy_.connections(), 0u);
  EXPECT_EQ(Echo("x").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Connect(connection_).code(), absl::StatusCode::kUnavailable);
  proxy_.Heal();
  EXPECT_TRUE(Connect(connection_).ok());
}

TEST_F(FaultProxyTest, ABlackHoleTellsNobodyAndDeliversWhenItIsOver) {
  proxy_.BlackHole();
  connection_.Append({"ECHO", "late"});
  ASSERT_TRUE(connection_.Flush(Patience()).ok());
  const absl::StatusOr<bool> came = connection_.ReadSome(absl::Now() + kShort);
  ASSERT_TRUE(came.ok()) << "it must not break";
  EXPECT_FALSE(*came);
  RedisConnection second;
  EXPECT_EQ(Connect(second, absl::Now() + kShort).code(), absl::StatusCode::kDeadlineExceeded);
  proxy_.Heal();
  EXPECT_EQ(connection_.ReadReply(Patience())->text, "late");
}

TEST_F(FaultProxyTest, SilencesOneConnectionAndNoOther) {
  RedisConnection second;
  ASSERT_TRUE(Connect(second).ok());
  // "id=3 addr=127.0.0.1:41234 laddr=…"
  const std::string id = absl::StrCat(connection_.Call({"CLIENT", "ID"}, Patience())->integer);
  const std::string client = redis_.Run({"CLIENT", "LIST", "ID", id}).text;
  uint32_t port = 0;
  ASSERT_TRUE(
      absl::SimpleAtoi(client.substr(client.find(':') + 1, client.find(" laddr") - client.find(':') - 1), &port))
      << client;
  proxy_.Silence(static_cast<uint16_t>(port));
  EXPECT_EQ(Echo("x", absl::Now() + kShort).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(second.Call({"ECHO", "x"}, Patience()).ok());
  ASSERT_TRUE(Connect(connection_).ok());
  EXPECT_TRUE(Echo("y").ok());
}

TEST_F(FaultProxyTest, ClientsComeFromTheAddressThatIsChosen) {
  proxy_.ConnectFrom(INADDR_LOOPBACK + 1);
  redis_.Run({"CONFIG", "SET", "protected-mode", "no"});
  ASSERT_TRUE(Connect(connection_).ok());
  EXPECT_NE(redis_.Run({"CLIENT", "LIST"}).text.find("addr=127.0.0.2:"), std::string::npos);
}

TEST_F(FaultProxyTest, ADelayLastsEachWay) {
  proxy_.SetDelay(kShort);
  const absl::Time start = absl::Now();
  EXPECT_TRUE(Echo("x").ok());
  EXPECT_GE(absl::Now() - start, 2 * kShort);
}

TEST_F(FaultProxyTest, ARateIsKept) {
  proxy_.SetRate(40000);
  const absl::Time start = absl::Now();
  EXPECT_TRUE(Echo(std::string(20000, 'x')).ok());
  // Each way takes half a second, and the second way can only begin to wait once the first is through.
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(900));
}

TEST_F(FaultProxyTest, AResetInTheMiddleOfAMessageLeavesItIncomplete) {
  constexpr size_t kSize = 100000;
  proxy_.ResetAfter(kSize / 2);
  EXPECT_EQ(Echo(std::string(kSize, 'x')).status().code(), absl::StatusCode::kUnavailable);
  // It was one, and it is over.
  ASSERT_TRUE(Connect(connection_).ok());
  EXPECT_TRUE(Echo(std::string(kSize, 'x')).ok());
}

TEST_F(FaultProxyTest, AResetBreaksWhatThereIsAndNothingElse) {
  proxy_.ResetConnections();
  EXPECT_EQ(Echo("x").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(Connect(connection_).ok());
}

TEST_F(FaultProxyTest, NewConnectionsLeadToANewTarget) {
  RedisServer other;
  other.Run({"SET", "here", "1"});
  proxy_.SetTarget(other.port());
  EXPECT_EQ(connection_.Call({"EXISTS", "here"}, Patience())->integer, 0);
  ASSERT_TRUE(Connect(connection_).ok());
  EXPECT_EQ(connection_.Call({"EXISTS", "here"}, Patience())->integer, 1);
}

TEST_F(FaultProxyTest, ATargetThatIsGoneResetsTheClient) {
  redis_.Stop();
  EXPECT_EQ(Connect(connection_).code(), absl::StatusCode::kUnavailable);
}

TEST(FaultProxyRewrite, ChangesWhatTheServerSends) {
  RedisServer redis;
  FaultProxy proxy(redis.port(), [](std::string* bytes) { absl::StrReplaceAll({{"left", "west"}}, bytes); });
  RedisEndpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = proxy.port();
  RedisConnection connection;
  ASSERT_TRUE(connection.Connect(endpoint, "test", Patience()).ok());
  EXPECT_EQ(connection.Call({"ECHO", "left"}, Patience())->text, "west");
}

}  // namespace
}  // namespace dunlin
