// Goal: a watcher hands on what the stream says, in order; ends when told to and when the replica is gone, frozen or
// refuses; and always knows where to resume.
// Method: a FakeReplica whose streams say what the test tells them to. Silence is the only thing that takes time, and
// then the limit on it is what is tested.

#include "client/watcher.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_replica.h"
#include "tests/support/reserved_port.h"

namespace dunlin::client {
namespace {

using ::testing::HasSubstr;

v1::WatchResponse PutMessage(const std::string& key, const std::string& token) {
  v1::WatchResponse message;
  v1::Event* event = message.add_events();
  event->set_type(v1::Event::TYPE_PUT);
  event->mutable_entry()->set_key(key);
  event->mutable_entry()->set_value("v");
  message.set_token(token);
  return message;
}

v1::WatchResponse MarkerMessage(v1::Marker marker, const std::string& token) {
  v1::WatchResponse message;
  message.set_marker(marker);
  message.set_token(token);
  return message;
}

class WatcherTest : public ::testing::Test {
 protected:
  WatcherTest() {
    ClientOptions options;
    options.server = replica_.address();
    options.timeout = absl::Minutes(1);
    client_ = *Client::Create(options);
    // What does not test silence must never see it.
    options_.silence_timeout = absl::Minutes(5);
  }

  std::unique_ptr<Watcher> Open() {
    absl::StatusOr<std::unique_ptr<Watcher>> watcher = client_->Watch(options_);
    EXPECT_TRUE(watcher.ok()) << watcher.status();
    replica_.AwaitWatchers(1);
    return *std::move(watcher);
  }

  FakeReplica replica_;
  std::unique_ptr<Client> client_;
  WatchOptions options_;
};

TEST_F(WatcherTest, TheRequestSaysWhatWasAskedFor) {
  options_.prefixes = {"p/"};
  options_.initial_state = true;
  options_.resume_token = "token";
  const std::unique_ptr<Watcher> watcher = Open();
  EXPECT_EQ(replica_.last_watch().prefix(), "p/");
  EXPECT_TRUE(replica_.last_watch().initial_state());
  EXPECT_EQ(replica_.last_watch().resume_token(), "token");
}

TEST_F(WatcherTest, NextReturnsMessagesInOrder) {
  const std::unique_ptr<Watcher> watcher = Open();
  replica_.SendToWatchers(PutMessage("a", "1"));
  replica_.SendToWatchers(PutMessage("b", "2"));
  EXPECT_EQ(watcher->Next()->events.at(0).entry.key, "a");
  EXPECT_EQ(watcher->Next()->events.at(0).entry.key, "b");
}

TEST_F(WatcherTest, ForEachStopsWhenToldToAndReadingGoesOn) {
  const std::unique_ptr<Watcher> watcher = Open();
  for (const char* key : {"a", "b", "c"}) {
    replica_.SendToWatchers(PutMessage(key, key));
  }
  std::vector<std::string> keys;
  const absl::Status status = watcher->ForEach([&keys](const WatchMessage& message) {
    keys.push_back(message.events.at(0).entry.key);
    return keys.size() < 2;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(watcher->Next()->events.at(0).entry.key, "c");
}

TEST_F(WatcherTest, TheTokenIsThatOfTheLastMessageThatHadOne) {
  const std::unique_ptr<Watcher> watcher = Open();
  EXPECT_EQ(watcher->token(), "");
  replica_.SendToWatchers(MarkerMessage(v1::MARKER_HEARTBEAT, "1"));
  replica_.SendToWatchers(MarkerMessage(v1::MARKER_RESET, ""));
  replica_.SendToWatchers(PutMessage("a", ""));
  replica_.SendToWatchers(MarkerMessage(v1::MARKER_SYNCED, "2"));
  for (const char* expected : {"1", "1", "1", "2"}) {
    ASSERT_TRUE(watcher->Next().ok());
    EXPECT_EQ(watcher->token(), expected);
  }
}

TEST_F(WatcherTest, CancelFromAnotherThreadEndsAWaitingNext) {
  const std::unique_ptr<Watcher> watcher = Open();
  std::thread canceller([&watcher] { watcher->Cancel(); });
  EXPECT_EQ(watcher->Next().status().code(), absl::StatusCode::kCancelled);
  canceller.join();
  replica_.AwaitWatchers(0);
}

TEST_F(WatcherTest, AnEndedWatcherStaysEnded) {
  const std::unique_ptr<Watcher> watcher = Open();
  watcher->Cancel();
  watcher->Cancel();
  EXPECT_EQ(watcher->Next().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(watcher->Next().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(WatcherTest, DestructionClosesTheStream) {
  Open().reset();
  replica_.AwaitWatchers(0);
}

TEST_F(WatcherTest, AWatcherOutlivesItsClient) {
  const std::unique_ptr<Watcher> watcher = Open();
  client_.reset();
  replica_.SendToWatchers(PutMessage("a", "1"));
  EXPECT_TRUE(watcher->Next().ok());
}

TEST_F(WatcherTest, WhatCameBeforeTheEndIsDeliveredAndTheTokenRemains) {
  const std::unique_ptr<Watcher> watcher = Open();
  replica_.SendToWatchers(PutMessage("a", "1"));
  replica_.EndWatches(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the replica shuts down"));
  EXPECT_TRUE(watcher->Next().ok());
  const absl::Status status = watcher->Next().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(replica_.address()));
  EXPECT_EQ(watcher->token(), "1");
}

TEST_F(WatcherTest, AnEndWithoutAReasonIsUnavailable) {
  const std::unique_ptr<Watcher> watcher = Open();
  replica_.EndWatches(grpc::Status::OK);
  EXPECT_EQ(watcher->Next().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(WatcherTest, ARefusalComesWithTheFirstNext) {
  for (const grpc::StatusCode code : {grpc::StatusCode::INVALID_ARGUMENT, grpc::StatusCode::RESOURCE_EXHAUSTED}) {
    replica_.FailNext(grpc::Status(code, "no"));
    absl::StatusOr<std::unique_ptr<Watcher>> watcher = client_->Watch(options_);
    const absl::Status status = watcher.ok() ? (*watcher)->Next().status() : watcher.status();
    EXPECT_EQ(static_cast<int>(status.code()), static_cast<int>(code));
  }
}

TEST_F(WatcherTest, SilenceEndsTheStream) {
  options_.silence_timeout = absl::Milliseconds(50);
  const std::unique_ptr<Watcher> watcher = Open();
  const absl::Status status = watcher->Next().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nothing was heard for 50ms"));
  EXPECT_EQ(watcher->Next().status(), status);
  replica_.AwaitWatchers(0);
}

TEST_F(WatcherTest, TimeoutsMustBePositive) {
  options_.silence_timeout = absl::ZeroDuration();
  EXPECT_EQ(client_->Watch(options_).status().code(), absl::StatusCode::kInvalidArgument);
  options_.silence_timeout = absl::Seconds(1);
  options_.timeout = absl::ZeroDuration();
  EXPECT_EQ(client_->Watch(options_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(WatcherConnectTest, ANobodyIsUnavailable) {
  const ReservedPort nobody;
  ClientOptions options;
  options.server = absl::StrCat("127.0.0.1:", nobody.port());
  options.timeout = absl::Minutes(1);
  const auto client = *Client::Create(options);
  EXPECT_EQ(client->Watch(WatchOptions()).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace dunlin::client
