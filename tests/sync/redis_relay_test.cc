// Goal: positions, epochs and pages of changes tell the truth, whatever happens to Redis or is written meanwhile.
// Method: a real Redis, damaged and written to behind the relay's back.

#include "sync/redis_relay.h"

#include <atomic>
#include <map>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sync/redis_error.h"
#include "tests/sync/redis_relay_test_base.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

using RedisRelayTest = RedisRelayTestBase;

TEST_F(RedisRelayTest, ThePositionNamesThePrimary) {
  EXPECT_EQ(ReadPosition({1, ""}).master_replid.size(), 40u);
  RedisRelay relay(OptionsForUser("-info"));
  ASSERT_TRUE(relay.Connect(absl::Now() + kTestPatience).ok());
  const absl::StatusOr<RelayPosition> position = relay.ReadPosition({1, ""});
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(position->master_replid, "");
}

TEST_F(RedisRelayTest, AHeartbeatTellsWhetherRedisThrowsKeysAway) {
  PositionProposal heartbeat;
  heartbeat.lease = LeaseRequest{1, 2};
  EXPECT_EQ(ReadPosition(heartbeat).eviction_policy, "");
  server_.Run({"CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru"});
  // A new connection asks at once.
  ASSERT_TRUE(relay_.Connect(absl::Now() + kTestPatience).ok());
  EXPECT_EQ(ReadPosition(heartbeat).eviction_policy, "allkeys-lru");
  EXPECT_EQ(ReadPosition(heartbeat).eviction_policy, "allkeys-lru");
  server_.Run({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  ASSERT_TRUE(relay_.Connect(absl::Now() + kTestPatience).ok());
  EXPECT_EQ(ReadPosition(heartbeat).eviction_policy, "");
}

TEST_F(RedisRelayTest, WhoMayNotAskForTheEvictionPolicyIsNotHeldUpAndAsksOnce) {
  server_.Run({"CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru"});
  RedisRelay relay(OptionsForUser("-info"));
  ASSERT_TRUE(relay.Connect(absl::Now() + kTestPatience).ok());
  server_.Run({"CONFIG", "RESETSTAT"});
  PositionProposal heartbeat;
  heartbeat.lease = LeaseRequest{1, 2};
  for (int i = 0; i < 3; ++i) {
    const absl::StatusOr<RelayPosition> position = relay.ReadPosition(heartbeat);
    ASSERT_TRUE(position.ok()) << position.status();
    EXPECT_EQ(position->eviction_policy, "");
  }
  EXPECT_THAT(server_.Run({"INFO", "commandstats"}).text,
              HasSubstr("cmdstat_info:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,"));
}

TEST_F(RedisRelayTest, KeysOfOthersAreLeftAlone) {
  for (const std::string& name : {names_.data, names_.index, names_.meta}) {
    server_.Run({"FLUSHALL"});
    server_.Run({"SET", name, "not ours"});
    const absl::Status status = relay_.ReadPosition({1, ""}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  }
}

TEST_F(RedisRelayTest, PagingUnderConcurrentWritesMissesNoKey) {
  constexpr int kKeys = 200;
  MirrorKeys(kKeys);
  std::atomic<bool> stop{false};
  // Moves keys to the end of the index all the time, so that pages shift under the reader.
  std::thread writer([this, &stop] {
    RedisRelay relay(OptionsFor(server_));
    ASSERT_TRUE(relay.Connect(absl::Now() + kTestPatience).ok());
    for (uint64_t i = 0; !stop.load(); ++i) {
      const std::string record = MakeRecord(MakeVersion(absl::Now(), i % 0xffff, 2), absl::StrCat(i));
      ASSERT_TRUE(relay.Mirror(Batch({{absl::StrCat("key", i * 7 % kKeys), record}})).ok());
    }
  });
  for (int round = 0; round < 20; ++round) {
    std::map<std::string, std::string> seen;
    RelayChangePage page;
    // A reader may chase the writer for long; what was there at the start is complete once it is covered.
    const uint64_t start_sequence = ReadPosition({1, ""}).sequence;
    do {
      page = ReadChanges(page.covered_sequence, 10);
      for (RelayChange& change : page.changes) {
        seen[change.key] = std::move(change.record);
      }
    } while (page.covered_sequence < start_sequence || !page.complete);
    EXPECT_EQ(seen.size(), static_cast<size_t>(kKeys));
  }
  stop.store(true);
  writer.join();
}

TEST_F(RedisRelayTest, AReplicaIsReadButNotWritten) {
  RedisServer replica;
  replica.Run({"REPLICAOF", "127.0.0.1", absl::StrCat(server_.port())});
  ASSERT_TRUE(Eventually([&] {
    return replica.Run({"HGET", names_.meta, "sequence"}).text == "0" &&
           absl::StrContains(replica.Run({"INFO", "replication"}).text, "master_link_status:up");
  }));
  RedisRelay relay(OptionsFor(replica));
  ASSERT_TRUE(relay.Connect(absl::Now() + kTestPatience).ok());
  const absl::StatusOr<RelayPosition> position = relay.ReadPosition({1, ""});
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(position->epoch, kEpoch);
  const absl::Status status = relay.Mirror(Batch({{"a", record_}})).status();
  EXPECT_EQ(RemedyOf(status), RedisRemedy::kFindPrimary) << status;
}

TEST_F(RedisRelayTest, AHangingRedisIsGivenUpAfterTheTimeout) {
  RedisRelay::Options options = OptionsFor(server_);
  options.timeout = absl::Milliseconds(100);
  RedisRelay relay(options);
  ASSERT_TRUE(relay.Connect(absl::Now() + kTestPatience).ok());
  server_.Pause();
  EXPECT_EQ(relay.ReadPosition({1, ""}).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(relay.connected());
  EXPECT_EQ(relay.ReadPosition({1, ""}).status().code(), absl::StatusCode::kUnavailable);
  server_.Resume();
}

TEST_F(RedisRelayTest, AnInterruptionEndsACall) {
  server_.Pause();
  std::thread other([this] { relay_.Interrupt(); });
  EXPECT_EQ(relay_.ReadPosition({1, ""}).status().code(), absl::StatusCode::kCancelled);
  other.join();
  server_.Resume();
}

}  // namespace
}  // namespace dunlin
