// Goal: while a replica's other threads sleep, whoever brings an event from Redis stores it, and carries on when the
// replica says that it has it (docs/decisions/0029-who-brings-an-event-applies-it.md). Method: two replicas, short of
// gRPC, with a real Redis, one write at a time; who has stored it is told by the name of the thread.

#include <pthread.h>

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/change_feed.h"
#include "storage/mutex.h"
#include "sync/replicator.h"
#include "tests/support/eventually.h"
#include "tests/support/redis_server.h"
#include "tests/sync/test_replica.h"

namespace dunlin {
namespace {

class ReplicatorTurnsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(writer_.WaitLive());
    ASSERT_TRUE(reader_.WaitLive());
  }

  RedisServer redis_;
  Replica writer_{redis_.endpoint()};
  Replica reader_{redis_.endpoint()};
};

// Counts, by the name of the thread, who has stored changes.
class Storers final : public ChangeFeed::Listener {
 public:
  void OnChanges(absl::Span<const ChangePtr> changes) override {
    char name[16] = "";
    pthread_getname_np(pthread_self(), name, sizeof(name));
    MutexLock lock(&mutex_);
    counts_[name] += changes.size();
  }
  size_t count(const std::string& name) const {
    MutexLock lock(&mutex_);
    const auto found = counts_.find(name);
    return found == counts_.end() ? 0 : found->second;
  }

 private:
  mutable Mutex mutex_;
  std::map<std::string, size_t> counts_ ABSL_GUARDED_BY(mutex_);
};

// Looks, each time that it may carry on, whether the replica says that it has everything.
class LagWatcher final : public ChangeFeed::Carrier {
 public:
  explicit LagWatcher(Replicator* replicator) : replicator_(replicator) {}

  void CarryOn() override {
    const Follower::Status status = replicator_->status().follower;
    MutexLock lock(&mutex_);
    ++calls_;
    late_ += status.applied_sequence < status.redis_sequence ? 1 : 0;
  }
  int calls() const {
    MutexLock lock(&mutex_);
    return calls_;
  }
  int late() const {
    MutexLock lock(&mutex_);
    return late_;
  }

 private:
  Replicator* const replicator_;
  mutable Mutex mutex_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int late_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_F(ReplicatorTurnsTest, WhoCarriesOnIsToldOfAReplicaThatHasEverything) {
  LagWatcher watcher(&reader_.replicator());
  reader_.feed().SetCarrier(&watcher);
  constexpr int kWrites = 100;
  for (int i = 0; i < kWrites; ++i) {
    ASSERT_TRUE(writer_.Put("k", absl::StrCat(i)).ok());
    ASSERT_TRUE(Eventually([&] { return reader_.Get("k") == absl::StrCat(i); }));
  }
  reader_.feed().SetCarrier(nullptr);
  EXPECT_GE(watcher.calls(), kWrites / 4);
  // Those whose batch the committer's own thread stores.
  EXPECT_LE(watcher.late(), watcher.calls() / 2);
}

TEST_F(ReplicatorTurnsTest, WhoeverBringsAnEventStoresItWhileTheOthersSleep) {
  Storers storers;
  reader_.feed().Subscribe({}, &storers);
  // Now and then the follower is awake, or the committer has something to do, when an event comes.
  for (int i = 0; i < 1000 && storers.count("subscriber") < 10; ++i) {
    ASSERT_TRUE(writer_.Put("k", absl::StrCat(i)).ok());
    ASSERT_TRUE(Eventually([&] { return reader_.Get("k") == absl::StrCat(i); }));
  }
  reader_.feed().Unsubscribe(&storers);
  EXPECT_GE(storers.count("subscriber"), 10u);
  EXPECT_GT(reader_.state().revision, 0u);
}

}  // namespace
}  // namespace dunlin
