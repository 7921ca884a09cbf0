// Goal: wherever calls are cut off and answers lost, no write that Redis lacks is passed by the cursor, none is sent in
// the wrong order, and everything is in Redis once the faults stop.
// Method: a mirror between a model of a store's outbox and a model of Redis; every step is drawn from a seed.

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "sync/mirror.h"
#include "tests/support/test_size.h"
#include "tests/sync/seeded_world.h"

namespace dunlin {
namespace {

// Records are versions in as many digits as a record's order has bytes, so that they are their own order.
std::string RecordOf(uint64_t version) { return absl::StrFormat("%024d", version); }

class World : public SeededWorld {
 public:
  explicit World(uint64_t seed) : SeededWorld(seed), mirror_(Mirror::Options{1, kFirstEpoch, 0, seed}) {
    mirror_.UpdateAllowance(/*barrier_open=*/true, StoreState(), now_);
  }

  void Step() {
    const int what = Below(100);
    if (what < 30) {
      Write();
    } else if (what < 35) {
      // Somebody else's write, straight into Redis.
      redis_[Key()] = RecordOf(++version_);
    } else if (what < 36) {
      LoseRedis();
    } else if (what < 40) {
      mirror_.SetPaused(Below(2) == 0);
    } else {
      Act();
    }
    Check();
  }

  // Returns whether the outbox becomes empty.
  bool Settle() {
    faults_ = false;
    mirror_.SetPaused(false);
    for (int i = 0; i < 2000 && !testing::Test::HasFailure(); ++i) {
      Act();
      Check();
      if (mirror_.mirrored_revision() == revision_ && mirror_.idle()) {
        return true;
      }
    }
    return false;
  }

  void ExpectSettled() {
    for (const auto& [key, row] : store_) {
      // What others wrote since is brought by the follower.
      EXPECT_GE(redis_[key], row.record) << key;
    }
    EXPECT_TRUE(mirror_.error().ok()) << mirror_.error();
  }

 private:
  static constexpr uint64_t kFirstEpoch = 7;

  struct Row {
    uint64_t revision = 0;
    std::string record;
    bool unsent = false;
  };

  std::string Key() { return absl::StrCat("key", Below(10)); }

  void Write() {
    // A lagging clock makes versions that lose.
    const std::string key = Key();
    const std::string version = RecordOf(version_ - std::min<uint64_t>(version_, Below(3)) + 1);
    ++version_;
    Row& row = store_[key];
    if (row.record < version) {
      row = Row{++revision_, version, true};
      mirror_.OnCommitted();
    }
  }

  // Redis has lost everything, and the store has entered the next epoch with a refill.
  void LoseRedis() {
    redis_.clear();
    ++epoch_;
    cursor_ = 0;
    refill_revision_ = revision_;
    in_flight_.clear();
    mirror_.OnEpoch(epoch_, 0, /*refill=*/true, now_);
  }

  void Act() {
    if (storing_ && Below(2) == 0) {
      AnswerStore();
      return;
    }
    if (restamping_.has_value() && Below(2) == 0) {
      AnswerRestamping();
      return;
    }
    Mirror::Action action = mirror_.Next(now_);
    std::visit([this](auto& what) { Do(what); }, action);
  }

  void AnswerStore() {
    storing_ = false;
    if (OneIn(4)) {
      mirror_.OnWinnersStored(absl::UnavailableError("disk"), now_);
      return;
    }
    for (const VersionedRecord& winner : winners_.records) {
      Row& row = store_[winner.key];
      if (row.record < winner.encoded_record) {
        row = Row{++revision_, winner.encoded_record, winners_.seen_in_epoch != epoch_};
        mirror_.OnCommitted();
      }
    }
    mirror_.OnWinnersStored(absl::OkStatus(), now_);
  }

  // What has not changed since gets another revision.
  void AnswerRestamping() {
    size_t restamped = 0;
    for (const OutboxItem& item : restamping_->items) {
      Row& row = store_[item.key];
      if (row.revision == item.revision && row.revision > high_ && Below(4) != 0) {
        row.revision = ++revision_;
        ++restamped;
        mirror_.OnCommitted();
      }
    }
    restamping_.reset();
    mirror_.OnRestamped(restamped, now_);
  }

  void Fail() { mirror_.OnRelayError(absl::UnavailableError("gone"), now_); }

  void Do(const Mirror::Wait& wait) {
    if (wait.until != absl::InfiniteFuture()) {
      ASSERT_GT(wait.until, now_) << "a wait that is none";
      now_ = wait.until;
    }
  }

  void Do(const Mirror::Connect&) {
    // Only a new connection forgets the answers that are on their way.
    in_flight_.clear();
    if (OneIn(5)) {
      Fail();
    } else {
      mirror_.OnConnected(now_);
    }
  }

  void Do(const Mirror::ReadOutbox& read) {
    ChangePage page;
    page.covered_revision = read.after_revision;
    std::map<uint64_t, std::string> rows;
    for (const auto& [key, row] : store_) {
      if (row.revision > read.after_revision) {
        rows[row.revision] = key;
      }
    }
    page.complete = true;
    for (const auto& [revision, key] : rows) {
      if (page.changes.size() == 2 || (page.changes.empty() && OneIn(6))) {
        page.complete = false;
        break;
      }
      const Row& row = store_[key];
      if (row.revision > cursor_ && (row.unsent || row.revision <= refill_revision_)) {
        const bool known = !row.unsent || row.revision <= high_;
        if (!page.changes.empty() && known != page.known_to_redis) {
          page.complete = false;
          break;
        }
        page.known_to_redis = known;
        Change change;
        change.revision = revision;
        change.key = key;
        change.encoded_record = row.record;
        page.changes.push_back(std::move(change));
      }
      page.covered_revision = revision;
    }
    if (page.complete) {
      page.covered_revision = std::max(page.covered_revision, revision_);
    }
    mirror_.OnOutboxPage(std::move(page));
  }

  void Do(const Mirror::Send& send) {
    ASSERT_EQ(send.batch.epoch, epoch_) << "sent under an epoch that the store has left";
    ASSERT_LT(in_flight_.size(), kMirrorPipelineMax);
    if (OneIn(15)) {
      Fail();
      return;
    }
    mirror_.OnSent();
    in_flight_.push_back(send.batch);
  }

  void Do(const Mirror::FindMissing& find) {
    ASSERT_TRUE(in_flight_.empty()) << "asked while a batch is under way";
    ASSERT_EQ(find.query.epoch, epoch_);
    if (OneIn(10)) {
      Fail();
      return;
    }
    MissingReply reply;
    reply.epoch = epoch_;
    for (size_t i = 0; i < find.query.items.size(); ++i) {
      if (redis_[find.query.items[i].key] < find.query.items[i].order) {
        reply.missing.push_back(i);
      }
    }
    mirror_.OnMissing(reply, now_);
  }

  void Do(Mirror::Restamp& restamp) {
    ASSERT_FALSE(restamping_.has_value());
    restamping_ = std::move(restamp.restamping);
  }

  void Do(const Mirror::Receive&) {
    ASSERT_FALSE(in_flight_.empty()) << "waits for an answer that never comes";
    const bool lost = OneIn(10);
    if (lost && Below(2) == 0) {
      Fail();
      return;
    }
    const MirrorBatch batch = std::move(in_flight_.front());
    in_flight_.pop_front();
    MirrorReply reply;
    if (!batch.known_to_redis && OneIn(20)) {
      reply.outcome = MirrorReply::Outcome::kClockAhead;
      mirror_.OnReply(std::move(reply), now_);
      return;
    }
    for (const KeyedRecord& item : batch.items) {
      std::string& stored = redis_[item.key];
      MirrorItemReply answer;
      if (stored == item.record) {
        answer.outcome = MirrorItemReply::Outcome::kAlreadyThere;
      } else if (stored > item.record) {
        answer.outcome = MirrorItemReply::Outcome::kSuperseded;
        answer.winner = stored;
      } else {
        stored = item.record;
      }
      reply.items.push_back(std::move(answer));
    }
    if (lost) {
      Fail();
    } else {
      mirror_.OnReply(std::move(reply), now_);
    }
  }

  void Do(Mirror::StoreWinners& store) {
    ASSERT_FALSE(storing_);
    storing_ = true;
    winners_ = std::move(store.winners);
  }

  void Do(const Mirror::Advance& advance) {
    ASSERT_EQ(advance.progress.epoch, epoch_);
    ASSERT_GT(advance.progress.revision, cursor_) << "the cursor goes back or stands";
    cursor_ = advance.progress.revision;
    high_ = std::max(high_, cursor_);
  }

  // What the cursor has passed is in Redis, in this or a newer version; and if it is newer, then here too or soon.
  void Check() {
    for (const auto& [key, row] : store_) {
      if (row.revision <= cursor_ && (row.unsent || row.revision <= refill_revision_)) {
        ASSERT_GE(redis_[key], row.record) << key << " was passed by the cursor";
      }
    }
  }

  uint64_t version_ = 0;

  std::map<std::string, Row> store_;
  uint64_t revision_ = 0;
  uint64_t cursor_ = 0;
  uint64_t high_ = 0;
  uint64_t refill_revision_ = 0;
  uint64_t epoch_ = kFirstEpoch;

  std::map<std::string, std::string> redis_;
  std::deque<MirrorBatch> in_flight_;
  bool storing_ = false;
  RemoteBatch winners_;
  absl::optional<Restamping> restamping_;

  Mirror mirror_;
};

TEST(MirrorModelTest, NothingIsPassedThatRedisLacksAndEverythingArrives) {
  LiveThroughWorlds<World>(TestSeeds(TestRepetitions(3000, 1000)));
}

}  // namespace
}  // namespace dunlin
