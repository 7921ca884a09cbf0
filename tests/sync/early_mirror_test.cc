// Goal: a write gets to Redis while it is being synced, and to nobody else before that. Method: a whole replica, short
// of gRPC, with a real Redis, on a disk whose syncs take as long as the test wants. (Which writes: announcement_test.
// What becomes of them when the sync never ends: the simulation.)

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/mutex.h"
#include "storage/write.h"
#include "tests/support/answer.h"
#include "tests/support/eventually.h"
#include "tests/support/file_handler.h"
#include "tests/support/interposed_files.h"
#include "tests/support/redis_server.h"
#include "tests/support/temp_dir.h"
#include "tests/sync/test_replica.h"

namespace dunlin {
namespace {

// Syncs wait while they are held.
class HeldSyncs final : public FileHandler {
 public:
  HeldSyncs() { InterposeFiles(TempDir::Parent(), this); }
  ~HeldSyncs() override { InterposeFiles(TempDir::Parent(), nullptr); }

  void SetHeld(bool held) {
    MutexLock lock(&mutex_);
    held_ = held;
    changed_.SignalAll();
  }

  Verdict BeforeWrite(const std::string&, uint64_t, size_t, uint64_t) override { return {}; }
  void AfterWrite(const std::string&, uint64_t, absl::string_view) override {}
  int Sync(const std::string&, SyncKind) override {
    MutexLock lock(&mutex_);
    while (held_) {
      changed_.Wait(&mutex_);
    }
    return 0;
  }
  void AfterTruncate(const std::string&, uint64_t) override {}
  void AfterCreate(const std::string&) override {}
  void AfterRename(const std::string&, const std::string&) override {}
  void AfterRemove(const std::string&) override {}

 private:
  Mutex mutex_;
  CondVar changed_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST(EarlyMirrorTest, RedisHasAWriteWhileItIsBeingSyncedAndNobodyElse) {
  RedisServer redis;
  HeldSyncs syncs;
  Replica replica(redis.endpoint(), Replica::Durability::kPowerFailure);
  ASSERT_TRUE(replica.WaitLive());
  const auto in_redis = [&](const std::string& key) {
    return redis.Run({"HEXISTS", "dunlin:{test}:data", key}).integer == 1;
  };
  for (int i = 0; i < 3; ++i) {
    // What comes before may be synced at any time, and hold up what is to be seen here.
    ASSERT_TRUE(replica.Put("before", "x").ok());
    ASSERT_TRUE(Eventually([&] { return replica.state().outbox_depth == 0; }));

    syncs.SetHeld(true);
    const std::string key = absl::StrCat("k", i);
    Answer<absl::StatusOr<WriteResult>> answer;
    replica.StartPut(key, "value", &answer);
    EXPECT_TRUE(Eventually([&] { return in_redis(key); }));
    EXPECT_EQ(answer.calls(), 0);
    EXPECT_EQ(replica.Get(key), "");
    syncs.SetHeld(false);
    ASSERT_TRUE(answer.Get().ok());
    EXPECT_EQ(replica.Get(key), "value");
    EXPECT_TRUE(Eventually([&] { return replica.state().outbox_depth == 0; }));
    EXPECT_EQ(redis.Run({"HLEN", "dunlin:{test}:data"}).integer, 2 + i);
  }
}

}  // namespace
}  // namespace dunlin
