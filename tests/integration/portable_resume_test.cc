// Goal (guarantee G10): a token of one replica is good at every other: a stream goes on there, without a hole, without
// the whole state, and never with an older value after a newer one; and a read with it sees at least what it stands
// for. Method: real replicas over a real Redis, which they reach through a proxy with faults.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/integration/watch_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {
namespace {

using client::WatchMarker;
using ::testing::HasSubstr;

class PortableResumeTest : public ::testing::Test {
 protected:
  static Fleet::Options WithTwo() {
    Fleet::Options options;
    options.replicas = 2;
    options.behind_proxy = true;
    return options;
  }

  static client::ReadOptions AtLeast(const std::string& token, absl::Duration timeout = kTestPatience) {
    client::ReadOptions options;
    options.at_least = token;
    options.timeout = timeout;
    return options;
  }

  std::string Put(size_t replica, const std::string& key, const std::string& value) {
    const absl::StatusOr<client::WriteResult> put = fleet_.client(replica).Put(key, value);
    EXPECT_TRUE(put.ok()) << put.status();
    return put.ok() ? put->token : "";
  }

  // A token of `replica` which the other one has a checkpoint for: one that was noted before it.
  std::string TokenAfterACheckpoint(size_t replica) {
    std::string token;
    EXPECT_TRUE(Eventually([&] {
      token = Put(replica, "checkpoint", absl::StrCat(++checkpoints_));
      const WatchLog watch(fleet_.client(1 - replica), ResumeAfter(token));
      return watch.SawMarker(WatchMarker::kSynced) && watch.messages(WatchMarker::kReset) == 0;
    }));
    return token;
  }

  Fleet fleet_{WithTwo()};
  int checkpoints_ = 0;
};

TEST_F(PortableResumeTest, AStreamGoesOnAtAnotherReplica) {
  TokenAfterACheckpoint(0);
  const std::string token = Put(0, "before", "1");
  Put(0, "after", "1");
  Put(1, "after", "2");
  ASSERT_TRUE(fleet_.client(1).Delete("before").ok());
  const WatchLog watch(fleet_.client(1), ResumeAfter(token));
  EXPECT_TRUE(watch.SawMarker(WatchMarker::kSynced));
  EXPECT_TRUE(watch.SawPut("after", "2"));
  EXPECT_TRUE(watch.Saw([](const client::WatchEvent& event) {
    return event.entry.key == "before" && event.type == client::EventType::kDelete;
  }));
  EXPECT_EQ(watch.messages(WatchMarker::kReset), 0u);
  EXPECT_EQ(watch.violation(), "");
}

// Back and forth, each time with the token of the stream before.
TEST_F(PortableResumeTest, AReaderWhoMovesMissesNothing) {
  constexpr int kMoves = 20;
  std::string token = TokenAfterACheckpoint(0);
  size_t resets = 0;
  for (int i = 0; i < kMoves; ++i) {
    const size_t here = static_cast<size_t>(i) % 2;
    Put(1 - here, "a", absl::StrCat("elsewhere", i));
    Put(here, "b", absl::StrCat("here", i));
    const WatchLog watch(fleet_.client(here), ResumeAfter(token));
    EXPECT_TRUE(watch.SawPut("a", absl::StrCat("elsewhere", i)));
    EXPECT_TRUE(watch.SawPut("b", absl::StrCat("here", i)));
    EXPECT_TRUE(watch.SawMarker(WatchMarker::kSynced));
    EXPECT_EQ(watch.violation(), "");
    resets += watch.messages(WatchMarker::kReset);
    token = watch.token();
  }
  EXPECT_EQ(resets, 0u);
}

TEST_F(PortableResumeTest, OnesOwnWritesAreReadAtEveryReplica) {
  for (int i = 0; i < 200; ++i) {
    const size_t here = static_cast<size_t>(i) % 2;
    const std::string value = absl::StrCat("v", i);
    const std::string token = Put(here, "mine", value);
    const absl::StatusOr<client::GetResult> got = fleet_.client(1 - here).Get("mine", AtLeast(token));
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->entry.value, value);
  }
}

TEST_F(PortableResumeTest, AReadNeverGoesBackInTime) {
  client::ReadOptions options;
  options.return_token = true;
  for (int i = 0; i < 50; ++i) {
    Put(0, "clock", absl::StrCat(i));
    absl::StatusOr<client::BatchGetResult> seen = fleet_.client(0).BatchGet({"clock"}, options);
    ASSERT_TRUE(seen.ok()) << seen.status();
    ASSERT_FALSE(seen->token.empty());
    client::ListOptions list;
    list.prefix = "clock";
    list.at_least = seen->token;
    const absl::StatusOr<client::ListPage> page = fleet_.client(1).List(list);
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_EQ(page->entries.size(), 1u);
    EXPECT_EQ(page->entries[0].value, absl::StrCat(i));
    EXPECT_TRUE(page->token.empty()) << "it was not asked for";
  }
}

TEST_F(PortableResumeTest, WhatCannotComeIsToldInTime) {
  ASSERT_TRUE(fleet_.client(1).Get("x", AtLeast(TokenAfterACheckpoint(0))).status().code() ==
              absl::StatusCode::kNotFound);
  fleet_.redis_link().Cut();
  const std::string token = Put(0, "cut off", "1");
  const absl::Time start = absl::Now();
  const absl::StatusOr<client::GetResult> got = fleet_.client(1).Get("cut off", AtLeast(token, absl::Seconds(2)));
  EXPECT_EQ(got.status().code(), absl::StatusCode::kUnavailable) << got.status();
  EXPECT_THAT(std::string(got.status().message()), HasSubstr("does not have what the token tells of"));
  EXPECT_LT(absl::Now() - start, absl::Seconds(2)) << "after the caller had given up";
  // Where it was written it is at hand.
  EXPECT_TRUE(fleet_.client(0).Get("cut off", AtLeast(token)).ok());
  fleet_.redis_link().Heal();
  EXPECT_TRUE(fleet_.client(1).Get("cut off", AtLeast(token)).ok());
}

// A stream says that it waits, and begins anew at last.
TEST_F(PortableResumeTest, AStreamThatWaitsInVainGetsTheState) {
  TokenAfterACheckpoint(0);
  Put(1, "held", "1");
  fleet_.redis_link().Cut();
  const std::string token = Put(0, "cut off", "1");
  const absl::Time start = absl::Now();
  const WatchLog watch(fleet_.client(1), ResumeAfter(token));
  EXPECT_TRUE(watch.SawMarker(WatchMarker::kHeartbeat));
  EXPECT_EQ(watch.token(), token);
  EXPECT_EQ(watch.messages(WatchMarker::kReset), 0u);
  EXPECT_TRUE(watch.SawMarker(WatchMarker::kReset));
  EXPECT_GE(absl::Now() - start, kArrivalWaitMax);
  EXPECT_TRUE(watch.SawMarker(WatchMarker::kSynced));
  EXPECT_TRUE(watch.SawPut("held", "1"));
  fleet_.redis_link().Heal();
  EXPECT_TRUE(watch.SawPut("cut off", "1"));
}

}  // namespace
}  // namespace dunlin
