// Goal: a connection carries any bytes, notices every way of being cut off, and no wait outlasts its deadline or an
// interruption.
// Method: a real Redis, which is stopped, killed and made to hang, and a listener that answers nonsense.

#include "sync/redis_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sync/redis_error.h"
#include "tests/support/eventually.h"
#include "tests/support/loopback_listener.h"
#include "tests/support/redis_server.h"

namespace dunlin {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;
using testing::Not;

absl::Time Patience() { return absl::Now() + kTestPatience; }

class RedisConnectionTest : public testing::Test {
 protected:
  void Connect() {
    const absl::Status status = connection_.Connect(server_.endpoint(), "dunlin-test", Patience());
    ASSERT_TRUE(status.ok()) << status;
  }

  RedisReply Call(absl::Span<const absl::string_view> arguments) {
    absl::StatusOr<RedisReply> reply = connection_.Call(arguments, Patience());
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *std::move(reply) : RedisReply();
  }

  RedisServer server_;
  RedisConnection connection_;
};

TEST_F(RedisConnectionTest, CarriesEveryTypeOfReply) {
  Connect();
  EXPECT_EQ(Call({"SET", "key", "value"}).type, RedisReply::Type::kStatus);
  EXPECT_EQ(Call({"GET", "key"}).text, "value");
  EXPECT_EQ(Call({"GET", "absent"}).type, RedisReply::Type::kNil);
  EXPECT_EQ(Call({"STRLEN", "key"}).integer, 5);
  const RedisReply error = Call({"INCR", "key"});
  EXPECT_TRUE(error.is_error());
  EXPECT_THAT(error.text, HasSubstr("not an integer"));
  const RedisReply nested = Call({"EVAL", "return {1, {'a', {}, false}, 'b'}", "0"});
  ASSERT_EQ(nested.elements.size(), 3u);
  EXPECT_EQ(nested.elements[0].integer, 1);
  ASSERT_EQ(nested.elements[1].elements.size(), 3u);
  EXPECT_EQ(nested.elements[1].elements[0].text, "a");
  EXPECT_EQ(nested.elements[1].elements[1].type, RedisReply::Type::kArray);
  EXPECT_EQ(nested.elements[1].elements[2].type, RedisReply::Type::kNil);
  EXPECT_EQ(nested.elements[2].text, "b");
}

TEST_F(RedisConnectionTest, CarriesBytesOfAnyKindAndAmount) {
  Connect();
  std::string value = "\0\r\n$5\r\n"s;
  for (int doubling = 0; doubling < 20; ++doubling) {
    value += value;
  }
  EXPECT_EQ(Call({"SET", "key", value}).text, "OK");
  EXPECT_TRUE(Call({"GET", "key"}).text == value);
}

TEST_F(RedisConnectionTest, AnswersAPipelineInOrder) {
  Connect();
  for (int i = 0; i < 1000; ++i) {
    connection_.Append({"ECHO", absl::StrCat(i)});
  }
  ASSERT_TRUE(connection_.Flush(Patience()).ok());
  for (int i = 0; i < 1000; ++i) {
    const absl::StatusOr<RedisReply> reply = connection_.ReadReply(Patience());
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->text, absl::StrCat(i));
  }
}

TEST_F(RedisConnectionTest, WorksOverAUnixSocketAndInAnotherDatabase) {
  RedisEndpoint endpoint = server_.unix_endpoint();
  endpoint.database = 3;
  ASSERT_TRUE(connection_.Connect(endpoint, "dunlin-test", Patience()).ok());
  EXPECT_THAT(Call({"CLIENT", "LIST"}).text, HasSubstr("name=dunlin-test"));
  Call({"SET", "here", "1"});
  EXPECT_EQ(server_.Run({"EXISTS", "here"}).integer, 0);
}

TEST_F(RedisConnectionTest, WhoIsTurnedAwayReadsWhy) {
  Connect();
  ASSERT_FALSE(Call({"CONFIG", "SET", "maxclients", "1"}).is_error());
  for (int round = 0; round < 20; ++round) {
    RedisConnection second;
    const absl::Status status = second.Connect(server_.endpoint(), "dunlin-test", Patience());
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("max number of clients"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("raise maxclients"));
    EXPECT_FALSE(second.connected());
  }
}

TEST_F(RedisConnectionTest, AWrongPasswordStopsAndTellsWithoutShowingIt) {
  server_.Run({"ACL", "SETUSER", "bob", "on", ">right", "~*", "+@all"});
  RedisEndpoint endpoint = server_.endpoint();
  endpoint.username = "bob";
  endpoint.password = "hunter2";
  const absl::Status wrong = connection_.Connect(endpoint, "dunlin-test", Patience());
  EXPECT_EQ(wrong.code(), absl::StatusCode::kUnauthenticated) << wrong;
  EXPECT_EQ(RemedyOf(wrong), RedisRemedy::kStopAndTell);
  EXPECT_THAT(std::string(wrong.message()), Not(HasSubstr("hunter2")));
  EXPECT_FALSE(connection_.connected());
  endpoint.password = "right";
  EXPECT_TRUE(connection_.Connect(endpoint, "dunlin-test", Patience()).ok());
  EXPECT_EQ(Call({"ACL", "WHOAMI"}).text, "bob");
}

TEST_F(RedisConnectionTest, TheDefaultUsersPasswordIsEnough) {
  server_.Run({"CONFIG", "SET", "requirepass", "secret"});
  RedisEndpoint endpoint = server_.endpoint();
  // Told at once: to whoever has sent something long without one, Redis ends the connection and says nothing.
  const absl::Status lacking = connection_.Connect(endpoint, "dunlin-test", Patience());
  EXPECT_EQ(lacking.code(), absl::StatusCode::kUnauthenticated) << lacking;
  EXPECT_FALSE(connection_.connected());
  endpoint.password = "secret";
  EXPECT_TRUE(connection_.Connect(endpoint, "dunlin-test", Patience()).ok());
  EXPECT_EQ(Call({"GET", "key"}).type, RedisReply::Type::kNil);
}

TEST_F(RedisConnectionTest, AMissingDatabaseStopsAndTells) {
  RedisEndpoint endpoint = server_.endpoint();
  endpoint.database = 1000;
  const absl::Status status = connection_.Connect(endpoint, "dunlin-test", Patience());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
}

TEST_F(RedisConnectionTest, NobodyListeningIsWorthAnotherTry) {
  Connect();
  server_.Stop();
  const absl::Status tcp = connection_.Connect(server_.endpoint(), "dunlin-test", Patience());
  EXPECT_EQ(tcp.code(), absl::StatusCode::kUnavailable) << tcp;
  EXPECT_THAT(std::string(tcp.message()), HasSubstr("refused"));
  const absl::Status unix_socket = connection_.Connect(server_.unix_endpoint(), "dunlin-test", Patience());
  EXPECT_EQ(unix_socket.code(), absl::StatusCode::kUnavailable) << unix_socket;
  EXPECT_EQ(connection_.Call({"PING"}, Patience()).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(RedisConnectionTest, AServerThatDiesBreaksTheConnection) {
  Connect();
  server_.Kill();
  const absl::Status status = connection_.Call({"PING"}, Patience()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_FALSE(connection_.connected());
  server_.Start();
  Connect();
  EXPECT_EQ(Call({"PING"}).text, "PONG");
}

TEST_F(RedisConnectionTest, AServerThatHangsEndsInADeadline) {
  Connect();
  server_.Pause();
  const absl::Status status = connection_.Call({"PING"}, absl::Now() + absl::Milliseconds(50)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_FALSE(connection_.connected());
  server_.Resume();
  Connect();
  // The late answer went down with the old connection.
  EXPECT_EQ(Call({"ECHO", "mine"}).text, "mine");
}

TEST_F(RedisConnectionTest, SilenceIsNoErrorForWhoeverOnlyListens) {
  Connect();
  const absl::StatusOr<bool> came = connection_.ReadSome(absl::Now() + absl::Milliseconds(10));
  ASSERT_TRUE(came.ok()) << came.status();
  EXPECT_FALSE(*came);
  EXPECT_EQ(Call({"PING"}).text, "PONG");
}

TEST_F(RedisConnectionTest, AnInterruptionEndsTheWaitAndAllLaterOnes) {
  Connect();
  server_.Pause();
  std::thread other([this] { connection_.Interrupt(); });
  const absl::Status waiting = connection_.Call({"PING"}, absl::InfiniteFuture()).status();
  other.join();
  EXPECT_EQ(waiting.code(), absl::StatusCode::kCancelled) << waiting;
  server_.Resume();
  EXPECT_EQ(connection_.Connect(server_.endpoint(), "dunlin-test", absl::InfiniteFuture()).code(),
            absl::StatusCode::kCancelled);
}

// Accepts one connection, answers it with `bytes` whatever it asks, and keeps it open.
class FakeServer {
 public:
  explicit FakeServer(std::string bytes) {
    endpoint_.host = "127.0.0.1";
    endpoint_.port = listener_.port();
    thread_ = std::thread([this, bytes = std::move(bytes)] {
      accepted_ = accept(listener_.descriptor(), nullptr, nullptr);
      EXPECT_EQ(send(accepted_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    });
  }

  ~FakeServer() {
    thread_.join();
    close(accepted_);
  }

  const RedisEndpoint& endpoint() const { return endpoint_; }

 private:
  const LoopbackListener listener_;
  int accepted_ = -1;
  RedisEndpoint endpoint_;
  std::thread thread_;
};

TEST(RedisConnectionToOthers, WhatIsNotRedisIsDataLoss) {
  const std::string nonsense[] = {
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      // More than could be held, claimed in few bytes.
      "*2147483647\r\n",
      "*2000000\r\n*2000000\r\n*2000000\r\n",
      "$-7\r\n",
      // Deeper than hiredis goes.
      "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
  };
  for (const std::string& bytes : nonsense) {
    SCOPED_TRACE(bytes);
    const FakeServer server(bytes);
    RedisConnection connection;
    const absl::Status status = connection.Connect(server.endpoint(), "dunlin-test", Patience());
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_FALSE(connection.connected());
  }
}

}  // namespace
}  // namespace dunlin
