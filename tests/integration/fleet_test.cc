// Goal: what is written at one replica is what every replica reads and watches.
// Method: three real replicas over a real Redis; each test writes at one and looks at the others.

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/shared_fleet.h"
#include "tests/integration/watch_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {
namespace {

using client::BatchDelete;
using client::BatchPut;
using client::EventType;
using client::WatchEvent;

class FleetTest : public SharedFleetTest {};

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
  // Longer than the entry takes to all replicas: one that gets it late never shows it.
  options.ttl = absl::Seconds(3);
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
