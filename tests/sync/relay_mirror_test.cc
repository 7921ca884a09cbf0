// Goal: a batch is stored whole or not at all; the highest version wins; whatever is repeated changes nothing.
// Method: the same calls to a real Redis and to the simulator's model, asked behind the relay's back what they hold and
// what they published.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "sync/event_message.h"
#include "tests/sync/relay_conformance_test_base.h"

namespace dunlin {
namespace {

using ItemOutcome = MirrorItemReply::Outcome;
using Outcome = MirrorReply::Outcome;

class RelayMirrorTest : public RelayConformanceTestBase {
 protected:
  // The next event; `blob_` keeps its bytes.
  EventMessage NextEvent() {
    blob_ = backend_->NextEvent();
    const absl::StatusOr<EventMessage> event = DecodeEventMessage(blob_);
    EXPECT_TRUE(event.ok()) << event.status();
    return event.ok() ? *event : EventMessage();
  }

  // Nothing was written: no record, no sequence, no event.
  void ExpectUntouched() {
    EXPECT_EQ(backend_->Record("a"), "");
    EXPECT_EQ(backend_->IndexedSequence("a"), 0u);
    EXPECT_EQ(backend_->MetaField("sequence"), 0u);
    EXPECT_TRUE(backend_->NothingWasPublished());
  }

  const absl::Time now_ = absl::Now();
  std::string blob_;
};

TEST_P(RelayMirrorTest, StoresIndexesAndPublishesABatchAsOne) {
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
  EXPECT_EQ(backend_->Record("a"), a);
  EXPECT_EQ(backend_->Record("b"), b);
  EXPECT_EQ(backend_->IndexedSequence("b"), 2u);
  EXPECT_EQ(backend_->MetaField("sequence"), 2u);

  const EventMessage event = NextEvent();
  EXPECT_EQ(event.epoch, kEpoch);
  EXPECT_EQ(event.first_sequence, 1u);
  EXPECT_EQ(event.origin, kOrigin);
  ASSERT_EQ(event.items.size(), 2u);
  EXPECT_EQ(event.items[0].key, "a");
  EXPECT_EQ(event.items[0].body, a);
  EXPECT_EQ(event.items[1].body, b);
  EXPECT_TRUE(backend_->NothingWasPublished());
}

TEST_P(RelayMirrorTest, ARepetitionIsAnsweredWithTheFirstSequencesAndChangesNothing) {
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
  EXPECT_TRUE(backend_->NothingWasPublished());
}

TEST_P(RelayMirrorTest, AnOlderRecordIsAnsweredWithTheWinner) {
  const std::string newer = MakeRecord(MakeVersion(now_, 5), "newer");
  Mirror({{"a", newer}});
  NextEvent();
  const MirrorReply reply =
      Mirror({{"a", MakeRecord(MakeVersion(now_, 4), "older")}, {"b", MakeRecord(MakeVersion(now_), "b")}});
  ASSERT_EQ(reply.items.size(), 2u);
  EXPECT_EQ(reply.items[0].outcome, ItemOutcome::kSuperseded);
  EXPECT_EQ(reply.items[0].winner, newer);
  EXPECT_EQ(reply.items[1].outcome, ItemOutcome::kAccepted);
  EXPECT_EQ(backend_->Record("a"), newer);
  // Only what was accepted is published, under contiguous sequences.
  const EventMessage event = NextEvent();
  ASSERT_EQ(event.items.size(), 1u);
  EXPECT_EQ(event.items[0].key, "b");
  EXPECT_EQ(event.first_sequence, 2u);
}

TEST_P(RelayMirrorTest, ComparesVersionsAsNumbersInEveryByte) {
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

TEST_P(RelayMirrorTest, EqualVersionsOfDifferentContentEndTheSameWhateverTheOrder) {
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
  EXPECT_EQ(backend_->Record("a"), high);
  EXPECT_EQ(backend_->Record("b"), high);
}

TEST_P(RelayMirrorTest, KeysAndValuesMayHoldAnyByte) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all.push_back(static_cast<char>(byte));
  }
  const std::string record = MakeRecord(MakeVersion(now_), all + "\r\n{}:" + all);
  Mirror({{all, record}});
  EXPECT_EQ(backend_->Record(all), record);
  const EventMessage event = NextEvent();
  EXPECT_EQ(event.items[0].key, all);
  EXPECT_EQ(event.items[0].body, record);
  const absl::StatusOr<RelayChangePage> page = relay_->ReadChanges(0, 10, 1 << 20);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->changes.size(), 1u);
  EXPECT_EQ(page->changes[0].key, all);
  EXPECT_EQ(page->changes[0].record, record);
}

TEST_P(RelayMirrorTest, LargeValuesTravelByReference) {
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

TEST_P(RelayMirrorTest, TakesTheLargestBatch) {
  std::vector<KeyedRecord> items;
  for (size_t i = 0; i < 4 * kBatchEntriesMax; ++i) {
    items.push_back({absl::StrCat("key", i), MakeRecord(MakeVersion(now_, i), "v")});
  }
  const MirrorReply reply = Mirror(items);
  ASSERT_EQ(reply.items.size(), items.size());
  EXPECT_EQ(reply.items.back().sequence, items.size());
  EXPECT_EQ(NextEvent().items.size(), items.size());
}

TEST_P(RelayMirrorTest, AnotherEpochRefusesTheBatch) {
  MirrorBatch batch = Batch({{"a", MakeRecord(MakeVersion(now_), "1")}});
  batch.epoch = 5;
  const absl::StatusOr<MirrorReply> reply = relay_->Mirror(batch);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->outcome, Outcome::kEpochChanged);
  EXPECT_EQ(reply->epoch, kEpoch);
  ExpectUntouched();
}

TEST_P(RelayMirrorTest, AnEmptiedRedisIsNoEpoch) {
  backend_->EraseEverything();
  const MirrorReply reply = Mirror({{"a", MakeRecord(MakeVersion(now_), "1")}});
  EXPECT_EQ(reply.outcome, Outcome::kEpochChanged);
  EXPECT_EQ(reply.epoch, kNoEpoch);
  EXPECT_TRUE(backend_->empty());
}

TEST_P(RelayMirrorTest, AVersionAheadOfTheClockRefusesTheWholeBatch) {
  const MirrorReply reply =
      Mirror({{"a", MakeRecord(MakeVersion(now_), "1")}, {"b", MakeRecord(MakeVersion(now_ + absl::Hours(1)), "2")}});
  EXPECT_EQ(reply.outcome, Outcome::kClockAhead);
  EXPECT_EQ(reply.refused_item, 1u);
  EXPECT_EQ(reply.stored_times, (std::vector<uint64_t>{0, 0}));
  EXPECT_LT(absl::AbsDuration(reply.redis_time - absl::Now()), absl::Minutes(1));
  ExpectUntouched();
}

// Redis may have held it back, or the network.
TEST_P(RelayMirrorTest, ABatchThatComesTooLateIsRefusedWhole) {
  MirrorBatch batch = Batch({{"a", MakeRecord(MakeVersion(now_), "1")}});
  batch.not_after = ReadPosition({kNoEpoch, ""}).redis_time - absl::Milliseconds(1);
  const absl::StatusOr<MirrorReply> late = relay_->Mirror(batch);
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(late->outcome, Outcome::kTooLate);
  EXPECT_GT(late->redis_time, batch.not_after);
  ExpectUntouched();
  batch.not_after = late->redis_time + absl::Hours(1);
  const absl::StatusOr<MirrorReply> in_time = relay_->Mirror(batch);
  ASSERT_TRUE(in_time.ok()) << in_time.status();
  EXPECT_EQ(in_time->outcome, Outcome::kApplied);
}

TEST_P(RelayMirrorTest, AtTheEdgeOfTheClockTheCounterDoesNotMatter) {
  absl::Time redis_time = now_;
  for (int i = 0; i < 100; ++i) {
    // By Redis' clock of a moment ago, so that it is at the edge or before it.
    const Version edge = MakeVersion(redis_time + kClockDriftMax, i % 2 == 0 ? 0xffff : 0);
    const MirrorReply reply = Mirror({{absl::StrCat("key", i), MakeRecord(edge, "1")}});
    ASSERT_EQ(reply.outcome, Outcome::kApplied) << i;
    redis_time = reply.redis_time;
  }
}

// Whatever gets another version has to be above it.
TEST_P(RelayMirrorTest, ARefusalForTheClockTellsWhatIsStored) {
  const Version stored = MakeVersion(now_ - absl::Seconds(1));
  backend_->SetRecord("b", MakeRecord(stored, "1"));
  const Version ahead = MakeVersion(now_ + absl::Hours(1));
  const MirrorReply reply = Mirror({{"a", MakeRecord(ahead, "2")}, {"b", MakeRecord(ahead, "2")}});
  EXPECT_EQ(reply.outcome, Outcome::kClockAhead);
  EXPECT_EQ(reply.stored_times, (std::vector<uint64_t>{0, stored.time}));
}

TEST_P(RelayMirrorTest, AKeyWithAVersionAheadOfTheClockIsNotLocked) {
  // Somebody's wrong clock left a version of tomorrow.
  const absl::Time tomorrow = now_ + absl::Hours(24);
  backend_->SetRecord("a", MakeRecord(MakeVersion(tomorrow, 0xffff), "wrong clock"));
  // The hybrid clock steps over it, here into the next millisecond.
  EXPECT_EQ(Mirror({{"a", MakeRecord(MakeVersion(tomorrow + absl::Milliseconds(1)), "right")}}).outcome,
            Outcome::kApplied);
  // Anything further is refused as ever.
  EXPECT_EQ(Mirror({{"a", MakeRecord(MakeVersion(tomorrow + absl::Seconds(1)), "wrong again")}}).outcome,
            Outcome::kClockAhead);
}

TEST_P(RelayMirrorTest, BytesThatAreNoRecordRefuseTheWholeBatch) {
  const std::string good = MakeRecord(MakeVersion(now_), "1");
  EXPECT_EQ(relay_->Mirror(Batch({{"a", good}, {"b", "short"}})).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(relay_->Mirror(Batch({{"a", good}, {"a", good}})).status().code(), absl::StatusCode::kInternal);
  ExpectUntouched();
}

TEST_P(RelayMirrorTest, ADamagedRecordInRedisIsReplaced) {
  backend_->SetRecord("a", "garbage");
  EXPECT_EQ(Mirror({{"a", MakeRecord(MakeVersion(now_), "1")}}).items[0].outcome, ItemOutcome::kAccepted);
}

TEST_P(RelayMirrorTest, ARecordThatTheIndexHasLostIsPublishedAnew) {
  const std::string record = MakeRecord(MakeVersion(now_), "1");
  Mirror({{"a", record}});
  NextEvent();
  backend_->EraseIndex();
  const MirrorReply reply = Mirror({{"a", record}});
  EXPECT_EQ(reply.items[0].outcome, ItemOutcome::kAccepted);
  EXPECT_EQ(reply.items[0].sequence, 2u);
  EXPECT_EQ(NextEvent().first_sequence, 2u);
}

// Whoever waits for the older one finds what has replaced it.
TEST_P(RelayMirrorTest, AWinnerThatTheIndexHasLostIsPublishedAnew) {
  const std::string winner = MakeRecord(MakeVersion(now_, 2), "2");
  Mirror({{"a", winner}});
  NextEvent();
  backend_->EraseIndex();
  const MirrorReply reply =
      Mirror({{"a", MakeRecord(MakeVersion(now_, 1), "1")}, {"b", MakeRecord(MakeVersion(now_), "1")}});
  EXPECT_EQ(reply.items[0].outcome, ItemOutcome::kSuperseded);
  EXPECT_EQ(reply.items[0].winner, winner);
  EXPECT_EQ(reply.items[1].sequence, 3u);
  EXPECT_EQ(reply.sequence, 3u);
  const EventMessage event = NextEvent();
  EXPECT_EQ(event.first_sequence, 2u);
  ASSERT_EQ(event.items.size(), 2u);
  EXPECT_EQ(event.items[0].body, winner);
  EXPECT_EQ(backend_->Record("a"), winner);
  EXPECT_EQ(backend_->IndexedSequence("a"), 2u);
}

TEST_P(RelayMirrorTest, SequencesAreExactUpToTheLimitOfDoubles) {
  const absl::StatusOr<EpochInForce> in_force = relay_->StartEpoch({kEpoch, kEpoch, kSequenceMax - 2});
  ASSERT_TRUE(in_force.ok()) << in_force.status();
  EXPECT_EQ(in_force->sequence, kSequenceMax - 2);
  const MirrorReply reply =
      Mirror({{"a", MakeRecord(MakeVersion(now_), "1")}, {"b", MakeRecord(MakeVersion(now_), "2")}});
  EXPECT_EQ(reply.sequence, kSequenceMax);
  EXPECT_EQ(NextEvent().first_sequence, kSequenceMax - 1);
  const absl::StatusOr<RelayChangePage> page = relay_->ReadChanges(kSequenceMax - 1, 10, 1 << 20);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->changes.size(), 1u);
  EXPECT_EQ(page->covered_sequence, kSequenceMax);
  const absl::StatusOr<RelayChangePage> half = relay_->ReadChanges(kSequenceMax - 2, 1, 1 << 20);
  ASSERT_TRUE(half.ok()) << half.status();
  EXPECT_EQ(half->covered_sequence, kSequenceMax - 1);
}

TEST_P(RelayMirrorTest, APipelineIsAnsweredInTheOrderOfSending) {
  for (uint64_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(relay_->SendMirror(Batch({{absl::StrCat("key", i), MakeRecord(MakeVersion(now_), "1")}})).ok());
  }
  for (uint64_t i = 0; i < 4; ++i) {
    const absl::StatusOr<MirrorReply> reply = relay_->ReceiveMirrorReply();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->items[0].sequence, i + 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, RelayMirrorTest, testing::ValuesIn(RelayBackends()), BackendName);

}  // namespace
}  // namespace dunlin
