// Goal: records that are in Redis, and not in its index, come back to where replicas look for them, each once and as it
// is. Method: the same calls to a real Redis and to the simulator's model, whose index is taken away behind the relay's
// back.

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "sync/event_message.h"
#include "tests/sync/relay_conformance_test_base.h"

namespace dunlin {
namespace {

constexpr size_t kManyBytes = size_t{1} << 20;

class RelayReindexTest : public RelayConformanceTestBase {
 protected:
  ReindexReply Page(uint64_t cursor, size_t records_max = 1000, size_t size_max_bytes = kManyBytes) {
    const absl::StatusOr<ReindexReply> reply = relay_->Reindex({kEpoch, kOrigin, cursor, records_max, size_max_bytes});
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *reply : ReindexReply();
  }

  uint64_t Unindexed() { return ReadPosition({kNoEpoch, ""}).unindexed; }
};

TEST_P(RelayReindexTest, WithAWholeIndexThereIsNothingToFind) {
  MirrorKeys(3);
  backend_->NextEvent();
  EXPECT_EQ(Unindexed(), 0u);
  const ReindexReply reply = Page(0);
  EXPECT_EQ(reply.epoch, kEpoch);
  EXPECT_EQ(reply.found, 0u);
  EXPECT_EQ(reply.next_cursor, 0u);
  EXPECT_EQ(backend_->MetaField("sequence"), 3u);
  EXPECT_TRUE(backend_->NothingWasPublished());
}

TEST_P(RelayReindexTest, WhatTheIndexHasLostGetsANewSequenceAndAnEvent) {
  MirrorKeys(3);
  const std::string tombstone = MakeTombstone(MakeVersion(absl::Now()));
  Mirror({{"deleted", tombstone}});
  backend_->NextEvent();
  backend_->NextEvent();
  backend_->EraseIndex();
  EXPECT_EQ(Unindexed(), 4u);
  // One of them is brought by a replica meanwhile.
  Mirror({{"key1", record_}});
  backend_->NextEvent();
  EXPECT_EQ(Unindexed(), 3u);

  EXPECT_EQ(Page(0).found, 3u);
  EXPECT_EQ(Unindexed(), 0u);
  const std::string bytes = backend_->NextEvent();
  const absl::StatusOr<EventMessage> event = DecodeEventMessage(bytes);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->first_sequence, 6u);
  EXPECT_EQ(event->origin, kOrigin);
  ASSERT_EQ(event->items.size(), 3u);
  for (const EventItem& item : event->items) {
    EXPECT_EQ(item.body, item.key == "deleted" ? tombstone : record_) << item.key;
    EXPECT_EQ(backend_->Record(item.key), item.body);
  }
  const RelayChangePage changes = ReadChanges(0);
  ASSERT_EQ(changes.changes.size(), 4u);
  EXPECT_EQ(changes.changes.front().key, "key1");
  EXPECT_EQ(changes.sequence, 8u);
  EXPECT_EQ(Page(0).found, 0u) << "once is enough";
}

TEST_P(RelayReindexTest, ARoundGoesPageByPageAndFindsEachRecordOnce) {
  // So many that no hash of Redis comes whole at once.
  constexpr int kRecords = 1000;
  MirrorKeys(kRecords);
  backend_->EraseIndex();
  uint64_t cursor = 0;
  uint64_t found = 0;
  int pages = 0;
  do {
    const ReindexReply reply = Page(cursor, 100);
    EXPECT_LT(reply.found, 300u) << "a page is bounded";
    found += reply.found;
    cursor = reply.next_cursor;
    ++pages;
  } while (cursor != 0 && !HasFailure());
  EXPECT_EQ(found, uint64_t{kRecords});
  EXPECT_GT(pages, 3);
  std::set<std::string> keys;
  for (const RelayChange& change : ReadChanges(0, 2 * kRecords).changes) {
    keys.insert(change.key);
  }
  EXPECT_EQ(keys.size(), size_t{kRecords});
  EXPECT_EQ(ReadPosition({kNoEpoch, ""}).sequence, uint64_t{2 * kRecords});
}

TEST_P(RelayReindexTest, LargeRecordsEndAPageEarlier) {
  const std::string large = MakeRecord(MakeVersion(absl::Now()), std::string(100000, 'x'));
  for (int i = 0; i < 200; ++i) {
    Mirror({{absl::StrCat("key", i), large}});
  }
  backend_->EraseIndex();
  const ReindexReply reply = Page(0);
  EXPECT_GE(reply.found, 10u);
  EXPECT_LT(reply.found, 100u);
  EXPECT_NE(reply.next_cursor, 0u);
}

TEST_P(RelayReindexTest, TheLossOfAPartIsNotTakenForHealed) {
  MirrorKeys(3);
  backend_->EraseIndex();
  Page(0);
  EXPECT_EQ(ReadPosition({9, "fleet"}).epoch, 9u) << "replicas have to compare what they have";
  EXPECT_EQ(ReadPosition({10, "fleet"}).epoch, 9u);
}

TEST_P(RelayReindexTest, ADamagedRecordStaysWhereItIs) {
  MirrorKeys(1);
  backend_->SetRecord("damaged", "short");
  EXPECT_EQ(Unindexed(), 1u);
  EXPECT_EQ(Page(0).found, 0u);
  EXPECT_EQ(backend_->IndexedSequence("damaged"), 0u);
}

TEST_P(RelayReindexTest, NothingIsDoneUnderAnotherEpoch) {
  MirrorKeys(1);
  backend_->EraseIndex();
  const absl::StatusOr<ReindexReply> reply = relay_->Reindex({kEpoch + 1, kOrigin, 0, 1000, kManyBytes});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->epoch_changed);
  EXPECT_EQ(reply->epoch, kEpoch);
  EXPECT_EQ(backend_->IndexedSequence("key0"), 0u);
}

INSTANTIATE_TEST_SUITE_P(Backends, RelayReindexTest, testing::ValuesIn(RelayBackends()), BackendName);

}  // namespace
}  // namespace dunlin
