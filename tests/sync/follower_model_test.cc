// Goal: however messages are lost, repeated and cut off, a replica never skips a change, never says that it has what it
// lacks, never goes back to an older value, and has everything once the faults stop.
// Method: a follower in a small model of the world: Redis is a list of accepted writes that may lose its end or all of
// it, events may be dropped or come twice, calls and the store may fail. Every step is drawn from a seed.

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "storage/record.h"
#include "sync/epoch.h"
#include "sync/event_message.h"
#include "sync/follower.h"
#include "tests/support/test_size.h"
#include "tests/sync/listed_redis.h"
#include "tests/sync/seeded_world.h"
#include "tests/sync/test_records.h"

namespace dunlin {
namespace {

// What a page of Redis' answers holds, so that a few keys make several.
constexpr size_t kPageEntries = 3;

Follower::Options OptionsWithSeed(uint64_t seed) {
  Follower::Options options;
  options.seed = seed;
  return options;
}

class World : public SeededWorld {
 public:
  explicit World(uint64_t seed) : SeededWorld(seed), follower_(OptionsWithSeed(seed), now_) {}

  // One step: something happens in the world, or the follower gets to act.
  void Step() {
    const int what = Below(100);
    if (what < 30) {
      Write();
    } else if (what < 45) {
      Deliver();
    } else if (what < 55) {
      AnswerStore();
    } else if (faults_ && what < 65) {
      Misfortune(Below(9));
    } else if (what < 67) {
      follower_.OnDeliveryAwaited(Below(2) == 0 ? std::vector<uint64_t>{1} : std::vector<uint64_t>());
    } else {
      Act();
    }
    Check();
  }

  // No more faults and writes: the follower must get there. Returns whether it did.
  bool Settle() {
    faults_ = false;
    if (!subscribed_) {
      Subscribe();
    }
    for (int i = 0; i < 3000; ++i) {
      while (!ring_.empty() && follower_.WantsEvent()) {
        Deliver();
      }
      AnswerStore();
      Act();
      Check();
      if (testing::Test::HasFailure()) {
        return false;
      }
      if (follower_.live() && position_ == std::make_pair(redis_.epoch, redis_.sequence)) {
        return true;
      }
    }
    return false;
  }

  void ExpectSettled() {
    EXPECT_TRUE(Covers(store_, redis_.UpTo(redis_.sequence)));
    EXPECT_EQ(follower_.status().redis_sequence, redis_.sequence);
  }

 private:
  // Somebody else's batch is accepted by Redis and published.
  void Write() {
    if (redis_.epoch == kNoEpoch) {
      return;
    }
    EventMessage event;
    event.epoch = redis_.epoch;
    event.first_sequence = redis_.sequence + 1;
    std::map<std::string, std::pair<std::string, EventItem::Kind>> items;
    for (int i = Below(3); i >= 0; --i) {
      const Version version{++version_, 1};
      const bool reference = Below(10) == 0;
      items[absl::StrCat("key", Below(12))] = {MakeRecord(version, absl::StrCat("v", version_)),
                                               reference ? EventItem::Kind::kReference : EventItem::Kind::kRecord};
    }
    for (const auto& [key, item] : items) {
      redis_.entries[key] = {++redis_.sequence, item.first};
      history_[redis_.sequence] = {key, item.first};
      const absl::string_view record = item.first;
      event.items.push_back(EventItem{
          item.second, key, item.second == EventItem::Kind::kRecord ? record : record.substr(0, kVersionSizeBytes)});
    }
    Publish(EncodeEventMessage(event));
  }

  void Publish(std::string message) {
    if (!subscribed_ || OneIn(25)) {
      return;
    }
    if (ring_.size() >= 10) {
      follower_.OnOverflow();
      return;
    }
    if (OneIn(25)) {
      ring_.push_back(message);
    }
    if (OneIn(50)) {
      message.resize(Below(static_cast<int>(message.size())));
    }
    ring_.push_back(std::move(message));
  }

  void Deliver() {
    if (!ring_.empty() && follower_.WantsEvent()) {
      const std::string message = ring_.front();
      ring_.pop_front();
      follower_.OnEvent(message, now_);
    }
  }

  void Subscribe() {
    subscribed_ = true;
    follower_.OnSubscribed();
  }

  void Misfortune(int which) {
    if (which < 2) {
      subscribed_ = false;
      follower_.OnSubscriptionLost(absl::UnavailableError("subscription lost"));
    } else if (which < 6) {
      Subscribe();
    } else if (which == 6) {
      now_ += kRedisHeartbeatPeriod;
    } else if (which == 7 && Below(4) == 0) {
      // Another primary, which has got only a part of the writes.
      ++redis_.primary;
      redis_.repeats_sequences = true;
      connected_ = false;
      redis_.sequence -= std::min<uint64_t>(redis_.sequence, Below(5));
      for (auto it = redis_.entries.begin(); it != redis_.entries.end();) {
        it = it->second.first > redis_.sequence ? redis_.entries.erase(it) : std::next(it);
      }
      // A key whose latest write it has lost, it does not have at all.
      for (auto it = history_.begin(); it != history_.end();) {
        it = redis_.entries.count(it->second.first) == 0 ? history_.erase(it) : std::next(it);
      }
    } else if (which == 8 && Below(8) == 0) {
      redis_ = ListedRedis();
      history_.clear();
    }
  }

  void AnswerStore() {
    if (entering_.has_value()) {
      if (OneIn(5)) {
        entering_.reset();
        follower_.OnEpochEntered(absl::UnavailableError("disk"), now_);
        return;
      }
      position_ = {entering_->epoch, 0};
      entering_.reset();
      follower_.OnEpochEntered(EpochEntry{0, true}, now_);
    } else if (applying_.has_value()) {
      RemoteBatch batch = *std::exchange(applying_, std::nullopt);
      if (OneIn(8)) {
        follower_.OnApplied(absl::UnavailableError("disk"), now_);
        return;
      }
      Merge(batch);
      follower_.OnApplied(ApplyResult(), now_);
    }
  }

  void Merge(const RemoteBatch& batch) {
    for (const VersionedRecord& record : batch.records) {
      std::string& stored = store_[record.key];
      if (stored.empty() || Supersedes(record.encoded_record, stored)) {
        stored = record.encoded_record;
      }
    }
    ASSERT_EQ(batch.epoch, position_.first) << "a batch of another epoch";
    ASSERT_GE(batch.applied_sequence, position_.second) << "the position goes back";
    position_.second = batch.applied_sequence;
  }

  // Returns whether the call comes back.
  bool CallSucceeds() {
    if (connected_ && !OneIn(12)) {
      return true;
    }
    connected_ = connected_ && Below(3) == 0;
    follower_.OnRelayError(absl::UnavailableError("call failed"), connected_, now_);
    return false;
  }

  void Act() {
    Follower::Action action = follower_.Next(now_);
    std::visit([this](auto& what) { Do(what); }, action);
  }

  void Do(const Follower::Wait& wait) {
    if (!applying_.has_value() && !entering_.has_value()) {
      ASSERT_NE(wait.until, absl::InfiniteFuture()) << "nothing is under way that could end the wait";
    }
    if (ring_.empty() || !follower_.WantsEvent()) {
      now_ = wait.until == absl::InfiniteFuture() ? now_ : std::max(now_, wait.until);
    }
  }

  void Do(const Follower::Connect&) {
    connected_ = true;
    if (CallSucceeds()) {
      follower_.OnConnected(now_);
    }
  }

  void Do(const Follower::ReadPosition& read) {
    if (!CallSucceeds()) {
      return;
    }
    if (redis_.epoch == kNoEpoch && read.proposal.epoch != kNoEpoch) {
      redis_.epoch = read.proposal.epoch;
      redis_.fleet_id = read.proposal.fleet_id;
    }
    RelayPosition position;
    position.epoch = redis_.epoch;
    position.sequence = redis_.sequence;
    position.fleet_id = redis_.fleet_id;
    position.master_replid = absl::StrCat(redis_.primary);
    follower_.OnPosition(position, {!ring_.empty(), store_.size(), 0}, now_);
  }

  void Do(const Follower::ReadChanges& read) {
    if (CallSucceeds()) {
      follower_.OnChanges(redis_.ChangesAfter(read.after, kPageEntries), now_);
    }
  }

  void Do(const Follower::ReadOrders& read) {
    if (CallSucceeds()) {
      follower_.OnOrders(redis_.OrdersAfter(read.after, kPageEntries));
    }
  }

  void Do(const Follower::Compare& compare) {
    if (OneIn(20)) {
      follower_.OnCompared(absl::DataLossError("disk"), now_);
      return;
    }
    std::vector<size_t> older;
    for (size_t i = 0; i < compare.items.size(); ++i) {
      const auto stored = store_.find(compare.items[i].key);
      if (stored == store_.end() || RecordOrder(stored->second) < compare.items[i].order) {
        older.push_back(i);
      }
    }
    follower_.OnCompared(older, now_);
  }

  void Do(const Follower::ReadRecords& read) {
    if (!CallSucceeds()) {
      return;
    }
    RelayRecords records;
    records.epoch = redis_.epoch;
    // Some of them; the follower asks again for the rest.
    const size_t answered = 1 + static_cast<size_t>(Below(static_cast<int>(read.keys.size())));
    for (size_t i = 0; i < answered; ++i) {
      const auto found = redis_.entries.find(read.keys[i]);
      records.records.push_back(found == redis_.entries.end() ? "" : found->second.second);
    }
    follower_.OnRecords(std::move(records));
  }

  void Do(const Follower::Collect&) { follower_.OnCollected(CollectReply(), now_); }
  void Do(const Follower::Reindex&) { follower_.OnReindexed(ReindexReply(), now_); }

  void Do(const Follower::FindDelivered& find) {
    if (CallSucceeds()) {
      DeliveredReply reply;
      reply.epoch = redis_.epoch;
      reply.sequence = redis_.sequence;
      reply.revisions.resize(find.store_ids.size());
      const bool is_of_this_life = follower_.OnDelivered(reply, now_);
      EXPECT_TRUE(!is_of_this_life || reply.epoch == follower_.status().epoch);
    }
  }

  void Do(const Follower::StartEpoch& start) {
    // It may take place although its answer is lost.
    const bool answered = CallSucceeds();
    if ((answered || Below(2) == 0) && redis_.epoch == start.proposal.expected) {
      redis_.epoch = start.proposal.next;
      redis_.repeats_sequences = false;
      redis_.sequence = std::max(redis_.sequence, start.proposal.minimum_sequence);
    }
    if (answered) {
      follower_.OnEpochStarted(EpochInForce{redis_.epoch, redis_.sequence});
    }
  }

  void Do(const Follower::EnterEpoch& enter) {
    ASSERT_FALSE(applying_.has_value()) << "a new epoch while a batch of the old one is under way";
    entering_ = enter.change;
  }

  void Do(Follower::Apply& apply) {
    ASSERT_FALSE(applying_.has_value());
    applying_ = std::move(apply.batch);
  }

  void Do(const Follower::DiscardEvents&) { ring_.clear(); }

  void Check() {
    const Follower::Status status = follower_.status();
    ASSERT_EQ(std::make_pair(status.epoch, status.applied_sequence), position_) << "it says what the store does not";
    if (position_.first == redis_.epoch && redis_.epoch != kNoEpoch && !redis_.repeats_sequences) {
      ASSERT_LE(position_.second, redis_.sequence) << "ahead of what Redis has given out";
      // Of the writes that Redis still has, none up to the position is missing.
      ASSERT_TRUE(Covers(store_, redis_.UpTo(position_.second))) << "applied " << position_.second;
      // Of all writes that it has ever had in this life, none up to the whole sequence is newer than what is here.
      ASSERT_LE(status.whole_sequence, position_.second);
      for (auto it = history_.begin(); it != history_.upper_bound(status.whole_sequence); ++it) {
        ASSERT_TRUE(Covers(store_, {it->second})) << "whole up to " << status.whole_sequence;
      }
    }
  }

  ListedRedis redis_;
  // Every write of this life, by its sequence.
  std::map<uint64_t, std::pair<std::string, std::string>> history_;
  uint64_t version_ = 0;
  bool connected_ = false;
  bool subscribed_ = false;
  std::deque<std::string> ring_;

  Entries store_;
  // The store's epoch and applied sequence.
  std::pair<uint64_t, uint64_t> position_;
  std::optional<RemoteBatch> applying_;
  std::optional<EpochChange> entering_;

  Follower follower_;
};

TEST(FollowerModelTest, NothingIsSkippedAndEverythingArrives) {
  LiveThroughWorlds<World>(TestSeeds(TestRepetitions(3000, 1000)));
}

}  // namespace
}  // namespace dunlin
