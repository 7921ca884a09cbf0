// Goal: a replica and a Redis that both hold data end with the same records, each with the newest version that either
// had, and no value travels that the other side has.
// Method: first a follower, then a mirror, between a store and a Redis that are lists; what travels is noted.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/record.h"
#include "sync/epoch.h"
#include "sync/follower.h"
#include "sync/mirror.h"
#include "tests/sync/listed_redis.h"
#include "tests/sync/test_records.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr uint64_t kEpoch = 7;
constexpr uint64_t kFleet = 3;
constexpr uint64_t kStoreId = 5;

class ReconcileTest : public testing::Test {
 protected:
  ReconcileTest() {
    redis_.epoch = kEpoch;
    redis_.fleet_id = FormatEpoch(kFleet);
  }

  void InStore(const std::string& key, uint64_t time) { store_[key] = MakeRecord(Version{time, 1}, key); }
  void InRedis(const std::string& key, uint64_t time) { PutIntoRedis(key, MakeRecord(Version{time, 1}, key)); }

  Entries Redis() const { return redis_.UpTo(redis_.sequence); }

  // What the store lacks comes from Redis.
  void Follow() {
    Follower::Options options;
    options.epoch = kEpoch;
    options.fleet_id = kFleet;
    Follower follower(options, now_);
    follower.OnSubscribed();
    while (!follower.live() && !HasFailure()) {
      Follower::Action action = follower.Next(now_);
      if (std::get_if<Follower::Connect>(&action) != nullptr) {
        follower.OnConnected(now_);
      } else if (std::get_if<Follower::ReadPosition>(&action) != nullptr) {
        RelayPosition position;
        position.epoch = redis_.epoch;
        position.sequence = redis_.sequence;
        position.fleet_id = redis_.fleet_id;
        follower.OnPosition(position, {/*events_waiting=*/false, /*revision=*/store_.size(), 0}, now_);
      } else if (const auto* orders = std::get_if<Follower::ReadOrders>(&action)) {
        follower.OnOrders(redis_.OrdersAfter(orders->after, kPageEntries));
      } else if (const auto* compare = std::get_if<Follower::Compare>(&action)) {
        follower.OnCompared(FindOlder(store_, compare->items), now_);
      } else if (const auto* read = std::get_if<Follower::ReadRecords>(&action)) {
        follower.OnRecords(RecordsOf(read->keys));
      } else if (const auto* changes = std::get_if<Follower::ReadChanges>(&action)) {
        follower.OnChanges(redis_.ChangesAfter(changes->after, kPageEntries), now_);
      } else if (const auto* apply = std::get_if<Follower::Apply>(&action)) {
        Merge(apply->batch);
        follower.OnApplied(ApplyResult(), now_);
      } else {
        ADD_FAILURE() << "the action has index " << action.index();
      }
    }
  }

  // What Redis lacks comes from the store, which puts all that it holds into its outbox.
  void Refill() {
    Mirror mirror(Mirror::Options{kStoreId, kEpoch, /*mirrored_revision=*/0, /*seed=*/1});
    mirror.UpdateAllowance(/*barrier_open=*/true, StoreState(), now_);
    while (mirror.mirrored_revision() < store_.size() && !HasFailure()) {
      Mirror::Action action = mirror.Next(now_);
      if (std::get_if<Mirror::Connect>(&action) != nullptr) {
        mirror.OnConnected(now_);
      } else if (const auto* outbox = std::get_if<Mirror::ReadOutbox>(&action)) {
        mirror.OnOutboxPage(OutboxAfter(outbox->after_revision));
      } else if (const auto* find = std::get_if<Mirror::FindMissing>(&action)) {
        mirror.OnMissing(MissingReply{false, kEpoch, FindOlder(Redis(), find->query.items)}, now_);
      } else if (const auto* send = std::get_if<Mirror::Send>(&action)) {
        replies_.push_back(Accept(send->batch));
        mirror.OnSent();
      } else if (std::get_if<Mirror::Receive>(&action) != nullptr) {
        ASSERT_FALSE(replies_.empty());
        mirror.OnReply(std::move(replies_.front()), now_);
        replies_.pop_front();
      } else {
        ASSERT_NE(std::get_if<Mirror::Advance>(&action), nullptr) << "the action has index " << action.index();
      }
    }
  }

  // The keys of the records that have travelled.
  std::vector<std::string> read_;
  std::vector<std::string> sent_;
  Entries store_;

 private:
  static constexpr size_t kPageEntries = 2;

  static std::vector<size_t> FindOlder(const Entries& entries, const std::vector<KeyAndOrder>& items) {
    std::vector<size_t> older;
    for (size_t i = 0; i < items.size(); ++i) {
      const auto found = entries.find(items[i].key);
      if (found == entries.end() || RecordOrder(found->second) < items[i].order) {
        older.push_back(i);
      }
    }
    return older;
  }

  void PutIntoRedis(const std::string& key, const std::string& record) {
    redis_.entries[key] = {++redis_.sequence, record};
  }

  RelayRecords RecordsOf(const std::vector<std::string>& keys) {
    RelayRecords records;
    records.epoch = kEpoch;
    for (const std::string& key : keys) {
      read_.push_back(key);
      records.records.push_back(redis_.entries.at(key).second);
    }
    return records;
  }

  void Merge(const RemoteBatch& batch) {
    for (const VersionedRecord& record : batch.records) {
      std::string& stored = store_[record.key];
      if (stored.empty() || Supersedes(record.encoded_record, stored)) {
        stored = record.encoded_record;
      }
    }
  }

  // The store's records have the revisions 1, 2, 3, in the order of their keys.
  ChangePage OutboxAfter(uint64_t revision) const {
    ChangePage page;
    page.known_to_redis = true;
    page.complete = true;
    page.covered_revision = revision;
    uint64_t at = 0;
    for (const auto& [key, record] : store_) {
      if (++at <= revision) {
        continue;
      }
      if (page.changes.size() == kPageEntries) {
        page.complete = false;
        break;
      }
      Change change;
      change.key = key;
      change.revision = at;
      change.encoded_record = record;
      page.changes.push_back(std::move(change));
      page.covered_revision = at;
    }
    return page;
  }

  MirrorReply Accept(const MirrorBatch& batch) {
    MirrorReply reply;
    for (const KeyedRecord& item : batch.items) {
      sent_.push_back(item.key);
      PutIntoRedis(item.key, item.record);
      reply.items.push_back({MirrorItemReply::Outcome::kAccepted, redis_.sequence, ""});
    }
    return reply;
  }

  const absl::Time now_ = absl::FromUnixSeconds(1000);
  ListedRedis redis_;
  std::deque<MirrorReply> replies_;
};

TEST_F(ReconcileTest, BothSidesEndWithTheNewestOfEitherAndOnlyThatTravels) {
  InStore("newer here", 9);
  InRedis("newer here", 1);
  InStore("newer there", 1);
  InRedis("newer there", 9);
  InStore("only here", 4);
  InRedis("only there", 4);
  InStore("the same", 5);
  InRedis("the same", 5);
  Follow();
  EXPECT_THAT(read_, UnorderedElementsAre("newer there", "only there"));
  Refill();
  EXPECT_THAT(sent_, ElementsAre("newer here", "only here"));
  EXPECT_EQ(Redis(), store_);
  ASSERT_EQ(store_.size(), 5u);
  for (const std::string key : {"newer here", "newer there"}) {
    EXPECT_EQ(store_.at(key), MakeRecord(Version{9, 1}, key));
  }
}

TEST_F(ReconcileTest, BetweenEqualSidesNoValueTravels) {
  for (const std::string key : {"a", "b", "c", "d", "e"}) {
    InStore(key, 5);
    InRedis(key, 5);
  }
  Follow();
  Refill();
  EXPECT_THAT(read_, IsEmpty());
  EXPECT_THAT(sent_, IsEmpty());
  EXPECT_EQ(Redis(), store_);
}

TEST_F(ReconcileTest, AnEmptiedRedisGetsEverythingAndTakesNothing) {
  for (const std::string key : {"a", "b", "c", "d", "e"}) {
    InStore(key, 5);
  }
  Follow();
  EXPECT_EQ(store_.size(), 5u);
  Refill();
  EXPECT_THAT(sent_, ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(Redis(), store_);
}

}  // namespace
}  // namespace dunlin
