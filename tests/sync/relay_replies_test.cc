// Goal: an answer of an unexpected shape is told, not misread.
// Method: answers that no script of ours gives; those that they give are tested with a real Redis.

#include "sync/relay_replies.h"
#include "storage/big_endian.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

RedisReply Text(std::string text) { return RedisReply{RedisReply::Type::kString, 0, std::move(text), {}}; }
RedisReply Integer(int64_t integer) { return RedisReply{RedisReply::Type::kInteger, integer, "", {}}; }
RedisReply Array(std::vector<RedisReply> elements) {
  return RedisReply{RedisReply::Type::kArray, 0, "", std::move(elements)};
}

TEST(RelayReplies, AnotherShapeIsDataLoss) {
  const RedisReply odd[] = {
      RedisReply(),
      Text("OK"),
      Integer(1),
      Array({}),
      Array({Integer(1)}),
      Array({Text("MAYBE")}),
      Array({Text("OK"), Text("not an epoch")}),
      Array({Text("OK"), Text("00000000000000ab"), Integer(-1), Integer(0)}),
  };
  for (const RedisReply& reply : odd) {
    const absl::Status status = ParseMirrorReply(reply, 2).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("unexpected answer"));
    EXPECT_EQ(ParsePosition(reply).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(ParseChangesPage(reply).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(ParseEpochInForce(reply).status().code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(ParseConditionalReply(Array({Text("MAYBE")})).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ParseConditionalReply(Array({Text("OK")})).status().code(), absl::StatusCode::kDataLoss);
}

TEST(RelayReplies, APageCutShortIsDataLoss) {
  const RedisReply page = Array({Text(""), Integer(0), Integer(0), Integer(0), Integer(1), Integer(0)});
  EXPECT_TRUE(ParseChangesPage(page).ok());
  RedisReply cut = page;
  cut.elements.push_back(Text("key"));
  EXPECT_EQ(ParseChangesPage(cut).status().code(), absl::StatusCode::kDataLoss);
}

// Whoever takes the answer reads the version without asking.
TEST(RelayReplies, AStaleRecordWithoutAVersionIsDataLoss) {
  const std::string version(16, 'v');
  EXPECT_TRUE(ParseConditionalReply(Array({Text("STALE"), Text(version)})).ok());
  for (const std::string& cut : {version.substr(1), version.substr(9), std::string()}) {
    EXPECT_EQ(ParseConditionalReply(Array({Text("STALE"), Text(cut)})).status().code(), absl::StatusCode::kDataLoss);
    // What stands in the way may be damaged, or nothing.
    EXPECT_TRUE(ParseConditionalReply(Array({Text("CONDITION"), Text(cut)})).ok());
  }
}

// Whoever takes the answer looks at the last position alone, to see whether all are of items.
TEST(RelayReplies, PositionsOfMissingItemsAscendFromOne) {
  const auto parse = [](std::vector<int64_t> positions) {
    std::vector<RedisReply> elements = {Text("OK"), Text("00000000000000ab")};
    for (const int64_t position : positions) elements.push_back(Integer(position));
    return ParseMissingReply(Array(std::move(elements)));
  };
  EXPECT_EQ(parse({1, 2, 7})->missing, (std::vector<size_t>{0, 1, 6}));
  EXPECT_TRUE(parse({})->missing.empty());
  for (const std::vector<int64_t>& positions : {std::vector<int64_t>{0}, {0, 1}, {2, 1}, {3, 3}, {1, -1}}) {
    EXPECT_EQ(parse(positions).status().code(), absl::StatusCode::kDataLoss) << testing::PrintToString(positions);
  }
}

// Answers to batches of three items, after sequence 7.
absl::StatusOr<MirrorReply> ParseApplied(int64_t sequence, std::vector<RedisReply> named) {
  std::vector<RedisReply> elements = {Text("OK"), Text("00000000000000ab"), Integer(sequence), Integer(0), Integer(7)};
  elements.insert(elements.end(), named.begin(), named.end());
  return ParseMirrorReply(Array(std::move(elements)), 3);
}

TEST(RelayReplies, ItemsThatAreNotNamedAreStoredOneAfterTheOther) {
  using Outcome = MirrorItemReply::Outcome;
  const MirrorReply all = *ParseApplied(10, {});
  ASSERT_EQ(all.items.size(), 3u);
  EXPECT_EQ(all.items[2].outcome, Outcome::kAccepted);
  EXPECT_EQ(all.items[2].sequence, 10u);
  const MirrorReply some =
      *ParseApplied(8, {Integer(1), Integer(2), Text("newer"), Integer(3), Integer(1), Integer(5)});
  EXPECT_EQ(some.items[0].winner, "newer");
  EXPECT_EQ(some.items[1].sequence, 8u);
  EXPECT_EQ(some.items[2].outcome, Outcome::kAlreadyThere);
  EXPECT_EQ(some.items[2].sequence, 5u);
  const MirrorReply restored = *ParseApplied(10, {Integer(2), Integer(3), Text("newer")});
  EXPECT_EQ(restored.items[1].outcome, Outcome::kSuperseded);
  EXPECT_EQ(restored.items[2].sequence, 10u) << "what is newer has taken one";
}

TEST(RelayReplies, ABatchThatDoesNotAddUpIsDataLoss) {
  const std::vector<RedisReply> odd[] = {
      {Integer(0), Integer(1), Integer(5)},
      {Integer(4), Integer(1), Integer(5)},
      {Integer(2), Integer(1), Integer(5), Integer(2), Integer(1), Integer(5)},
      {Integer(2), Integer(0), Integer(5)},
      {Integer(2), Integer(4), Integer(5)},
      {Integer(2), Integer(2), Integer(5)},
      {Integer(2), Integer(1)},
      {Array({Integer(2), Integer(1), Integer(5)})},
  };
  for (const std::vector<RedisReply>& named : odd) {
    EXPECT_EQ(ParseApplied(9, named).status().code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(ParseApplied(9, {}).status().code(), absl::StatusCode::kDataLoss) << "three have to end at ten";
  EXPECT_EQ(ParseApplied(11, {}).status().code(), absl::StatusCode::kDataLoss);
}

TEST(RelayReplies, AClockRefusalNamesAnItem) {
  EXPECT_EQ(ParseMirrorReply(Array({Text("CLOCK"), Integer(5), Integer(1)}), 2)->refused_item, 0u);
  EXPECT_EQ(ParseMirrorReply(Array({Text("CLOCK"), Integer(5), Integer(0)}), 2).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(RelayReplies, AClockRefusalTellsWhatIsStored) {
  const auto parse = [](const std::string& time) {
    return ParseMirrorReply(Array({Text("CLOCK"), Integer(5), Integer(1), Text(""), Text(time)}), 2);
  };
  EXPECT_EQ(parse(EncodeBigEndian64(77))->stored_times, (std::vector<uint64_t>{0, 77}));
  EXPECT_EQ(parse("short").status().code(), absl::StatusCode::kDataLoss);
}

TEST(RelayReplies, FindsTheReplicationId) {
  EXPECT_EQ(ParseMasterReplid("# Replication\r\nrole:master\r\nmaster_replid:abc\r\nmaster_replid2:def\r\n"), "abc");
  EXPECT_EQ(ParseMasterReplid("# Replication\r\nrole:master\r\n"), "");
}

TEST(RelayReplies, FindsAPolicyThatThrowsAwayWhatNeverExpires) {
  const auto info = [](absl::string_view limit, absl::string_view policy) {
    return absl::StrCat("# Memory\r\nmaxmemory:", limit, "\r\nmaxmemory_human:1.00M\r\nmaxmemory_policy:", policy,
                        "\r\nmem_fragmentation_ratio:1.2\r\n");
  };
  EXPECT_EQ(ParseEvictionPolicy(info("1048576", "allkeys-lru")), "allkeys-lru");
  EXPECT_EQ(ParseEvictionPolicy(info("1048576", "allkeys-random")), "allkeys-random");
  EXPECT_EQ(ParseEvictionPolicy(info("1048576", "noeviction")), "");
  // Dunlin's keys have no time to live.
  EXPECT_EQ(ParseEvictionPolicy(info("1048576", "volatile-lru")), "");
  // Without a limit nothing is ever thrown away.
  EXPECT_EQ(ParseEvictionPolicy(info("0", "allkeys-lru")), "");
  EXPECT_EQ(ParseEvictionPolicy("# Memory\r\nused_memory:5\r\n"), "");
  EXPECT_EQ(ParseEvictionPolicy(""), "");
}

}  // namespace
}  // namespace dunlin
