// Goal: what replicas ask in order to compare what they hold with what Redis holds is answered truly: sums, orders,
// records, what is missing; and old tombstones go when their time has come, and not before.
// Method: the same calls to a real Redis and to the simulator's model.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/sync/relay_conformance_test_base.h"

namespace dunlin {
namespace {

constexpr size_t kManyBytes = size_t{1} << 20;

class RelayReconcileTest : public RelayConformanceTestBase {
 protected:
  RelayPosition Position(uint64_t store_id = 0, uint64_t boot_id = 0) {
    return ReadPosition({kNoEpoch, "", LeaseRequest{store_id, boot_id}});
  }

  CollectReply Collect(absl::Duration horizon, uint64_t after = 0, size_t entries_max = 1000) {
    CollectQuery query;
    query.epoch = kEpoch;
    query.horizon = horizon;
    query.sample_period = absl::ZeroDuration();
    query.after = after;
    query.entries_max = entries_max;
    absl::StatusOr<CollectReply> reply = relay_->Collect(query);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *std::move(reply) : CollectReply();
  }

  MissingReply FindMissing(std::vector<KeyAndOrder> items) {
    absl::StatusOr<MissingReply> reply = relay_->FindMissing({kEpoch, std::move(items)});
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *std::move(reply) : MissingReply();
  }

  // The versions of a test share their time: the counter orders them.
  std::string Value(uint64_t counter, absl::string_view value = "value") const {
    return MakeRecord(MakeVersion(start_, counter), value);
  }
  std::string Tombstone(uint64_t counter) const {
    Record record;
    record.version = MakeVersion(start_, counter);
    record.tombstone = true;
    return EncodeRecord(record);
  }
  std::string Expired(uint64_t counter) const {
    Record record;
    record.version = MakeVersion(start_, counter);
    record.expiry_unix_ms = 1;
    record.value = "v";
    return EncodeRecord(record);
  }
  static ContentSum SumOf(const std::vector<std::string>& records) {
    ContentSum sum;
    for (const std::string& record : records) {
      sum.Add(record);
    }
    return sum;
  }

  const absl::Time start_ = absl::Now();
};

// ---- The sum ----

TEST_P(RelayReconcileTest, TheSumIsThatOfWhatIsStored) {
  EXPECT_EQ(Position().sum, ContentSum());
  const std::string a = Value(1);
  const std::string b = Value(2, "another");
  Mirror({{"a", a}, {"b", b}});
  EXPECT_EQ(Position().records, 2u);
  EXPECT_EQ(Position().sum, SumOf({a, b}));
  // What is replaced leaves the sum, what loses or is there already does not enter it.
  const std::string newer = Tombstone(3);
  Mirror({{"a", newer}});
  Mirror({{"a", a}, {"b", b}});
  EXPECT_EQ(Position().records, 2u);
  EXPECT_EQ(Position().sum, SumOf({newer, b}));
}

TEST_P(RelayReconcileTest, AConditionalWriteIsInTheSumToo) {
  const std::string record = Value(1);
  ConditionalWrite write;
  write.epoch = kEpoch;
  write.origin = kOrigin;
  write.item = {"a", record};
  ASSERT_TRUE(relay_->WriteIf(write).ok());
  EXPECT_EQ(Position().sum, SumOf({record}));
}

TEST_P(RelayReconcileTest, AfterADamagedRecordWasReplacedTheSumIsUnknown) {
  Mirror({{"a", Value(1)}, {"b", Value(2)}});
  backend_->SetRecord("a", "damaged");
  Mirror({{"a", Value(3)}});
  EXPECT_EQ(Position().sum, std::nullopt);
  Mirror({{"b", Value(4)}});
  EXPECT_EQ(Position().sum, std::nullopt);
}

TEST_P(RelayReconcileTest, WithHalfOfTheDataLostTheSumIsUnknown) {
  Mirror({{"a", Value(1)}, {"b", Value(2)}});
  backend_->EraseRecord("a");
  EXPECT_EQ(Position().sum, std::nullopt);
}

TEST_P(RelayReconcileTest, WithoutItsMetaTheSumOfWhatIsThereIsUnknown) {
  Mirror({{"a", Value(1)}});
  backend_->EraseMeta();
  EXPECT_EQ(Position().sum, std::nullopt);
}

TEST_P(RelayReconcileTest, AnEmptiedRedisBeginsWithTheSumOfNothing) {
  Mirror({{"a", Value(1)}});
  backend_->EraseEverything();
  EXPECT_EQ(Position().records, 0u);
  EXPECT_EQ(Position().sum, ContentSum());
}

// ---- Orders and records ----

TEST_P(RelayReconcileTest, OrdersComeInThePlaceOfRecords) {
  const std::string a = Value(1);
  const std::string b = Value(2, std::string(1000, 'x'));
  Mirror({{"a", a}, {"b", b}});
  const absl::StatusOr<RelayChangePage> page = relay_->ReadOrders(0, 10, kManyBytes);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->changes.size(), 2u);
  EXPECT_EQ(page->changes[0].record, RecordOrder(a));
  EXPECT_EQ(page->changes[1].record, RecordOrder(b));
  EXPECT_TRUE(page->complete);
  EXPECT_EQ(page->covered_sequence, 2u);
  // What is read counts, not what is returned.
  const absl::StatusOr<RelayChangePage> small = relay_->ReadOrders(0, 10, 100);
  ASSERT_TRUE(small.ok()) << small.status();
  EXPECT_EQ(small->changes.size(), 1u);
  EXPECT_FALSE(small->complete);
}

// Redis holds what earlier releases have written until it is written again.
TEST_P(RelayReconcileTest, RecordsOfTheFormatBeforeCountAsAllOthersDo) {
  const Version version = MakeVersion(absl::Now());
  const std::string old = MakeRecordOfFormat0(version, "v");
  const std::string clash = MakeRecord(version, "v");
  const std::string next = Value(2);
  Mirror({{"a", old}, {"b", next}});
  EXPECT_EQ(Position().sum, SumOf({old, next}));
  const absl::StatusOr<RelayChangePage> page = relay_->ReadOrders(0, 10, kManyBytes);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->changes.size(), 2u);
  EXPECT_EQ(page->changes[0].record, RecordOrder(old));
  EXPECT_EQ(FindMissing({{"a", RecordOrder(old)}}).missing, std::vector<size_t>());
  // One version of two contents is settled by the checksum, in whatever format.
  const bool clash_wins = Supersedes(clash, old);
  EXPECT_EQ(FindMissing({{"a", RecordOrder(clash)}}).missing.empty(), !clash_wins);
  Mirror({{"a", clash}});
  EXPECT_EQ(Position().sum, SumOf({clash_wins ? clash : old, next}));
  // An expiry that is cut off makes it no record: it is missing.
  std::string damaged = old.substr(0, 24);
  damaged[16] = 2;
  backend_->SetRecord("a", damaged);
  EXPECT_EQ(FindMissing({{"a", RecordOrder(old)}}).missing, std::vector<size_t>{0});
}

TEST_P(RelayReconcileTest, RecordsComeInTheOrderOfTheirKeysAndAsFarAsTheyFit) {
  const std::string a = Value(1);
  const std::string b = Value(2);
  Mirror({{"a", a}, {"b", b}});
  const absl::StatusOr<RelayRecords> all = relay_->ReadRecords({"b", "none", "a"}, kManyBytes);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->epoch, kEpoch);
  EXPECT_EQ(all->records, (std::vector<std::string>{b, "", a}));
  const absl::StatusOr<RelayRecords> first = relay_->ReadRecords({"b", "a"}, 1);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->records, std::vector<std::string>{b});
}

// What is left says nothing of what has changed: a follower would take it for all.
TEST_P(RelayReconcileTest, WhatHasLostAPartIsOfNoEpoch) {
  Mirror({{"a", Value(1)}, {"b", Value(2)}});
  backend_->EraseIndex();
  const absl::StatusOr<RelayChangePage> page = relay_->ReadChanges(0, 10, kManyBytes);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->epoch, kNoEpoch);
  const absl::StatusOr<DeliveredReply> delivered = relay_->FindDelivered({kOrigin});
  ASSERT_TRUE(delivered.ok()) << delivered.status();
  EXPECT_EQ(delivered->epoch, kNoEpoch);
  EXPECT_EQ(delivered->revisions, std::vector<uint64_t>{0});
}

// ---- What is missing ----

TEST_P(RelayReconcileTest, MissingIsWhatIsAbsentOlderDamagedOrNotIndexed) {
  const std::string old = Value(1);
  const std::string same = Value(2);
  const std::string newer = Value(4);
  Mirror({{"old", old}, {"same", same}, {"newer", newer}, {"damaged", Value(5)}});
  backend_->SetRecord("damaged", "x");
  const MissingReply reply = FindMissing({{"absent", RecordOrder(old)},
                                          {"old", RecordOrder(Value(3))},
                                          {"same", RecordOrder(same)},
                                          {"newer", RecordOrder(Value(3))},
                                          {"damaged", RecordOrder(old)}});
  EXPECT_FALSE(reply.epoch_changed);
  EXPECT_EQ(reply.missing, (std::vector<size_t>{0, 1, 4}));
  backend_->EraseIndex();
  EXPECT_EQ(FindMissing({{"same", RecordOrder(same)}}).missing, std::vector<size_t>{0});
}

TEST_P(RelayReconcileTest, UnderAnotherEpochNothingIsTold) {
  const absl::StatusOr<MissingReply> reply = relay_->FindMissing({kEpoch + 1, {{"a", RecordOrder(Value(1))}}});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->epoch_changed);
  EXPECT_EQ(reply->epoch, kEpoch);
  EXPECT_TRUE(reply->missing.empty());
}

TEST_P(RelayReconcileTest, WhatRedisHasHadBeforeMayBeAheadOfItsClock) {
  const std::string ahead = MakeRecord(MakeVersion(absl::Now() + absl::Hours(1)), "v");
  EXPECT_EQ(Mirror({{"a", ahead}}).outcome, MirrorReply::Outcome::kClockAhead);
  MirrorBatch batch = Batch({{"a", ahead}});
  batch.known_to_redis = true;
  const absl::StatusOr<MirrorReply> reply = relay_->Mirror(batch);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->outcome, MirrorReply::Outcome::kApplied);
  EXPECT_EQ(backend_->Record("a"), ahead);
}

// ---- Old tombstones ----

TEST_P(RelayReconcileTest, TombstonesAndExpiredRecordsGoWhenTheyAreOlderThanTheHorizon) {
  const std::string kept = Value(1);
  Mirror({{"kept", kept}, {"deleted", Tombstone(2)}, {"expired", Expired(3)}});
  EXPECT_EQ(Collect(absl::Hours(1)).removed, 0u);
  ASSERT_TRUE(Eventually([&] { return Collect(absl::Milliseconds(1)).removed == 2; }));
  EXPECT_EQ(backend_->Record("deleted"), "");
  EXPECT_EQ(backend_->Record("expired"), "");
  EXPECT_EQ(backend_->IndexedSequence("expired"), 0u);
  EXPECT_EQ(backend_->Record("kept"), kept);
  EXPECT_EQ(Position().gc_sequence, 3u);
  EXPECT_EQ(Position().sequence, 3u);
  EXPECT_EQ(Position().records, 1u);
  EXPECT_EQ(Position().sum, SumOf({kept}));
}

TEST_P(RelayReconcileTest, TheAgeOfATombstoneIsCountedFromWhenItCameToRedis) {
  Record record;
  record.version = MakeVersion(absl::Now() - absl::Hours(1000));
  record.tombstone = true;
  Mirror({{"deleted long ago", EncodeRecord(record)}});
  EXPECT_EQ(Collect(absl::Hours(1)).removed, 0u);
  EXPECT_EQ(Collect(absl::Hours(1)).removed, 0u);
  EXPECT_NE(backend_->Record("deleted long ago"), "");
}

TEST_P(RelayReconcileTest, ARoundGoesPageByPage) {
  std::vector<KeyedRecord> items;
  for (uint64_t i = 0; i < 5; ++i) {
    items.push_back({absl::StrCat("k", i), Tombstone(i)});
  }
  Mirror(items);
  Collect(absl::Hours(1));
  const absl::Time noted = Position().redis_time;
  ASSERT_TRUE(Eventually([&] { return Position().redis_time > noted + absl::Milliseconds(2); }));
  const CollectReply first = Collect(absl::Milliseconds(1), 0, 2);
  EXPECT_EQ(first.removed, 2u);
  EXPECT_EQ(first.next_after, 2u);
  const CollectReply rest = Collect(absl::Milliseconds(1), first.next_after, 10);
  EXPECT_EQ(rest.removed, 3u);
  EXPECT_EQ(rest.next_after, 0u);
}

TEST_P(RelayReconcileTest, NothingIsCollectedUnderAnotherEpoch) {
  CollectQuery query;
  query.epoch = kEpoch + 1;
  query.entries_max = 1;
  const absl::StatusOr<CollectReply> reply = relay_->Collect(query);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->epoch_changed);
}

// ---- Leases ----

TEST_P(RelayReconcileTest, AnotherRunUnderTheSameIdIsARival) {
  EXPECT_EQ(Position(5, 1).rival_lease, "");
  EXPECT_EQ(Position(5, 1).rival_lease, "");
  const std::string rival = Position(5, 2).rival_lease;
  EXPECT_EQ(rival.substr(0, 17), "0000000000000001:");
  // It has not taken the lease over.
  EXPECT_EQ(Position(5, 1).rival_lease, "");
  EXPECT_EQ(Position(6, 3).rival_lease, "");
}

TEST_P(RelayReconcileTest, TheLowestIdCollects) {
  Position(0xffffffffffffffff, 1);
  EXPECT_TRUE(Position(0xffffffffffffffff, 1).caretaker);
  Position(0x8000000000000001, 2);
  EXPECT_TRUE(Position(0x8000000000000001, 2).caretaker);
  EXPECT_FALSE(Position(0xffffffffffffffff, 1).caretaker);
  Position(0x8000000000000000, 3);
  EXPECT_TRUE(Position(0x8000000000000000, 3).caretaker);
  EXPECT_FALSE(Position(0x8000000000000001, 2).caretaker);
  EXPECT_FALSE(Position().caretaker);
}

TEST_P(RelayReconcileTest, TheNextOneCollectsWhenTheLowestIsGone) {
  for (const uint64_t id : {2, 1, 3}) {
    Position(id, 9);
  }
  EXPECT_TRUE(Position(1, 9).caretaker);
  backend_->EndLease(3);
  EXPECT_TRUE(Position(1, 9).caretaker);
  EXPECT_FALSE(Position(2, 9).caretaker);
  backend_->EndLease(1);
  EXPECT_TRUE(Position(2, 9).caretaker);
  // It is back, and told so only when it holds a lease.
  EXPECT_FALSE(Position(1, 9).caretaker);
  EXPECT_TRUE(Position(1, 9).caretaker);
  EXPECT_FALSE(Position(2, 9).caretaker);
  backend_->EndLease(1);
  backend_->EndLease(2);
  EXPECT_FALSE(Position(3, 9).caretaker);
  EXPECT_TRUE(Position(3, 9).caretaker);
}

INSTANTIATE_TEST_SUITE_P(Backends, RelayReconcileTest, testing::ValuesIn(RelayBackends()), BackendName);

}  // namespace
}  // namespace dunlin
