#ifndef DUNLIN_TESTS_SYNC_FOLLOWER_TESTER_H_
#define DUNLIN_TESTS_SYNC_FOLLOWER_TESTER_H_

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "storage/record.h"
#include "sync/epoch.h"
#include "sync/event_message.h"
#include "sync/follower.h"
#include "tests/sync/test_records.h"

namespace dunlin {

// A Follower whose driver is the test: it says what happened and checks what the follower wants.
class FollowerTester : public testing::Test {
 protected:
  static constexpr uint64_t kEpoch = 7;
  static constexpr uint64_t kFleet = 3;

  // What the store remembers from before.
  static Follower::Options Known(uint64_t applied_sequence) {
    Follower::Options options;
    options.epoch = kEpoch;
    options.applied_sequence = applied_sequence;
    options.fleet_id = kFleet;
    options.seed = 1;
    return options;
  }

  void Begin(const Follower::Options& options) { follower_.emplace(options, now_); }

  // The next action, which must be a T.
  template <typename T>
  T Next() {
    Follower::Action action = follower_->Next(now_);
    T* wanted = std::get_if<T>(&action);
    EXPECT_NE(wanted, nullptr) << "the action has index " << action.index();
    return wanted != nullptr ? std::move(*wanted) : T();
  }

  static RelayPosition PositionAt(uint64_t sequence, uint64_t epoch = kEpoch) {
    RelayPosition position;
    position.epoch = epoch;
    position.sequence = sequence;
    position.fleet_id = FormatEpoch(kFleet);
    position.master_replid = "primary";
    return position;
  }

  // The changes after `after` up to `upto`, as one page. Key and sequence go together.
  RelayChangePage Page(uint64_t after, uint64_t upto, bool complete = true, uint64_t epoch = kEpoch) const {
    RelayChangePage page;
    page.epoch = epoch;
    page.sequence = complete ? upto : std::max(upto + 1, follower_->status().redis_sequence);
    page.complete = complete;
    page.covered_sequence = upto;
    for (uint64_t sequence = after + 1; sequence <= upto; ++sequence) {
      page.changes.push_back({KeyOf(sequence), RecordOf(sequence)});
    }
    return page;
  }

  static std::string KeyOf(uint64_t sequence) { return absl::StrCat("k", sequence); }
  static std::string RecordOf(uint64_t sequence) { return MakeRecord(Version{sequence, 1}, "v"); }

  // `items` are views of what outlives the call.
  static std::string Event(uint64_t first, int count = 1, uint64_t epoch = kEpoch,
                           EventItem::Kind kind = EventItem::Kind::kRecord) {
    EventMessage event;
    event.epoch = epoch;
    event.first_sequence = first;
    std::vector<std::pair<std::string, std::string>> texts;
    for (int i = 0; i < count; ++i) {
      texts.emplace_back(KeyOf(first + i),
                         kind == EventItem::Kind::kRecord ? RecordOf(first + i) : VersionBytes(Version{first + i, 1}));
    }
    for (const auto& [key, body] : texts) {
      event.items.push_back(EventItem{kind, key, body});
    }
    return EncodeEventMessage(event);
  }

  void Applied() { follower_->OnApplied(ApplyResult(), now_); }
  void ApplyFails() { follower_->OnApplied(absl::ResourceExhaustedError("disk full"), now_); }

  // Connects, to a Redis that stands at `position`.
  void ConnectTo(const RelayPosition& position, const Follower::Local& local = {}) {
    Next<Follower::Connect>();
    follower_->OnConnected(now_);
    Hear(position, local);
  }
  void Connect(uint64_t sequence) { ConnectTo(PositionAt(sequence)); }

  // The follower asks where Redis stands, and hears it.
  void Hear(const RelayPosition& position, const Follower::Local& local = {}) {
    Next<Follower::ReadPosition>();
    follower_->OnPosition(position, local, now_);
  }
  void HearAtHeartbeat(const RelayPosition& position, const Follower::Local& local = {}) {
    now_ += kRedisHeartbeatPeriod;
    Hear(position, local);
  }

  // Reads all after `after` in one page and applies it.
  void CatchUp(uint64_t after, uint64_t upto) {
    const RemoteBatch batch = ReadToTheEnd(after, upto);
    EXPECT_EQ(batch.records.size(), upto - after);
    EXPECT_EQ(batch.applied_sequence, upto);
    EXPECT_EQ(batch.epoch, kEpoch);
    Applied();
  }

  // A follower that is live and has everything up to `sequence`.
  void GoLive(uint64_t sequence) {
    Begin(Known(sequence));
    follower_->OnSubscribed();
    Connect(sequence);
    CatchUp(sequence, sequence);
    EXPECT_TRUE(follower_->live());
  }

  void Heartbeat(uint64_t sequence, bool events_waiting = false) {
    HearAtHeartbeat(PositionAt(sequence), {events_waiting, 0, 0});
  }

  // As Page(), of the orders alone.
  RelayChangePage OrdersPage(uint64_t after, uint64_t upto, bool complete = true, uint64_t epoch = kEpoch) const {
    RelayChangePage page = Page(after, upto, complete, epoch);
    for (RelayChange& change : page.changes) {
      change.record = RecordOrder(change.record);
    }
    return page;
  }

  // Redis tells the orders after `after` up to `upto`, at least one; the store lacks those at the positions `lacking`.
  void Compare(uint64_t after, uint64_t upto, const std::vector<size_t>& lacking, bool complete = true) {
    EXPECT_EQ(Next<Follower::ReadOrders>().after, after);
    follower_->OnOrders(OrdersPage(after, upto, complete));
    EXPECT_EQ(Next<Follower::Compare>().items.size(), upto - after);
    follower_->OnCompared(lacking, now_);
  }

  // The last page of changes, after `after` up to `upto`. Returns the batch that is to be stored then.
  RemoteBatch ReadToTheEnd(uint64_t after, uint64_t upto) {
    EXPECT_EQ(Next<Follower::ReadChanges>().after, after);
    follower_->OnChanges(Page(after, upto), now_);
    return Next<Follower::Apply>().batch;
  }

  Follower::State state() const { return follower_->status().state; }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  absl::optional<Follower> follower_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SYNC_FOLLOWER_TESTER_H_
