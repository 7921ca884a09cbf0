// Goal: a watch goes on over the end of its replica, on the next one or on the same one when it is back; its reader
// sees real changes alone, and is held up only while nobody serves. Method: FakeReplicas whose streams say what the
// test tells them to, and that end when it says so.

#include "client/resuming_watcher.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_replica.h"

namespace dunlin::client {
namespace {

using ::testing::HasSubstr;

v1::WatchResponse Put(const std::string& key, uint64_t time, const std::string& token) {
  v1::WatchResponse message;
  v1::Event* event = message.add_events();
  event->set_type(v1::Event::TYPE_PUT);
  event->mutable_entry()->set_key(key);
  event->mutable_entry()->mutable_version()->set_time(time);
  message.set_token(token);
  return message;
}

v1::WatchResponse Marked(v1::WatchResponse message, v1::Marker marker) {
  message.set_marker(marker);
  return message;
}

v1::WatchResponse Synced(const std::string& token) {
  v1::WatchResponse message;
  message.set_token(token);
  return Marked(message, v1::MARKER_SYNCED);
}

class ResumingWatcherTest : public ::testing::Test {
 protected:
  // Watches `replicas_`, the first one first.
  std::unique_ptr<ResumingWatcher> Watch(WatchOptions watch = WatchOptions()) {
    std::vector<Client*> clients;
    for (const FakeReplica& replica : replicas_) {
      ClientOptions options;
      options.server = replica.address();
      options.timeout = absl::Minutes(1);
      clients_.push_back(*Client::Create(options));
      clients.push_back(clients_.back().get());
    }
    watch.initial_state = true;
    // What does not test silence must never see it.
    watch.silence_timeout = absl::Minutes(5);
    absl::StatusOr<std::unique_ptr<ResumingWatcher>> watcher = ResumingWatcher::Create(clients, watch);
    EXPECT_TRUE(watcher.ok()) << watcher.status();
    return *std::move(watcher);
  }

  // The next message, whose events are puts of `keys`.
  static void ExpectPuts(ResumingWatcher& watcher, const std::vector<std::string>& keys) {
    const absl::StatusOr<WatchMessage> message = watcher.Next();
    ASSERT_TRUE(message.ok()) << message.status();
    ASSERT_EQ(message->events.size(), keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      EXPECT_EQ(message->events[i].type, EventType::kPut);
      EXPECT_EQ(message->events[i].entry.key, keys[i]);
    }
  }

  static void ExpectSynced(ResumingWatcher& watcher) {
    const absl::StatusOr<WatchMessage> message = watcher.Next();
    ASSERT_TRUE(message.ok()) << message.status();
    EXPECT_EQ(message->marker, WatchMarker::kSynced);
  }

  FakeReplica replicas_[2];
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST_F(ResumingWatcherTest, GoesOnAtTheNextReplicaAfterTheLastToken) {
  replicas_[0].SetWatchGreeting({Put("a", 1, ""), Synced("one")});
  replicas_[1].SetWatchGreeting({Put("a", 1, "one"), Synced("two"), Put("b", 2, "three")});
  const std::unique_ptr<ResumingWatcher> watcher = Watch();
  ExpectPuts(*watcher, {"a"});
  ExpectSynced(*watcher);
  EXPECT_EQ(watcher->token(), "one");
  EXPECT_EQ(watcher->resumes(), 0u);
  replicas_[0].EndWatches(grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down"));
  ExpectPuts(*watcher, {"b"});
  EXPECT_EQ(replicas_[1].last_watch().resume_token(), "one");
  EXPECT_EQ(watcher->token(), "three");
  EXPECT_EQ(watcher->resumes(), 1u);
}

TEST_F(ResumingWatcherTest, AFullStateOfAnotherReplicaIsToldAsADifference) {
  replicas_[0].SetWatchGreeting({Put("a", 1, ""), Put("b", 2, ""), Synced("one")});
  replicas_[1].SetWatchGreeting({Marked(Put("b", 2, ""), v1::MARKER_RESET), Put("c", 3, ""), Synced("two")});
  const std::unique_ptr<ResumingWatcher> watcher = Watch();
  ExpectPuts(*watcher, {"a"});
  ExpectPuts(*watcher, {"b"});
  ExpectSynced(*watcher);
  replicas_[0].EndWatches(grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down"));
  ExpectPuts(*watcher, {"c"});
  const absl::StatusOr<WatchMessage> gone = watcher->Next();
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_EQ(gone->marker, WatchMarker::kNone) << "it has had everything before";
  ASSERT_EQ(gone->events.size(), 1u);
  EXPECT_EQ(gone->events[0].type, EventType::kDelete);
  EXPECT_EQ(gone->events[0].entry.key, "a");
}

TEST_F(ResumingWatcherTest, WhoWantsEveryChangeIsToldThatADifferenceIsNotThat) {
  replicas_[0].SetWatchGreeting({Put("a", 1, ""), Synced("one")});
  replicas_[1].SetWatchGreeting({Marked(Put("a", 3, ""), v1::MARKER_RESET), Synced("two")});
  WatchOptions options;
  options.every_change = true;
  const std::unique_ptr<ResumingWatcher> watcher = Watch(options);
  ExpectPuts(*watcher, {"a"});
  ExpectSynced(*watcher);
  replicas_[0].EndWatches(grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down"));
  const absl::StatusOr<WatchMessage> message = watcher->Next();
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(message->marker, WatchMarker::kGap);
  EXPECT_EQ(message->events.size(), 1u);
}

// There is no token before its end.
TEST_F(ResumingWatcherTest, AnInitialStateThatIsCutOffIsSentAgain) {
  replicas_[0].SetWatchGreeting({Put("a", 1, ""), Put("b", 2, "")});
  replicas_[1].SetWatchGreeting({Put("b", 2, ""), Put("c", 3, ""), Synced("one")});
  const std::unique_ptr<ResumingWatcher> watcher = Watch();
  ExpectPuts(*watcher, {"a"});
  ExpectPuts(*watcher, {"b"});
  replicas_[0].EndWatches(grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down"));
  ExpectPuts(*watcher, {"c"});
  const absl::StatusOr<WatchMessage> synced = watcher->Next();
  ASSERT_TRUE(synced.ok()) << synced.status();
  EXPECT_EQ(synced->marker, WatchMarker::kSynced);
  ASSERT_EQ(synced->events.size(), 1u);
  EXPECT_EQ(synced->events[0].entry.key, "a");
  EXPECT_TRUE(replicas_[1].last_watch().resume_token().empty());
  EXPECT_TRUE(replicas_[1].last_watch().initial_state());
}

// Each ends what it has said, time and again.
TEST_F(ResumingWatcherTest, ComesBackToTheFirstWhenTheLastHasEnded) {
  replicas_[0].SetWatchGreeting({Synced("one")});
  replicas_[1].SetWatchGreeting({Put("a", 1, "two")});
  const std::unique_ptr<ResumingWatcher> watcher = Watch();
  ExpectSynced(*watcher);
  replicas_[0].SetWatchGreeting({Put("b", 2, "three")});
  replicas_[0].EndWatches(grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down"));
  ExpectPuts(*watcher, {"a"});
  replicas_[1].EndWatches(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams"));
  ExpectPuts(*watcher, {"b"});
  EXPECT_EQ(watcher->resumes(), 2u);
}

// Of its own accord, or because something between them gives up.
TEST_F(ResumingWatcherTest, AStreamThatItsReplicaCancelsIsResumed) {
  replicas_[0].SetWatchGreeting({Synced("one")});
  replicas_[1].SetWatchGreeting({Put("a", 1, "two")});
  const std::unique_ptr<ResumingWatcher> watcher = Watch();
  ExpectSynced(*watcher);
  replicas_[0].EndWatches(grpc::Status(grpc::StatusCode::CANCELLED, "the proxy restarts"));
  ExpectPuts(*watcher, {"a"});
}

TEST_F(ResumingWatcherTest, WhatNoReplicaWouldAcceptEndsIt) {
  const std::unique_ptr<ResumingWatcher> watcher = Watch();
  std::thread refuse([this] {
    replicas_[0].AwaitWatchers(1);
    replicas_[0].EndWatches(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no such selector"));
  });
  const absl::Status ended = watcher->Next().status();
  refuse.join();
  EXPECT_TRUE(absl::IsInvalidArgument(ended)) << ended;
  EXPECT_EQ(watcher->Next().status(), ended);
}

TEST_F(ResumingWatcherTest, CancelEndsAWaitingRead) {
  const std::unique_ptr<ResumingWatcher> watcher = Watch();
  std::thread cancel([this, &watcher] {
    replicas_[0].AwaitWatchers(1);
    watcher->Cancel();
  });
  EXPECT_TRUE(absl::IsCancelled(watcher->Next().status()));
  cancel.join();
  EXPECT_TRUE(absl::IsCancelled(watcher->Next().status()));
}

TEST_F(ResumingWatcherTest, CancelEndsTheSearchForAReplica) {
  std::vector<std::unique_ptr<Client>> clients;
  {
    const FakeReplica gone;
    ClientOptions options;
    options.server = gone.address();
    clients.push_back(*Client::Create(options));
  }
  const std::unique_ptr<ResumingWatcher> watcher = *ResumingWatcher::Create({clients[0].get()}, WatchOptions());
  std::thread cancel([&watcher] { watcher->Cancel(); });
  EXPECT_TRUE(absl::IsCancelled(watcher->Next().status()));
  cancel.join();
}

TEST_F(ResumingWatcherTest, RefusesWhatItCannotKeep) {
  EXPECT_TRUE(absl::IsInvalidArgument(ResumingWatcher::Create({}, WatchOptions()).status()));
  clients_.push_back(*Client::Create(ClientOptions()));
  WatchOptions no_puts;
  no_puts.no_puts = true;
  const absl::Status refused = ResumingWatcher::Create({clients_[0].get()}, no_puts).status();
  EXPECT_THAT(std::string(refused.message()), HasSubstr("no_puts"));
}

}  // namespace
}  // namespace dunlin::client
