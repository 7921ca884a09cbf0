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

class RedisRelayTest : public RedisRelayTestBase {
 protected:
  RelayPosition ReadPosition(const PositionProposal& proposal) {
    absl::StatusOr<RelayPosition> position = relay_.ReadPosition(proposal);
    EXPECT_TRUE(position.ok()) << position.status();
    return position.ok() ? *std::move(position) : RelayPosition();
  }

  RelayChangePage ReadChanges(uint64_t after, size_t items_max = 1000, size_t size_max_bytes = 1 << 20) {
    absl::StatusOr<RelayChangePage> page = relay_.ReadChanges(after, items_max, size_max_bytes);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? *std::move(page) : RelayChangePage();
  }

  void MirrorKeys(int count) {
    std::vector<KeyedRecord> items;
    for (int i = 0; i < count; ++i) {
      items.push_back({absl::StrCat("key", i), record_});
    }
    Mirror(items);
  }

  const std::string record_ = MakeRecord(MakeVersion(absl::Now()), "value");
};

TEST_F(RedisRelayTest, WhoComesFirstCreatesThePosition) {
  server_.Run({"FLUSHALL"});
  const RelayPosition none = ReadPosition({kNoEpoch, ""});
  EXPECT_EQ(none.epoch, kNoEpoch);
  EXPECT_EQ(server_.Run({"DBSIZE"}).integer, 0);

  const RelayPosition created = ReadPosition({7, "ours"});
  EXPECT_TRUE(created.created);
  EXPECT_EQ(created.epoch, 7u);
  EXPECT_EQ(created.sequence, 0u);
  EXPECT_EQ(created.fleet_id, "ours");
  EXPECT_LT(absl::AbsDuration(created.redis_time - absl::Now()), absl::Minutes(1));

  const RelayPosition second = ReadPosition({8, "theirs"});
  EXPECT_FALSE(second.created);
  EXPECT_EQ(second.epoch, 7u);
  EXPECT_EQ(second.fleet_id, "ours");
  EXPECT_EQ(MetaField("format"), "1");
}

TEST_F(RedisRelayTest, ALostPositionGoesOnAfterTheHighestSequenceStillKnown) {
  MirrorKeys(3);
  server_.Run({"DEL", names_.meta});
  const RelayPosition position = ReadPosition({9, "fleet"});
  EXPECT_TRUE(position.created);
  EXPECT_EQ(position.epoch, 9u);
  EXPECT_EQ(position.sequence, 3u);
}

TEST_F(RedisRelayTest, ThePositionFollowsTheWrites) {
  MirrorKeys(3);
  server_.Run({"HSET", names_.meta, "gc_sequence", "2"});
  const RelayPosition position = ReadPosition({1, ""});
  EXPECT_EQ(position.epoch, kEpoch);
  EXPECT_EQ(position.sequence, 3u);
  EXPECT_EQ(position.gc_sequence, 2u);
}

TEST_F(RedisRelayTest, ThePositionNamesThePrimary) {
  EXPECT_EQ(ReadPosition({1, ""}).master_replid.size(), 40u);
  server_.Run({"ACL", "SETUSER", "bob", "on", ">secret", "~*", "&*", "+@all", "-info"});
  RedisRelay::Options options = OptionsFor(server_);
  options.endpoint.username = "bob";
  options.endpoint.password = "secret";
  RedisRelay relay(options);
  ASSERT_TRUE(relay.Connect(absl::Now() + kTestPatience).ok());
  const absl::StatusOr<RelayPosition> position = relay.ReadPosition({1, ""});
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(position->master_replid, "");
}

TEST_F(RedisRelayTest, DataOfANewerFormatIsLeftAlone) {
  server_.Run({"HSET", names_.meta, "format", "2"});
  const absl::Status status = relay_.ReadPosition({1, ""}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("upgrade"));
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

TEST_F(RedisRelayTest, AnEpochIsSetOnlyOverTheOneExpected) {
  MirrorKeys(3);
  const absl::StatusOr<EpochInForce> lost = relay_.StartEpoch({123, 5, 0});
  ASSERT_TRUE(lost.ok()) << lost.status();
  EXPECT_EQ(lost->epoch, kEpoch);
  EXPECT_EQ(lost->sequence, 3u);
  const absl::StatusOr<EpochInForce> won = relay_.StartEpoch({kEpoch, 5, 100});
  ASSERT_TRUE(won.ok()) << won.status();
  EXPECT_EQ(won->epoch, 5u);
  EXPECT_EQ(won->sequence, 100u);
  const absl::StatusOr<EpochInForce> kept = relay_.StartEpoch({5, 6, 50});
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->sequence, 100u);
  EXPECT_EQ(ReadPosition({1, ""}).epoch, 6u);
}

TEST_F(RedisRelayTest, AnEpochCanBeStartedOverNone) {
  server_.Run({"FLUSHALL"});
  const absl::StatusOr<EpochInForce> in_force = relay_.StartEpoch({kNoEpoch, 5, 10});
  ASSERT_TRUE(in_force.ok()) << in_force.status();
  EXPECT_EQ(in_force->epoch, 5u);
  EXPECT_EQ(in_force->sequence, 10u);
}

TEST_F(RedisRelayTest, PagesCoverEverythingInTheOrderOfSequences) {
  MirrorKeys(10);
  // A key written again is found at its new place only.
  Mirror({{"key0", MakeRecord(MakeVersion(absl::Now(), 9), "again")}});
  const RelayChangePage first = ReadChanges(0, 4);
  ASSERT_EQ(first.changes.size(), 4u);
  EXPECT_EQ(first.changes[0].key, "key1");
  EXPECT_EQ(first.changes[0].sequence, 2u);
  EXPECT_EQ(first.covered_sequence, 5u);
  EXPECT_FALSE(first.complete);
  EXPECT_EQ(first.epoch, kEpoch);
  EXPECT_EQ(first.sequence, 11u);
  // Exactly as many as are left is a complete page.
  const RelayChangePage last = ReadChanges(first.covered_sequence, 6);
  ASSERT_EQ(last.changes.size(), 6u);
  EXPECT_EQ(last.changes.back().key, "key0");
  EXPECT_TRUE(last.complete);
  EXPECT_EQ(last.covered_sequence, 11u);
  const RelayChangePage none = ReadChanges(11);
  EXPECT_TRUE(none.changes.empty());
  EXPECT_TRUE(none.complete);
  EXPECT_EQ(none.covered_sequence, 11u);
}

TEST_F(RedisRelayTest, APageIsBoundedByBytesButNeverEmpty) {
  const std::string large = MakeRecord(MakeVersion(absl::Now()), std::string(1000, 'x'));
  Mirror({{"a", large}, {"b", large}, {"c", large}});
  const RelayChangePage one = ReadChanges(0, 10, 10);
  ASSERT_EQ(one.changes.size(), 1u);
  EXPECT_EQ(one.covered_sequence, 1u);
  EXPECT_FALSE(one.complete);
  const RelayChangePage two = ReadChanges(0, 10, 2 * (large.size() + 1));
  EXPECT_EQ(two.changes.size(), 2u);
  EXPECT_FALSE(two.complete);
}

TEST_F(RedisRelayTest, EntriesWithoutARecordAreCoveredButNotReturned) {
  MirrorKeys(5);
  server_.Run({"HDEL", names_.data, "key0", "key1", "key4"});
  const RelayChangePage skipped = ReadChanges(0, 2);
  EXPECT_TRUE(skipped.changes.empty());
  EXPECT_FALSE(skipped.complete);
  EXPECT_EQ(skipped.covered_sequence, 2u);
  const RelayChangePage rest = ReadChanges(2);
  EXPECT_EQ(rest.changes.size(), 2u);
  EXPECT_TRUE(rest.complete);
  EXPECT_EQ(rest.covered_sequence, 5u);
}

TEST_F(RedisRelayTest, AnEmptyRedisIsAnEmptyPageOfNoEpoch) {
  server_.Run({"FLUSHALL"});
  const RelayChangePage page = ReadChanges(5);
  EXPECT_EQ(page.epoch, kNoEpoch);
  EXPECT_EQ(page.sequence, 0u);
  EXPECT_TRUE(page.complete);
  EXPECT_EQ(page.covered_sequence, 0u);
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
