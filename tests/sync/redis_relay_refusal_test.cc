// Goal: a batch that Redis refuses has changed nothing and published nothing, and the error says what to do.
// Method: a real Redis, told to refuse, and asked behind the relay's back what it holds and what it published.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sync/redis_connection.h"
#include "sync/redis_error.h"
#include "tests/sync/redis_relay_test_base.h"

namespace dunlin {
namespace {

using Outcome = MirrorReply::Outcome;
using testing::HasSubstr;

class RedisRelayRefusalTest : public RedisRelayTestBase {
 protected:
  void SetUp() override {
    RedisRelayTestBase::SetUp();
    ASSERT_TRUE(listener_.Connect(server_.endpoint(), "listener", Patience()).ok());
    ASSERT_TRUE(listener_.Call({"SUBSCRIBE", names_.channel}, Patience()).ok());
  }

  static absl::Time Patience() { return absl::Now() + kTestPatience; }

  // A PING's answer comes after every event published before it.
  bool NothingWasPublished() {
    const absl::StatusOr<RedisReply> reply = listener_.Call({"PING"}, Patience());
    return reply.ok() && reply->elements[0].text == "pong";
  }

  // Nothing was written: no record, no sequence, no event.
  void ExpectUntouched() {
    EXPECT_EQ(server_.Run({"EXISTS", names_.data, names_.index}).integer, 0);
    EXPECT_EQ(MetaField("sequence"), "0");
    EXPECT_TRUE(NothingWasPublished());
  }

  const absl::Time now_ = absl::Now();
  RedisConnection listener_;
};

TEST_F(RedisRelayRefusalTest, AKeyOfAnotherTypeIsToldBeforeAnythingIsWritten) {
  server_.Run({"SET", names_.index, "not ours"});
  const absl::Status status = relay_.Mirror(Batch({{"a", MakeRecord(MakeVersion(now_), "1")}})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(names_.index));
  EXPECT_EQ(server_.Run({"EXISTS", names_.data}).integer, 0);
}

TEST_F(RedisRelayRefusalTest, AMissingRightToPublishIsToldBeforeAnythingIsWritten) {
  RedisRelay relay(OptionsForUser("resetchannels"));
  ASSERT_TRUE(relay.Connect(Patience()).ok());
  const absl::Status status = relay.Mirror(Batch({{"a", MakeRecord(MakeVersion(now_), "1")}})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("PUBLISH"));
  ExpectUntouched();
}

TEST_F(RedisRelayRefusalTest, AFullRedisIsToldBeforeAnythingIsWritten) {
  server_.Run({"CONFIG", "SET", "maxmemory", "1"});
  const absl::Status status = relay_.Mirror(Batch({{"a", MakeRecord(MakeVersion(now_), "1")}})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(RemedyOf(status), RedisRemedy::kStopAndTell);
  server_.Run({"CONFIG", "SET", "maxmemory", "0"});
  ExpectUntouched();
}

TEST_F(RedisRelayRefusalTest, ForgottenScriptsAreLoadedAgain) {
  server_.Run({"SCRIPT", "FLUSH"});
  EXPECT_EQ(Mirror({{"a", MakeRecord(MakeVersion(now_), "1")}}).outcome, Outcome::kApplied);
}

TEST_F(RedisRelayRefusalTest, ForgottenScriptsInAPipelineAskForANewConnection) {
  server_.Run({"SCRIPT", "FLUSH"});
  const MirrorBatch batch = Batch({{"a", MakeRecord(MakeVersion(now_), "1")}});
  ASSERT_TRUE(relay_.SendMirror(batch).ok());
  const absl::Status status = relay_.ReceiveMirrorReply().status();
  EXPECT_EQ(RemedyOf(status), RedisRemedy::kRetry) << status;
  EXPECT_FALSE(relay_.connected());
  ASSERT_TRUE(relay_.Connect(Patience()).ok());
  ASSERT_TRUE(relay_.SendMirror(batch).ok());
  EXPECT_TRUE(relay_.ReceiveMirrorReply().ok());
}

// It tells only how far the store has come: for that no write that waits to be judged may fail.
TEST_F(RedisRelayRefusalTest, ForgottenScriptsAreLoadedForABatchWithoutItems) {
  server_.Run({"SCRIPT", "FLUSH"});
  MirrorBatch batch = Batch({});
  batch.covered_revision = 5;
  batch.is_whole = true;
  ASSERT_TRUE(relay_.SendMirror(batch).ok());
  ASSERT_TRUE(relay_.SendMirror(Batch({{"a", MakeRecord(MakeVersion(now_), "1")}})).ok());
  const absl::StatusOr<MirrorReply> told = relay_.ReceiveMirrorReply();
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_TRUE(told->items.empty());
  const absl::StatusOr<MirrorReply> stored = relay_.ReceiveMirrorReply();
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->items.size(), 1u);
  EXPECT_EQ(relay_.FindDelivered({kOrigin})->revisions, std::vector<uint64_t>{5});
}

}  // namespace
}  // namespace dunlin
