// Goal: everything published while a subscription lasts is in the ring, in order; what may be missing is told.
// Method: a real Redis that is cut off, stopped, made to hang and taken away from a user; a small ring that overflows.

#include "sync/subscriber.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/support/eventually.h"
#include "tests/support/redis_server.h"

namespace dunlin {
namespace {

using std::string_literals::operator""s;

constexpr char kChannel[] = "dunlin:{test}:events";

class SubscriberTest : public testing::Test {
 protected:
  void Start(size_t slots = 1024, size_t size_max_bytes = size_t{1} << 20) {
    StartTo(server_.endpoint(), slots, size_max_bytes);
  }

  void StartTo(RedisEndpoint endpoint, size_t slots = 1024, size_t size_max_bytes = size_t{1} << 20) {
    ring_ = *EventRing<std::string>::Create(slots, size_max_bytes);
    Subscriber::Options options;
    options.endpoint = std::move(endpoint);
    options.channel = kChannel;
    options.client_name = "dunlin-subscriber";
    subscriber_ = std::make_unique<Subscriber>(std::move(options), ring_.get(), [this] { wakes_.fetch_add(1); });
    subscriber_->Start();
  }

  bool WaitForGeneration(uint64_t generation) {
    return Eventually([&] {
      const Subscriber::State state = subscriber_->state();
      return state.subscribed && state.generation == generation;
    });
  }

  void Publish(absl::string_view message) { server_.Run({"PUBLISH", kChannel, message}); }

  std::string PopEventually() {
    std::optional<std::string> message;
    EXPECT_TRUE(Eventually([&] {
      message = ring_->TryPop();
      return message.has_value();
    }));
    return message.value_or("");
  }

  RedisServer server_;
  std::unique_ptr<EventRing<std::string>> ring_;
  std::atomic<int> wakes_{0};
  // Last, so that it stops before what it uses goes.
  std::unique_ptr<Subscriber> subscriber_;
};

TEST_F(SubscriberTest, FramesEveryMessageInOrder) {
  Start();
  ASSERT_TRUE(WaitForGeneration(1));
  EXPECT_TRUE(subscriber_->state().last_error.ok());
  const std::string odd = "\0\r\n*3\r\n"s;
  Publish(odd);
  Publish("");
  server_.Run({"EVAL", "for i = 1, 500 do redis.call('PUBLISH', ARGV[1], i) end", "0", kChannel});
  EXPECT_EQ(PopEventually(), odd);
  EXPECT_EQ(PopEventually(), "");
  for (int i = 1; i <= 500; ++i) {
    ASSERT_EQ(PopEventually(), absl::StrCat(i));
  }
  EXPECT_FALSE(subscriber_->TakeOverflow());
}

TEST_F(SubscriberTest, WakesOnceForMessagesThatComeTogether) {
  Start();
  ASSERT_TRUE(WaitForGeneration(1));
  ASSERT_TRUE(Eventually([&] { return wakes_.load() >= 1; }));
  const int wakes_before = wakes_.load();
  server_.Run({"EVAL", "for i = 1, 500 do redis.call('PUBLISH', ARGV[1], i) end", "0", kChannel});
  ASSERT_TRUE(Eventually([&] { return ring_->UsedApprox().slots == 500; }));
  EXPECT_TRUE(Eventually([&] { return wakes_.load() > wakes_before; }));
  EXPECT_LT(wakes_.load(), wakes_before + 100);
}

TEST_F(SubscriberTest, ALostConnectionBecomesANewGeneration) {
  Start();
  ASSERT_TRUE(WaitForGeneration(1));
  server_.Run({"CLIENT", "KILL", "TYPE", "pubsub"});
  ASSERT_TRUE(WaitForGeneration(2));
  Publish("after");
  EXPECT_EQ(PopEventually(), "after");
}

TEST_F(SubscriberTest, ARestartedServerBecomesANewGeneration) {
  Start();
  ASSERT_TRUE(WaitForGeneration(1));
  server_.Kill();
  ASSERT_TRUE(Eventually([&] { return !subscriber_->state().subscribed; }));
  const Subscriber::State lost = subscriber_->state();
  EXPECT_EQ(lost.generation, 1u);
  EXPECT_EQ(lost.last_error.code(), absl::StatusCode::kUnavailable) << lost.last_error;
  EXPECT_FALSE(lost.operator_must_act);
  server_.Start();
  EXPECT_TRUE(WaitForGeneration(2));
}

TEST_F(SubscriberTest, AServerThatHangsIsNoticed) {
  Start();
  ASSERT_TRUE(WaitForGeneration(1));
  server_.Pause();
  ASSERT_TRUE(Eventually([&] { return !subscriber_->state().subscribed; }));
  EXPECT_EQ(subscriber_->state().last_error.code(), absl::StatusCode::kDeadlineExceeded);
  server_.Resume();
  EXPECT_TRUE(WaitForGeneration(2));
}

TEST_F(SubscriberTest, SilenceIsNotTakenForDeath) {
  Start();
  ASSERT_TRUE(WaitForGeneration(1));
  // A PING is the only thing that changes the subscriber's last command in this time.
  ASSERT_TRUE(Eventually([&] {
    return absl::StrContains(server_.Run({"CLIENT", "LIST", "TYPE", "pubsub"}).text, "cmd=ping");
  }));
  EXPECT_TRUE(subscriber_->state().subscribed);
  EXPECT_EQ(subscriber_->state().generation, 1u);
}

TEST_F(SubscriberTest, AFullRingDropsCountsAndTellsOnce) {
  Start(2);
  ASSERT_TRUE(WaitForGeneration(1));
  EXPECT_FALSE(subscriber_->TakeOverflow());
  for (const char* message : {"1", "2", "3", "4"}) {
    Publish(message);
  }
  ASSERT_TRUE(Eventually([&] { return subscriber_->overflows() == 2; }));
  EXPECT_TRUE(subscriber_->TakeOverflow());
  EXPECT_FALSE(subscriber_->TakeOverflow());
  EXPECT_EQ(PopEventually(), "1");
  EXPECT_EQ(PopEventually(), "2");
  Publish("5");
  EXPECT_EQ(PopEventually(), "5");
  EXPECT_TRUE(subscriber_->state().subscribed);
  EXPECT_EQ(subscriber_->state().generation, 1u);
}

TEST_F(SubscriberTest, AMessageBeyondTheByteBudgetCountsAsOverflow) {
  Start(1024, 100);
  ASSERT_TRUE(WaitForGeneration(1));
  Publish(std::string(101, 'x'));
  ASSERT_TRUE(Eventually([&] { return subscriber_->TakeOverflow(); }));
  EXPECT_EQ(ring_->TryPop(), std::nullopt);
}

TEST_F(SubscriberTest, AMissingRightIsTheOperatorsAndHealsOnceGranted) {
  server_.Run({"ACL", "SETUSER", "bob", "on", ">secret", "~*", "resetchannels", "+@all"});
  RedisEndpoint endpoint = server_.endpoint();
  endpoint.username = "bob";
  endpoint.password = "secret";
  StartTo(endpoint);
  ASSERT_TRUE(Eventually([&] { return !subscriber_->state().last_error.ok(); }));
  const Subscriber::State state = subscriber_->state();
  EXPECT_FALSE(state.subscribed);
  EXPECT_TRUE(state.operator_must_act);
  EXPECT_EQ(state.last_error.code(), absl::StatusCode::kPermissionDenied) << state.last_error;
  server_.Run({"ACL", "SETUSER", "bob", "allchannels"});
  EXPECT_TRUE(WaitForGeneration(1));
}

TEST_F(SubscriberTest, StopsAtOnceWhateverItWaitsFor) {
  Start();
  ASSERT_TRUE(WaitForGeneration(1));
  server_.Pause();
  const absl::Time before = absl::Now();
  subscriber_->Stop();
  subscriber_->Stop();
  EXPECT_LT(absl::Now() - before, kRedisHeartbeatPeriod);
  server_.Resume();
}

TEST_F(SubscriberTest, StopsAtOnceBetweenAttemptsToConnect) {
  server_.Stop();
  Start();
  // By the time of several attempts the waits between them have grown.
  ASSERT_TRUE(Eventually([&] { return wakes_.load() >= 4; }));
  const absl::Time before = absl::Now();
  subscriber_->Stop();
  EXPECT_LT(absl::Now() - before, kRedisHeartbeatPeriod);
}

TEST_F(SubscriberTest, NeverStartedItStopsAsWell) {
  const auto ring = *EventRing<std::string>::Create(2, 100);
  Subscriber subscriber({server_.endpoint(), kChannel, "never"}, ring.get(), [] {});
}

}  // namespace
}  // namespace dunlin
