#ifndef DUNLIN_TESTS_INTEGRATION_FOLLOWER_SCENARIO_H_
#define DUNLIN_TESTS_INTEGRATION_FOLLOWER_SCENARIO_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "storage/change_feed.h"
#include "storage/committer.h"
#include "storage/hybrid_clock.h"
#include "storage/store.h"
#include "sync/follower.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace dunlin {

// FollowerScenario drives a real Follower over a real store, with a Redis made of a map, one step at a time: the test
// decides what is published, what is lost and what happens between two pages of a snapshot.
//
// Thread-safety: one thread.
class FollowerScenario {
 public:
  static constexpr uint64_t kFirstEpoch = 0x1111;
  static constexpr uint64_t kOrigin = 77;

  FollowerScenario();
  FollowerScenario(const FollowerScenario&) = delete;
  FollowerScenario& operator=(const FollowerScenario&) = delete;

  // ---- Redis ----

  // Stores a write of version `time` in Redis and returns its event, which nobody has been sent yet.
  std::string Write(const std::string& key, absl::string_view value, uint64_t time);
  std::string WriteTombstone(const std::string& key, uint64_t time);
  // Redis loses everything and begins another life.
  void LoseEverything(uint64_t next_epoch);
  // Called with the number of each page of changes, from 1, after it was made and before the follower gets it.
  std::function<void(int page)> after_page;
  // How many changes a page holds.
  size_t page_changes = 1000;
  // Fails the next page with it.
  absl::Status next_page_error;

  // ---- The subscription ----

  void Subscribe() { follower_.OnSubscribed(); }
  // Puts an event into the ring, or finds the ring full and drops it.
  void Deliver(const std::string& event) { ring_.push_back(event); }
  void DropForFullRing() { follower_.OnOverflow(); }

  // ---- The replica ----

  // Does what the follower asks for until it waits.
  void Run();
  void Advance(absl::Duration step) { now_ += step; }

  // A write of this replica's own client.
  void WriteLocally(const std::string& key, absl::string_view value, uint64_t time);

  bool live() const { return follower_.live(); }
  Follower::Status status() const { return follower_.status(); }
  int pages_read() const { return pages_read_; }
  uint64_t revision() const { return store_->state().revision; }
  // "(absent)" when there is no entry.
  std::string Get(absl::string_view key) const;

 private:
  struct Stored {
    uint64_t sequence = 0;
    std::string record;
  };

  std::string Accept(const std::string& key, const std::string& record);
  RelayPosition Position() const;
  RelayChangePage MakePage(uint64_t after, size_t changes_max) const;
  absl::StatusOr<ApplyResult> ApplyAndWait(RemoteBatch batch);

  // One for each action; false: there is nothing to do.
  bool Do(const Follower::Wait& wait);
  bool Do(const Follower::Connect& connect);
  bool Do(const Follower::ReadPosition& read);
  bool Do(const Follower::ReadChanges& read);
  bool Do(const Follower::ReadOrders& read);
  bool Do(const Follower::Compare& compare);
  bool Do(const Follower::ReadRecords& read);
  bool Do(const Follower::Collect& collect);
  bool Do(const Follower::FindDelivered& find);
  bool Do(const Follower::Reindex& reindex);
  bool Do(const Follower::StartEpoch& start);
  bool Do(const Follower::EnterEpoch& enter);
  bool Do(Follower::Apply& apply);
  bool Do(const Follower::DiscardEvents& discard);

  absl::Time now_ = absl::UnixEpoch();
  uint64_t epoch_ = kFirstEpoch;
  uint64_t sequence_ = 0;
  std::map<std::string, Stored> data_;
  std::deque<std::string> ring_;
  int pages_read_ = 0;

  const TempDir directory_;
  FakeClock wall_clock_;
  HybridClock clock_;
  ChangeFeed feed_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Committer> committer_;
  Follower follower_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_INTEGRATION_FOLLOWER_SCENARIO_H_
