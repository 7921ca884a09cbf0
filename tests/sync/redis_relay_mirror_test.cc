// Goal: the mirror script does everything or nothing; the highest version wins; whatever is repeated changes nothing.
// Method: a real Redis, asked behind the relay's back what it holds and what it published.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "sync/event_message.h"
#include "sync/redis_connection.h"
#include "sync/redis_error.h"
#include "tests/sync/redis_relay_test_base.h"

namespace dunlin {
namespace {

using ItemOutcome = MirrorItemReply::Outcome;
using Outcome = MirrorReply::Outcome;
using testing::HasSubstr;

class RedisRelayMirrorTest : public RedisRelayTestBase {
 protected:
  void SetUp() override {
    RedisRelayTestBase::SetUp();
    ASSERT_TRUE(listener_.Connect(server_.endpoint(), "listener", Patience()).ok());
    ASSERT_TRUE(listener_.Call({"SUBSCRIBE", names_.channel}, Patience()).ok());
  }

  static absl::Time Patience() { return absl::Now() + kTestPatience; }

  // The next event; `blob_` keeps its bytes.
  EventMessage NextEvent() {
    absl::StatusOr<RedisReply> reply = listener_.ReadReply(Patience());
    EXPECT_TRUE(reply.ok()) << reply.status();
    blob_ = std::move(reply->elements[2].text);
    const absl::StatusOr<EventMessage> event = DecodeEventMessage(blob_);
    EXPECT_TRUE(event.ok()) << event.status();
    return event.ok() ? *event : EventMessage();
  }

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
  std::string blob_;
};

TEST_F(RedisRelayMirrorTest, StoresIndexesAndPublishesABatchAsOne) {
  const std::string a = MakeRecord(MakeVersion(now_), "1");
  const std::string b = MakeTombstone(MakeVersion(now_, 1));
  const MirrorReply reply = Mirror({{"a", a}, {"b", b}});
  ASSERT_EQ(reply.outcome, Outcome::kApplied);
  EXPECT_EQ(reply.epoch, kEpoch);
  EXPECT_EQ(reply.sequence, 2u);
  EXPECT_LT(absl::AbsDuration(reply.redis_time - absl::Now()), absl::Minutes(1));
  ASSERT_EQ(reply.items.size(), 2u);
  EXPECT_EQ(reply.items[0].outcome, ItemOutcome::kAccepted);
  EXPECT_EQ(reply.items[0].sequence, 1u);
  EXPECT_EQ(reply.items[1].sequence, 2u);
  EXPECT_EQ(Stored("a"), a);
  EXPECT_EQ(Stored("b"), b);
  EXPECT_EQ(server_.Run({"ZSCORE", names_.index, "b"}).text, "2");
  EXPECT_EQ(MetaField("sequence"), "2");

  const EventMessage event = NextEvent();
  EXPECT_EQ(event.epoch, kEpoch);
  EXPECT_EQ(event.first_sequence, 1u);
  EXPECT_EQ(event.origin, kOrigin);
  ASSERT_EQ(event.items.size(), 2u);
  EXPECT_EQ(event.items[0].key, "a");
  EXPECT_EQ(event.items[0].body, a);
  EXPECT_EQ(event.items[1].body, b);
  EXPECT_TRUE(NothingWasPublished());
}

TEST_F(RedisRelayMirrorTest, ARepetitionIsAnsweredWithTheFirstSequencesAndChangesNothing) {
  const std::string a = MakeRecord(MakeVersion(now_), "1");
  Mirror({{"a", a}});
  Mirror({{"b", a}});
  NextEvent();
  NextEvent();
  const MirrorReply reply = Mirror({{"a", a}, {"b", a}});
  ASSERT_EQ(reply.items.size(), 2u);
  EXPECT_EQ(reply.items[0].outcome, ItemOutcome::kAlreadyThere);
  EXPECT_EQ(reply.items[0].sequence, 1u);
  EXPECT_EQ(reply.items[1].sequence, 2u);
  EXPECT_EQ(reply.sequence, 2u);
  EXPECT_TRUE(NothingWasPublished());
}

TEST_F(RedisRelayMirrorTest, AnOlderRecordIsAnsweredWithTheWinner) {
  const std::string newer = MakeRecord(MakeVersion(now_, 5), "newer");
  Mirror({{"a", newer}});
  NextEvent();
  const MirrorReply reply =
      Mirror({{"a", MakeRecord(MakeVersion(now_, 4), "older")}, {"b", MakeRecord(MakeVersion(now_), "b")}});
  ASSERT_EQ(reply.items.size(), 2u);
  EXPECT_EQ(reply.items[0].outcome, ItemOutcome::kSuperseded);
  EXPECT_EQ(reply.items[0].winner, newer);
  EXPECT_EQ(reply.items[1].outcome, ItemOutcome::kAccepted);
  EXPECT_EQ(Stored("a"), newer);
  // Only what was accepted is published, under contiguous sequences.
  const EventMessage event = NextEvent();
  ASSERT_EQ(event.items.size(), 1u);
  EXPECT_EQ(event.items[0].key, "b");
  EXPECT_EQ(event.first_sequence, 2u);
}

TEST_F(RedisRelayMirrorTest, ComparesVersionsAsNumbersInEveryByte) {
  // Ascending: differences in each half of time and origin, at the sign bit, and around NUL, which end the comparison
  // of strings by locale.
  const uint64_t time = MakeVersion(now_).time;
  const Version ascending[] = {{0, 1},
                               {0, 0x7fffffff},
                               {0, 0x80000000},
                               {0, 0xffffffff},
                               {0, 0x100000000},
                               {0, 0x8000000000000000},
                               {0, 0xffffffffffffffff},
                               {1, 0},
                               {0x80000000, 0},
                               {0xffffffff, 5},
                               {0x100000000, 0},
                               {time - 1, 0},
                               {time, 0},
                               {time, 1}};
  for (const Version& version : ascending) {
    EXPECT_EQ(Mirror({{"a", MakeRecord(version, "x")}}).items[0].outcome, ItemOutcome::kAccepted)
        << VersionToString(version);
  }
  for (const Version& version : ascending) {
    EXPECT_NE(Mirror({{"a", MakeRecord(version, "x")}}).items[0].outcome, ItemOutcome::kAccepted)
        << VersionToString(version);
  }
}

TEST_F(RedisRelayMirrorTest, EqualVersionsOfDifferentContentEndTheSameWhateverTheOrder) {
  const Version version = MakeVersion(now_);
  std::string low = MakeRecord(version, "one");
  std::string high = MakeRecord(version, "two");
  if (Supersedes(low, high)) {
    std::swap(low, high);
  }
  EXPECT_EQ(Mirror({{"a", low}}).items[0].outcome, ItemOutcome::kAccepted);
  EXPECT_EQ(Mirror({{"a", high}}).items[0].outcome, ItemOutcome::kAccepted);
  EXPECT_EQ(Mirror({{"b", high}}).items[0].outcome, ItemOutcome::kAccepted);
  EXPECT_EQ(Mirror({{"b", low}}).items[0].outcome, ItemOutcome::kSuperseded);
  EXPECT_EQ(Stored("a"), high);
  EXPECT_EQ(Stored("b"), high);
}

TEST_F(RedisRelayMirrorTest, KeysAndValuesMayHoldAnyByte) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all.push_back(static_cast<char>(byte));
  }
  const std::string record = MakeRecord(MakeVersion(now_), all + "\r\n{}:" + all);
  Mirror({{all, record}});
  EXPECT_EQ(Stored(all), record);
  const EventMessage event = NextEvent();
  EXPECT_EQ(event.items[0].key, all);
  EXPECT_EQ(event.items[0].body, record);
  const absl::StatusOr<RelayChangePage> page = relay_.ReadChanges(0, 10, 1 << 20);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->changes.size(), 1u);
  EXPECT_EQ(page->changes[0].key, all);
  EXPECT_EQ(page->changes[0].record, record);
}

TEST_F(RedisRelayMirrorTest, LargeValuesTravelByReference) {
  const std::string inline_record = MakeRecord(MakeVersion(now_), std::string(kInlineValueMaxBytes, 'i'));
  const std::string large_record = MakeRecord(MakeVersion(now_), std::string(kInlineValueMaxBytes + 1, 'l'));
  Mirror({{"inline", inline_record},
          {"large", large_record},
          {"huge", MakeRecord(MakeVersion(now_), std::string(3 << 20, 'h'))}});
  const EventMessage event = NextEvent();
  ASSERT_EQ(event.items.size(), 3u);
  EXPECT_EQ(event.items[0].kind, EventItem::Kind::kRecord);
  EXPECT_EQ(event.items[1].kind, EventItem::Kind::kReference);
  EXPECT_EQ(event.items[1].body, VersionBytes(MakeVersion(now_)));
  EXPECT_EQ(event.items[2].kind, EventItem::Kind::kReference);
}

TEST_F(RedisRelayMirrorTest, TakesTheLargestBatch) {
  std::vector<KeyedRecord> items;
  for (size_t i = 0; i < 4 * kBatchEntriesMax; ++i) {
    items.push_back({absl::StrCat("key", i), MakeRecord(MakeVersion(now_, i), "v")});
  }
  const MirrorReply reply = Mirror(items);
  ASSERT_EQ(reply.items.size(), items.size());
  EXPECT_EQ(reply.items.back().sequence, items.size());
  EXPECT_EQ(NextEvent().items.size(), items.size());
}

TEST_F(RedisRelayMirrorTest, AnotherEpochRefusesTheBatch) {
  MirrorBatch batch = Batch({{"a", MakeRecord(MakeVersion(now_), "1")}});
  batch.epoch = 5;
  const absl::StatusOr<MirrorReply> reply = relay_.Mirror(batch);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->outcome, Outcome::kEpochChanged);
  EXPECT_EQ(reply->epoch, kEpoch);
  ExpectUntouched();
}

TEST_F(RedisRelayMirrorTest, AnEmptiedRedisIsNoEpoch) {
  server_.Run({"FLUSHALL"});
  const MirrorReply reply = Mirror({{"a", MakeRecord(MakeVersion(now_), "1")}});
  EXPECT_EQ(reply.outcome, Outcome::kEpochChanged);
  EXPECT_EQ(reply.epoch, kNoEpoch);
  EXPECT_EQ(server_.Run({"DBSIZE"}).integer, 0);
}

TEST_F(RedisRelayMirrorTest, AVersionAheadOfTheClockRefusesTheWholeBatch) {
  const MirrorReply reply =
      Mirror({{"a", MakeRecord(MakeVersion(now_), "1")}, {"b", MakeRecord(MakeVersion(now_ + absl::Hours(1)), "2")}});
  EXPECT_EQ(reply.outcome, Outcome::kClockAhead);
  EXPECT_EQ(reply.refused_item, 1u);
  EXPECT_LT(absl::AbsDuration(reply.redis_time - absl::Now()), absl::Minutes(1));
  ExpectUntouched();
}

TEST_F(RedisRelayMirrorTest, AKeyWithAVersionAheadOfTheClockIsNotLocked) {
  // Somebody's wrong clock left a version of tomorrow.
  const absl::Time tomorrow = now_ + absl::Hours(24);
  server_.Run({"HSET", names_.data, "a", MakeRecord(MakeVersion(tomorrow, 0xffff), "wrong clock")});
  // The hybrid clock steps over it, here into the next millisecond.
  EXPECT_EQ(Mirror({{"a", MakeRecord(MakeVersion(tomorrow + absl::Milliseconds(1)), "right")}}).outcome,
            Outcome::kApplied);
  // Anything further is refused as ever.
  EXPECT_EQ(Mirror({{"a", MakeRecord(MakeVersion(tomorrow + absl::Seconds(1)), "wrong again")}}).outcome,
            Outcome::kClockAhead);
}

TEST_F(RedisRelayMirrorTest, AKeyOfAnotherTypeIsToldBeforeAnythingIsWritten) {
  server_.Run({"SET", names_.index, "not ours"});
  const absl::Status status = relay_.Mirror(Batch({{"a", MakeRecord(MakeVersion(now_), "1")}})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(names_.index));
  EXPECT_EQ(server_.Run({"EXISTS", names_.data}).integer, 0);
}

TEST_F(RedisRelayMirrorTest, AMissingRightToPublishIsToldBeforeAnythingIsWritten) {
  server_.Run({"ACL", "SETUSER", "bob", "on", ">secret", "~*", "resetchannels", "+@all"});
  RedisRelay::Options options = OptionsFor(server_);
  options.endpoint.username = "bob";
  options.endpoint.password = "secret";
  RedisRelay relay(options);
  ASSERT_TRUE(relay.Connect(Patience()).ok());
  const absl::Status status = relay.Mirror(Batch({{"a", MakeRecord(MakeVersion(now_), "1")}})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("PUBLISH"));
  ExpectUntouched();
}

TEST_F(RedisRelayMirrorTest, AFullRedisIsToldBeforeAnythingIsWritten) {
  server_.Run({"CONFIG", "SET", "maxmemory", "1"});
  const absl::Status status = relay_.Mirror(Batch({{"a", MakeRecord(MakeVersion(now_), "1")}})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(RemedyOf(status), RedisRemedy::kStopAndTell);
  server_.Run({"CONFIG", "SET", "maxmemory", "0"});
  ExpectUntouched();
}

TEST_F(RedisRelayMirrorTest, BytesThatAreNoRecordRefuseTheWholeBatch) {
  const std::string good = MakeRecord(MakeVersion(now_), "1");
  EXPECT_EQ(relay_.Mirror(Batch({{"a", good}, {"b", "short"}})).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(relay_.Mirror(Batch({{"a", good}, {"a", good}})).status().code(), absl::StatusCode::kInternal);
  ExpectUntouched();
}

TEST_F(RedisRelayMirrorTest, ADamagedRecordInRedisIsReplaced) {
  server_.Run({"HSET", names_.data, "a", "garbage"});
  EXPECT_EQ(Mirror({{"a", MakeRecord(MakeVersion(now_), "1")}}).items[0].outcome, ItemOutcome::kAccepted);
}

TEST_F(RedisRelayMirrorTest, ARecordThatTheIndexHasLostIsPublishedAnew) {
  const std::string record = MakeRecord(MakeVersion(now_), "1");
  Mirror({{"a", record}});
  NextEvent();
  server_.Run({"DEL", names_.index});
  const MirrorReply reply = Mirror({{"a", record}});
  EXPECT_EQ(reply.items[0].outcome, ItemOutcome::kAccepted);
  EXPECT_EQ(reply.items[0].sequence, 2u);
  EXPECT_EQ(NextEvent().first_sequence, 2u);
}

TEST_F(RedisRelayMirrorTest, SequencesAreExactUpToTheLimitOfDoubles) {
  const absl::StatusOr<EpochInForce> in_force = relay_.StartEpoch({kEpoch, kEpoch, kSequenceMax - 2});
  ASSERT_TRUE(in_force.ok()) << in_force.status();
  EXPECT_EQ(in_force->sequence, kSequenceMax - 2);
  const MirrorReply reply =
      Mirror({{"a", MakeRecord(MakeVersion(now_), "1")}, {"b", MakeRecord(MakeVersion(now_), "2")}});
  EXPECT_EQ(reply.sequence, kSequenceMax);
  EXPECT_EQ(NextEvent().first_sequence, kSequenceMax - 1);
  const absl::StatusOr<RelayChangePage> page = relay_.ReadChanges(kSequenceMax - 1, 10, 1 << 20);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->changes.size(), 1u);
  EXPECT_EQ(page->changes[0].sequence, kSequenceMax);
}

TEST_F(RedisRelayMirrorTest, APipelineIsAnsweredInTheOrderOfSending) {
  for (uint64_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(relay_.SendMirror(Batch({{absl::StrCat("key", i), MakeRecord(MakeVersion(now_), "1")}})).ok());
  }
  for (uint64_t i = 0; i < 4; ++i) {
    const absl::StatusOr<MirrorReply> reply = relay_.ReceiveMirrorReply();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->items[0].sequence, i + 1);
  }
}

TEST_F(RedisRelayMirrorTest, ForgottenScriptsAreLoadedAgain) {
  server_.Run({"SCRIPT", "FLUSH"});
  EXPECT_EQ(Mirror({{"a", MakeRecord(MakeVersion(now_), "1")}}).outcome, Outcome::kApplied);
}

TEST_F(RedisRelayMirrorTest, ForgottenScriptsInAPipelineAskForANewConnection) {
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

}  // namespace
}  // namespace dunlin
