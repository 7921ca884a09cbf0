// Goal: whatever happens, a reader of Watch ends with the state of the store, in order and without a hole on the way.
// Method: a model of readers over many seeds. A writer puts, deletes and lets expire, in bursts that overflow queues;
// readers are now slow, now quick, and now and then go back to any token they were given, with what they held then. The
// feed they listen to is, for half of the seeds, behind the table by as much as the test likes, as it is for a moment
// after each commit. The oracle is the store itself; WatchMirror checks each message.

#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/token.h"
#include "server/watch_session.h"
#include "storage/change_feed.h"
#include "storage/limits.h"
#include "storage/mutex.h"
#include "tests/server/replica_tester.h"
#include "tests/server/watch_mirror.h"
#include "tests/server/watch_session_tester.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

using Step = WatchSession::Step;

// LateFeed hands on what a feed publishes, when it is told to.
//
// Thread-safety: OnChanges() comes from the committer's thread; all else is for one thread.
class LateFeed final : public ChangeFeed::Listener {
 public:
  explicit LateFeed(ChangeFeed* source) : source_(source) { feed_.Publish({}, source->Subscribe(Selector(), this)); }
  ~LateFeed() override { source_->Unsubscribe(this); }

  void OnChanges(absl::Span<const ChangePtr> changes) override {
    MutexLock lock(&mutex_);
    groups_.emplace_back(changes.begin(), changes.end());
  }

  // Publishes the next group, if there is one.
  bool PublishOne() {
    std::vector<ChangePtr> group;
    {
      MutexLock lock(&mutex_);
      if (groups_.empty()) return false;
      group = std::move(groups_.front());
      groups_.pop_front();
    }
    feed_.Publish(group, group.back()->revision);
    return true;
  }

  ChangeFeed* feed() { return &feed_; }

 private:
  ChangeFeed* const source_;
  ChangeFeed feed_;
  Mutex mutex_;
  std::deque<std::vector<ChangePtr>> groups_ ABSL_GUARDED_BY(mutex_);
};

// A reader with its own idea of how fast to read, driven by hand. The writer runs beside it.
class Reader {
 public:
  Reader(uint64_t seed, const Store* store, ChangeFeed* feed)
      : random_(seed), store_(store), feed_(feed), mirror_(store->store_id()) {
    if (random_() % 2 == 0) {
      options_.selection = RandomSelection();
    }
    options_.initial_state = true;
    Reopen();
  }

  // One call of Next() or a change of mind.
  void Act() {
    const uint64_t dice = random_() % 100;
    if (dice < 3 && !tokens_.empty()) {
      Resume();
      return;
    }
    EXPECT_LE(session_->queued().events, kStreamQueueEventsMax);
    EXPECT_LE(session_->queued().size_bytes, kStreamQueueMaxBytes);
    WatchOutput output;
    const Step step = session_->Next(&output).value();
    if (step == Step::kMessage || dice < 50) {
      if (step != Step::kMessage) {
        session_->Heartbeat(&output.message);
      }
      Take(Arrived(*session_, output));
    }
  }

  void ReadToTheEnd() {
    for (Step step = Step::kMore; step != Step::kNothing;) {
      WatchOutput output;
      step = session_->Next(&output).value();
      if (step == Step::kMessage) {
        Take(Arrived(*session_, output));
      }
    }
    v1::WatchResponse message;
    session_->Heartbeat(&message);
    Take(message);
    mirror_.ExpectEqualTo(*store_, options_.selection);
  }

 private:
  struct Seen {
    std::string token;
    WatchMirror mirror;
  };

  // Some keys and prefixes, which may name the same keys.
  Selection RandomSelection() {
    std::vector<Selector> selectors = {{Selector::Kind::kPrefix, random_() % 2 == 0 ? "a/" : "a/1"}};
    for (uint64_t more = random_() % 5; more > 0; --more) {
      const std::string text = absl::StrCat(random_() % 2 == 0 ? "a/" : "b/", random_() % 40);
      selectors.push_back({random_() % 3 == 0 ? Selector::Kind::kPrefix : Selector::Kind::kKey, text});
    }
    return Selection(std::move(selectors));
  }

  void Reopen() {
    session_.reset();
    session_ = std::make_unique<WatchSession>(options_, store_, feed_, [] {});
  }

  void Take(const v1::WatchResponse& message) {
    mirror_.Apply(message);
    if (!message.token().empty()) {
      tokens_.push_back({message.token(), mirror_});
    }
    // Enough to go far back, little enough to be fast.
    if (tokens_.size() > 50) {
      tokens_.erase(tokens_.begin() + static_cast<int64_t>(random_() % tokens_.size()));
    }
  }

  // Goes on from any earlier token, holding what it held then.
  void Resume() {
    const Seen& seen = tokens_[random_() % tokens_.size()];
    mirror_ = seen.mirror;
    options_.resume = DecodePositionToken("resume_token", seen.token).value();
    Reopen();
  }

  std::mt19937_64 random_;
  const Store* const store_;
  ChangeFeed* const feed_;
  WatchSession::Options options_;
  WatchMirror mirror_;
  std::vector<Seen> tokens_;
  std::unique_ptr<WatchSession> session_;
};

Mutation RandomMutation(std::mt19937_64* random) {
  Mutation mutation;
  mutation.key = absl::StrCat((*random)() % 2 == 0 ? "a/" : "b/", (*random)() % 40);
  if ((*random)() % 5 == 0) {
    mutation.kind = Mutation::Kind::kDelete;
    return mutation;
  }
  mutation.value = absl::StrCat((*random)());
  if ((*random)() % 4 == 0) {
    mutation.ttl = absl::Milliseconds(1 + (*random)() % 300);
  }
  return mutation;
}

// Writes bursts that overflow queues, and lets time pass.
void WriteForAWhile(uint64_t seed, StoreParts* data) {
  std::mt19937_64 random(seed);
  for (int burst = 0; burst < 12; ++burst) {
    const int writes = random() % 4 == 0 ? 1500 : 20;
    for (int i = 0; i < writes; ++i) {
      LocalWrite write;
      write.mutations.push_back(RandomMutation(&random));
      if (Mutation other = RandomMutation(&random); other.key[0] != write.mutations[0].key[0]) {
        // A batch of two.
        write.mutations.push_back(std::move(other));
      }
      data->committer->Write(std::move(write), [](const absl::StatusOr<WriteResult>& result) {
        EXPECT_TRUE(result.ok()) << result.status();
      });
    }
    data->Advance(absl::Milliseconds(random() % 200));
  }
}

constexpr int kSeeds = 1000;
constexpr int kSeedsSanitized = 12;

// In two halves, so that two cores live through them.
class WatchSessionModelTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(WatchSessionModelTest, EveryReaderEndsWithTheStateOfTheStore) {
  for (const uint64_t seed : TestSeeds(TestRepetitions(kSeeds, kSeedsSanitized), 5)) {
    if (seed % 2 != GetParam()) {
      continue;
    }
    SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
    StoreParts data;
    LateFeed late(&data.feed);
    // The late feed is behind the table; the store's own may overtake a page while that is read.
    ChangeFeed* const feed = seed % 2 == 0 ? late.feed() : &data.feed;
    std::atomic<bool> writing{true};
    std::thread writer([&] {
      WriteForAWhile(seed, &data);
      writing = false;
    });
    std::vector<std::unique_ptr<Reader>> readers;
    for (uint64_t i = 0; i < 4; ++i) {
      readers.push_back(std::make_unique<Reader>(seed * 100 + i, data.store.get(), feed));
    }
    std::mt19937_64 random(seed);
    while (writing) {
      readers[random() % readers.size()]->Act();
      if (random() % 4 == 0) late.PublishOne();
    }
    writer.join();
    // What is due must not expire between the reading and the comparison.
    data.Advance(absl::Seconds(10));
    while (late.PublishOne()) readers[random() % readers.size()]->Act();
    for (const auto& reader : readers) reader->ReadToTheEnd();
    if (::testing::Test::HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, WatchSessionModelTest, ::testing::Values(0, 1),
                         [](const ::testing::TestParamInfo<uint64_t>& half) {
                           return half.param == 0 ? "Even" : "Odd";
                         });

}  // namespace
}  // namespace dunlin
