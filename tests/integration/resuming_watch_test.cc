// Goal (guarantee G10): the death of replicas under many watchers that resume by themselves costs none of them a
// change: all end with exactly what the fleet holds, and see each version of a key at most once and never an older one
// later. Method: real replicas, which are killed one after the other under a hundred watchers spread over them, while
// writers put and delete.

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "client/resuming_watcher.h"
#include "gtest/gtest.h"
#include "storage/mutex.h"
#include "tests/integration/load_writer.h"
#include "tests/integration/put_many.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {
namespace {

constexpr size_t kWatchers = 100;
constexpr int kKeptKeys = 200;

using State = std::map<std::string, std::string>;

// Reads a watch on a thread of its own and keeps the state that follows from it.
class StateKeeper {
 public:
  // Prefers `clients` in their order.
  explicit StateKeeper(std::vector<Client*> clients) {
    client::WatchOptions options;
    options.initial_state = true;
    watcher_ = *client::ResumingWatcher::Create(std::move(clients), options);
    thread_ = std::thread([this] {
      watcher_
          ->ForEach([this](const client::WatchMessage& message) {
            Take(message);
            return true;
          })
          .IgnoreError();
    });
  }
  ~StateKeeper() {
    watcher_->Cancel();
    thread_.join();
  }

  bool synced() const {
    MutexLock lock(&mutex_);
    return synced_;
  }
  State state() const {
    MutexLock lock(&mutex_);
    return state_;
  }
  std::string violation() const {
    MutexLock lock(&mutex_);
    return violation_;
  }
  uint64_t resumes() const {
    MutexLock lock(&mutex_);
    return resumes_;
  }
  uint64_t resets() const {
    MutexLock lock(&mutex_);
    return resets_;
  }

 private:
  void Take(const client::WatchMessage& message) {
    MutexLock lock(&mutex_);
    synced_ = synced_ || message.marker == client::WatchMarker::kSynced;
    resumes_ = watcher_->resumes();
    resets_ = watcher_->resets();
    for (const client::WatchEvent& event : message.events) {
      const client::Entry& entry = event.entry;
      if (event.type == client::EventType::kPut) {
        client::Version& latest = versions_[entry.key];
        if (!(latest < entry.version) && violation_.empty()) {
          violation_ = absl::StrCat("an older or the same version of ", entry.key);
        }
        latest = entry.version;
        state_[entry.key] = entry.value;
      } else if (state_.erase(entry.key) == 0 && violation_.empty()) {
        violation_ = absl::StrCat(entry.key, " is gone twice");
      }
    }
  }

  std::unique_ptr<client::ResumingWatcher> watcher_;
  mutable Mutex mutex_;
  bool synced_ ABSL_GUARDED_BY(mutex_) = false;
  State state_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, client::Version> versions_ ABSL_GUARDED_BY(mutex_);
  std::string violation_ ABSL_GUARDED_BY(mutex_);
  uint64_t resumes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t resets_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

State StateOf(Client& client) {
  State state;
  client::ListOptions options;
  do {
    const absl::StatusOr<client::ListPage> page = client.List(options);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) break;
    for (const client::Entry& entry : page->entries) {
      state[entry.key] = entry.value;
    }
    options.page_token = page->next_page_token;
  } while (!options.page_token.empty());
  return state;
}

class ResumingWatchTest : public ::testing::Test {
 protected:
  ResumingWatchTest() {
    for (size_t i = 0; i < fleet_.size(); ++i) {
      client::ClientOptions options;
      options.server = fleet_.replica(i).address();
      clients_.push_back(*Client::Create(options));
    }
    for (size_t i = 0; i < kWatchers; ++i) {
      std::vector<Client*> order;
      for (size_t j = 0; j < clients_.size(); ++j) {
        order.push_back(clients_[(i + j) % clients_.size()].get());
      }
      keepers_.push_back(std::make_unique<StateKeeper>(std::move(order)));
    }
  }

  // How often a watcher has gone on somewhere, and how often it was sent the whole state there.
  std::pair<uint64_t, uint64_t> ResumesAndResets() const {
    std::pair<uint64_t, uint64_t> sum;
    for (const auto& keeper : keepers_) {
      sum.first += keeper->resumes();
      sum.second += keeper->resets();
    }
    return sum;
  }

  // How many streams replica `index` serves.
  uint64_t WatchersOf(size_t index) { return fleet_.replica(index).Status().watchers; }

  void ExpectAllHave(const State& state) {
    for (const auto& keeper : keepers_) {
      EXPECT_TRUE(Eventually([&] { return keeper->state() == state; }))
          << keeper->state().size() << " entries in place of " << state.size();
      EXPECT_EQ(keeper->violation(), "");
    }
  }

  Fleet fleet_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<StateKeeper>> keepers_;
};

TEST_F(ResumingWatchTest, AHundredWatchersOverKilledReplicasEndWithTheExactState) {
  Client& survivor = fleet_.client(2);
  ASSERT_NO_FATAL_FAILURE(PutMany(survivor, "kept/", kKeptKeys));
  for (const auto& keeper : keepers_) {
    ASSERT_TRUE(Eventually([&] { return keeper->synced(); }));
  }
  EXPECT_GE(WatchersOf(0), kWatchers / 3);
  LoadWriter::Options load;
  load.keys = 300;
  load.writes_per_second = 500;
  LoadWriter writer(&survivor, load);
  for (const size_t victim : {0, 1}) {
    const uint64_t written = writer.writes();
    fleet_.replica(victim).Kill9();
    // Deleted while some of them are on their way to another replica.
    for (int i = static_cast<int>(victim); i < kKeptKeys; i += 4) {
      ASSERT_TRUE(survivor.Delete(absl::StrCat("kept/", i)).ok());
    }
    ASSERT_TRUE(Eventually([&] { return writer.writes() > written + 500; }));
  }
  EXPECT_TRUE(Eventually([&] { return WatchersOf(2) == kWatchers; })) << WatchersOf(2);
  writer.Stop();
  EXPECT_EQ(writer.errors(), 0u);
  const State state = StateOf(survivor);
  EXPECT_EQ(state.count("kept/0") + state.count("kept/1"), 0u);
  EXPECT_GT(state.size(), size_t{kKeptKeys} / 2);
  ExpectAllHave(state);
  // Some of those who were on the first one were on the second one, too.
  const auto [resumes, resets] = ResumesAndResets();
  EXPECT_GT(resumes, kWatchers / 2);
  EXPECT_EQ(resets, 0u) << "the others know where to go on";
}

// It forgets nothing: whoever was on it goes on after its last token.
TEST_F(ResumingWatchTest, AReplicaThatEndsInOrderLosesItsWatchersToTheOthers) {
  Client& other = fleet_.client(1);
  ASSERT_NO_FATAL_FAILURE(PutMany(other, "kept/", kKeptKeys));
  for (const auto& keeper : keepers_) {
    ASSERT_TRUE(Eventually([&] { return keeper->synced(); }));
  }
  fleet_.replica(0).Terminate();
  ASSERT_TRUE(other.Delete("kept/7").ok());
  ASSERT_TRUE(other.Put("new", "1").ok());
  ASSERT_TRUE(fleet_.Converges()) << fleet_.Describe();
  ExpectAllHave(StateOf(other));
  const auto [resumes, resets] = ResumesAndResets();
  EXPECT_GE(resumes, kWatchers / 3);
  EXPECT_EQ(resets, 0u) << "the others know where to go on";
}

}  // namespace
}  // namespace dunlin
