// Goal: what is written at one replica is what every replica reads, watches and decides by.
// Method: three real replicas over a real Redis; each test writes at one and looks at the others.

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/watch_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {
namespace {

using client::Ack;
using client::BatchDelete;
using client::BatchPut;
using client::EventType;
using client::WatchEvent;

// The replicas are shared: every test uses keys of its own.
class FleetTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { fleet_ = new Fleet(); }
  static void TearDownTestSuite() {
    delete fleet_;
    fleet_ = nullptr;
  }
  void TearDown() override { EXPECT_TRUE(fleet_->Converges()) << fleet_->Describe(); }

  static Client& client(size_t index) { return fleet_->client(index); }

  static bool EveryReplicaHas(absl::string_view key, absl::string_view value) {
    return Eventually([&] {
      return HasValue(client(0), key, value) && HasValue(client(1), key, value) && HasValue(client(2), key, value);
    });
  }

  static bool EveryReplicaLacks(absl::string_view key) {
    return Eventually([&] { return IsAbsent(client(0), key) && IsAbsent(client(1), key) && IsAbsent(client(2), key); });
  }

  static Fleet* fleet_;
};

Fleet* FleetTest::fleet_ = nullptr;

TEST_F(FleetTest, APutOnTheFirstIsSeenByAWatchOnTheSecondAndAGetOnTheThird) {
  const WatchLog watch(client(1), WatchAll());
  const auto put = client(0).Put("greeting", "hello");
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_TRUE(watch.SawPut("greeting", "hello"));
  EXPECT_TRUE(Eventually([] { return HasValue(client(2), "greeting", "hello"); }));
  EXPECT_EQ(client(2).Get("greeting")->entry.version, put->version);
  EXPECT_EQ(watch.violation(), "");
}

TEST_F(FleetTest, ADeleteReachesEveryReplicaAndItsWatchers) {
  ASSERT_TRUE(client(0).Put("doomed", "x").ok());
  ASSERT_TRUE(EveryReplicaHas("doomed", "x"));
  const WatchLog watch(client(2), WatchAll());
  const auto removed = client(1).Delete("doomed");
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_TRUE(removed->existed);
  EXPECT_TRUE(watch.Saw(
      [](const WatchEvent& event) { return event.type == EventType::kDelete && event.entry.key == "doomed"; }));
  EXPECT_TRUE(EveryReplicaLacks("doomed"));
}

TEST_F(FleetTest, NoReplicaEverShowsHalfOfABatch) {
  const std::vector<std::string> keys = {"batch/a", "batch/b"};
  ASSERT_TRUE(client(0).BatchWrite({BatchPut{keys[0], "0", {}}, BatchPut{keys[1], "0", {}}}).ok());
  ASSERT_TRUE(EveryReplicaHas(keys[1], "0"));
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (size_t replica = 0; replica < 3; ++replica) {
    readers.emplace_back([&, replica] {
      while (!stop) {
        const auto both = client(replica).BatchGet(keys);
        ASSERT_TRUE(both.ok()) << both.status();
        ASSERT_EQ(both->entries.size(), 2u);
        ASSERT_EQ(both->entries[0].value, both->entries[1].value) << "on replica " << replica;
      }
    });
  }
  std::string last;
  for (int i = 1; i <= 300; ++i) {
    last = absl::StrCat(i);
    EXPECT_TRUE(client(i % 2).BatchWrite({BatchPut{keys[0], last, {}}, BatchPut{keys[1], last, {}}}).ok());
  }
  EXPECT_TRUE(EveryReplicaHas(keys[0], last));
  stop = true;
  for (std::thread& reader : readers) {
    reader.join();
  }
}

TEST_F(FleetTest, ABatchPutsAndDeletesTogether) {
  ASSERT_TRUE(client(0).Put("move/from", "cargo").ok());
  ASSERT_TRUE(EveryReplicaHas("move/from", "cargo"));
  ASSERT_TRUE(client(1).BatchWrite({BatchDelete{"move/from"}, BatchPut{"move/to", "cargo", {}}}).ok());
  EXPECT_TRUE(EveryReplicaHas("move/to", "cargo"));
  for (size_t replica = 0; replica < 3; ++replica) {
    EXPECT_TRUE(IsAbsent(client(replica), "move/from")) << "on replica " << replica;
  }
}

TEST_F(FleetTest, ATimeToLiveRunsOutOnEveryReplicaAndEachWatcherIsTold) {
  const WatchLog first(client(0), WatchAll());
  const WatchLog second(client(1), WatchAll());
  const WatchLog third(client(2), WatchAll());
  client::PutOptions options;
  options.ttl = absl::Milliseconds(600);
  ASSERT_TRUE(client(0).Put("session", "token", options).ok());
  const auto expired = [](const WatchEvent& event) {
    return event.type == EventType::kExpire && event.entry.key == "session";
  };
  EXPECT_TRUE(first.Saw(expired));
  EXPECT_TRUE(second.Saw(expired));
  EXPECT_TRUE(third.Saw(expired));
  EXPECT_TRUE(EveryReplicaLacks("session"));
  EXPECT_EQ(first.Count("session"), 2u);
  EXPECT_EQ(third.Count("session"), 2u);
}

TEST_F(FleetTest, ValuesOfEveryShapeArriveUnchanged) {
  const std::vector<std::pair<std::string, std::string>> values = {
      {"shape/empty", ""},
      {"shape/nul", std::string("a\0b\0", 4)},
      {"shape/separators", "a:b,c|d\r\n$5\r\n*3\r\n{}[]\x1f\xff"},
      {"shape/largest inline", std::string(64 << 10, 'i')},
      {"shape/by reference", std::string((64 << 10) + 1, 'r')},
      {"shape/largest", std::string(1 << 20, '\xfe')},
  };
  for (const auto& [key, value] : values) {
    const auto put = client(0).Put(key, value);
    ASSERT_TRUE(put.ok()) << key << ": " << put.status();
  }
  for (const auto& [key, value] : values) {
    EXPECT_TRUE(EveryReplicaHas(key, value)) << key;
  }
}

TEST_F(FleetTest, AMirroredAckComesOnceRedisHasIt) {
  client::PutOptions options;
  options.ack = Ack::kMirrored;
  for (int i = 0; i < 50; ++i) {
    const std::string key = absl::StrCat("mirrored/", i);
    const auto put = client(i % 3).Put(key, "v", options);
    ASSERT_TRUE(put.ok()) << put.status();
    ASSERT_EQ(fleet_->redis().Run({"HEXISTS", fleet_->names().data, key}).integer, 1) << key;
  }
}

TEST_F(FleetTest, OfManyIfAbsentExactlyOneWins) {
  constexpr int kRounds = 20;
  constexpr int kContenders = 9;
  client::PutOptions options;
  options.precondition = client::IfAbsent();
  for (int round = 0; round < kRounds; ++round) {
    const std::string key = absl::StrCat("leader/", round);
    std::atomic<int> won{0};
    std::atomic<int> lost{0};
    std::vector<std::thread> contenders;
    for (int i = 0; i < kContenders; ++i) {
      contenders.emplace_back([&, i] {
        const absl::Status status = client(i % 3).Put(key, absl::StrCat(i), options).status();
        won += status.ok() ? 1 : 0;
        lost += absl::IsFailedPrecondition(status) ? 1 : 0;
      });
    }
    for (std::thread& contender : contenders) {
      contender.join();
    }
    EXPECT_EQ(won, 1) << key;
    EXPECT_EQ(lost, kContenders - 1) << key;
  }
}

// Adds 1 by compare and set, `times` times, starting from what this replica knows.
void Increment(Client& client, absl::string_view key, int times) {
  for (int done = 0; done < times;) {
    const auto read = client.Get(key);
    ASSERT_TRUE(read.ok()) << read.status();
    int value = 0;
    ASSERT_TRUE(absl::SimpleAtoi(read->entry.value, &value));
    client::PutOptions options;
    options.precondition = client::IfVersion{read->entry.version};
    const absl::Status status = client.Put(key, absl::StrCat(value + 1), options).status();
    ASSERT_TRUE(status.ok() || absl::IsFailedPrecondition(status)) << status;
    done += status.ok() ? 1 : 0;
  }
}

TEST_F(FleetTest, ACounterIncrementedByCompareAndSetFromAllReplicasIsExact) {
  constexpr int kTimes = 60;
  ASSERT_TRUE(client(0).Put("counter", "0").ok());
  ASSERT_TRUE(EveryReplicaHas("counter", "0"));
  std::vector<std::thread> writers;
  for (size_t replica = 0; replica < 3; ++replica) {
    writers.emplace_back([replica] { Increment(client(replica), "counter", kTimes); });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  EXPECT_TRUE(EveryReplicaHas("counter", absl::StrCat(3 * kTimes)));
}

TEST_F(FleetTest, ConcurrentWritesToOneKeyEndTheSameEverywhere) {
  std::vector<std::thread> writers;
  for (size_t replica = 0; replica < 3; ++replica) {
    writers.emplace_back([replica] {
      for (int i = 0; i < 200; ++i) {
        EXPECT_TRUE(client(replica).Put(absl::StrCat("contested/", i % 5), absl::StrCat(replica, "-", i)).ok());
      }
    });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  EXPECT_TRUE(fleet_->Converges()) << fleet_->Describe();
}

}  // namespace
}  // namespace dunlin
