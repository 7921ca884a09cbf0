// Goal: programs can rely on the JSON: names, types, and no loss on the way through a JSON reader.
// Method: whole objects compared as text, so that a renamed or moved field shows.

#include "client/cli/json_output.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace dunlin::client::cli {
namespace {

nlohmann::json Parse(const std::string& line) { return nlohmann::json::parse(line); }

Entry SomeEntry() {
  Entry entry;
  entry.key = "k";
  entry.value = "hello";
  entry.version = Version{17, 0xd0};
  entry.revision = 3;
  return entry;
}

TEST(JsonOutputTest, AnEntryHasItsValueTwiceWhenItIsText) {
  EXPECT_EQ(JsonLine(SomeEntry(), Values::kShow),
            R"({"key":"k","value":"aGVsbG8=","text":"hello","version":"17-00000000000000d0","revision":3})"
            "\n");
}

TEST(JsonOutputTest, ABinaryValueIsBase64Only) {
  Entry entry = SomeEntry();
  entry.value = "\xff";
  EXPECT_EQ(JsonLine(entry, Values::kShow), R"({"key":"k","value":"/w==","version":"17-00000000000000d0","revision":3})"
                                            "\n");
}

TEST(JsonOutputTest, NulAndControlCharactersAreText) {
  Entry entry = SomeEntry();
  entry.value = std::string("\0\x1b[2J\n", 6);
  EXPECT_EQ(Parse(JsonLine(entry, Values::kShow))["text"], entry.value);
  EXPECT_EQ(JsonLine(entry, Values::kShow).find('\x1b'), std::string::npos);
}

TEST(JsonOutputTest, LeftOutValuesAreNotEmptyOnes) {
  EXPECT_EQ(JsonLine(SomeEntry(), Values::kLeaveOut), R"({"key":"k","version":"17-00000000000000d0","revision":3})"
                                                      "\n");
}

TEST(JsonOutputTest, ExpiryIsRfc3339) {
  Entry entry = SomeEntry();
  entry.expire_time = absl::FromUnixMillis(1'700'000'000'250);
  EXPECT_EQ(Parse(JsonLine(entry, Values::kLeaveOut))["expire_time"], "2023-11-14T22:13:20.25+00:00");
}

TEST(JsonOutputTest, WritesAndDeletes) {
  DeleteResult result;
  result.version = Version{17, 0xd0};
  result.revision = 4;
  result.token = "\xfb\xff";
  EXPECT_EQ(JsonLine(static_cast<const WriteResult&>(result)),
            R"({"version":"17-00000000000000d0","revision":4,"token":"+/8="})"
            "\n");
  EXPECT_EQ(JsonLine(result), R"({"version":"17-00000000000000d0","revision":4,"token":"+/8=","existed":false})"
                              "\n");
}

TEST(JsonOutputTest, AnEventTellsWhatItReplacedWhereThatIsKnown) {
  WatchEvent event{EventType::kDelete, SomeEntry()};
  EXPECT_FALSE(Parse(JsonLine(event, std::nullopt)).contains("previous"));
  event.previous = SomeEntry();
  EXPECT_EQ(Parse(JsonLine(event, std::nullopt))["previous"]["text"], "hello");
  EXPECT_FALSE(Parse(JsonLine(event, std::nullopt)).contains("previous_unknown"));
  event.previous_unknown = true;
  EXPECT_EQ(Parse(JsonLine(event, std::nullopt))["previous_unknown"], true);
}

TEST(JsonOutputTest, EventsHaveAValueOnlyWhenTheyArePuts) {
  EXPECT_EQ(JsonLine(WatchEvent{EventType::kDelete, SomeEntry()}, std::nullopt),
            R"({"type":"delete","key":"k","version":"17-00000000000000d0","revision":3})"
            "\n");
  EXPECT_EQ(Parse(JsonLine(WatchEvent{EventType::kPut, SomeEntry()}, std::nullopt))["text"], "hello");
  EXPECT_EQ(Parse(JsonLine(WatchEvent{EventType::kExpire, SomeEntry()}, std::nullopt))["type"], "expire");
}

TEST(JsonOutputTest, TheEndOfAMessageAddsItsTokenAndLag) {
  EXPECT_EQ(JsonLine(WatchMarker::kSynced, MessageEnd{"t", Lag{1, absl::Seconds(2), true}}),
            R"({"marker":"synced","token":"dA==","lag":{"sequences":1,"duration":2.0,"connected":true}})"
            "\n");
  EXPECT_EQ(JsonLine(WatchMarker::kReset, std::nullopt), "{\"marker\":\"reset\"}\n");
  EXPECT_FALSE(Parse(JsonLine(WatchMarker::kSynced, MessageEnd{"", Lag()})).contains("token"));
}

TEST(JsonOutputTest, StatusHasTheFieldsOfTheApi) {
  ReplicaStatus status;
  status.replica_id = "r1";
  status.store_id = 0xfedcba9876543210;
  status.namespace_name = "t";
  status.sync_state = SyncState::kLive;
  status.epoch = "e";
  status.applied_sequence = 7;
  status.redis_sequence = 8;
  status.lag = Lag{1, absl::Milliseconds(250), true};
  status.outbox_depth = 2;
  status.outbox_age = absl::Seconds(1);
  status.revision = 9;
  status.entries = 10;
  status.tombstones = 11;
  status.database_bytes = 12;
  status.ring = RingStatus{64, 1, 2};
  status.gaps_repaired = 13;
  status.writes_superseded = 14;
  status.watchers = 15;
  status.digest = std::string("\0\xab", 2);
  status.version = "1";
  status.build = "b";
  status.serving = true;
  status.serving_detail = "s";
  status.barrier_generation = 16;
  status.uptime = absl::Seconds(90);
  status.damaged_records = 17;
  status.store_detail = "full";
  status.duplicate_identity = true;
  status.version_conflicts = 18;
  status.rebuilds = 19;
  status.tombstones_collected = 20;
  status.outbox_bytes = 21;
  EXPECT_EQ(
      JsonLine(status),
      R"({"replica_id":"r1","store_id":"fedcba9876543210","namespace":"t","serving":true,"serving_detail":"s",)"
      R"("sync_state":"live","sync_detail":"","epoch":"e","applied_sequence":7,"redis_sequence":8,)"
      R"("lag":{"sequences":1,"duration":0.25,"connected":true},"outbox_depth":2,"outbox_age":1.0,"outbox_bytes":21,)"
      R"("revision":9,"entries":10,"tombstones":11,"database_bytes":12,"damaged_records":17,"store_detail":"full",)"
      R"("ring":{"capacity":64,"used":1,"overflows":2},)"
      R"("gaps_repaired":13,"writes_superseded":14,"duplicate_identity":true,"version_conflicts":18,"rebuilds":19,)"
      R"("tombstones_collected":20,"watchers":15,"digest":"00ab","barrier_generation":16,"uptime":90.0,)"
      R"("version":"1","build":"b"})"
      "\n");
}

TEST(JsonOutputTest, AVerificationHasTheFieldsOfTheApi) {
  VerifyResult result;
  result.entries_checked = 1;
  result.tombstones_checked = 2;
  result.changes_checked = 3;
  result.expiries_checked = 4;
  result.leftover_expiries = 5;
  result.damaged_count = 6;
  result.damaged = {{"k", "why"}};
  result.counts = Comparison::kEqual;
  result.digest = Comparison::kNotMade;
  result.not_compared_reason = "because";
  result.first_revision = 7;
  result.last_revision = 8;
  result.duration = absl::Milliseconds(1500);
  result.repair_started = true;
  EXPECT_EQ(JsonLine(result),
            R"({"entries_checked":1,"tombstones_checked":2,"changes_checked":3,"expiries_checked":4,)"
            R"("leftover_expiries":5,"damaged_count":6,"damaged":[{"key":"k","reason":"why"}],"counts":"equal",)"
            R"("digest":"not_made","not_compared_reason":"because","first_revision":7,"last_revision":8,)"
            R"("duration":1.5,"repair_started":true})"
            "\n");
}

TEST(JsonOutputTest, BytesThatAreNotUtf8DoNotBreakALine) {
  ReplicaStatus status;
  status.sync_detail = "bad \xff byte";
  EXPECT_EQ(Parse(JsonLine(status))["sync_detail"], "bad \xEF\xBF\xBD byte");
}

}  // namespace
}  // namespace dunlin::client::cli
