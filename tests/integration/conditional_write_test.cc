// Goal: conditional writes are decided once for the whole fleet, whichever replicas they reach, and what they do not
// allow changes nothing anywhere.
// Method: three real replicas over a real Redis; many callers at once, and single ones with each condition.

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/integration/shared_fleet.h"
#include "tests/integration/watch_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {
namespace {

class ConditionalWriteTest : public SharedFleetTest {
 protected:
  static client::DeleteOptions DeleteIf(const client::Version& version) {
    client::DeleteOptions options;
    options.precondition = client::IfVersion{version};
    return options;
  }

  static client::PutOptions PutIf(const client::Precondition& precondition, absl::Duration ttl) {
    client::PutOptions options;
    options.precondition = precondition;
    options.ttl = ttl;
    return options;
  }
};

TEST_F(ConditionalWriteTest, OfManyIfAbsentExactlyOneWins) {
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

TEST_F(ConditionalWriteTest, ACounterIncrementedByCompareAndSetFromAllReplicasIsExact) {
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

TEST_F(ConditionalWriteTest, ADeleteOfTheVersionThatIsThereHappensEverywhere) {
  const auto put = client(0).Put("delete/current", "v");
  ASSERT_TRUE(put.ok());
  ASSERT_TRUE(EveryReplicaHas("delete/current", "v"));
  const auto removed = client(1).Delete("delete/current", DeleteIf(put->version));
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_TRUE(removed->existed);
  EXPECT_TRUE(put->version < removed->version);
  EXPECT_TRUE(EveryReplicaLacks("delete/current"));
  EXPECT_EQ(fleet_->RedisValue("delete/current"), "(deleted)");
}

TEST_F(ConditionalWriteTest, ADeleteOfAnotherVersionChangesNothingAnywhere) {
  const auto old = client(0).Put("delete/outdated", "old");
  ASSERT_TRUE(old.ok());
  ASSERT_TRUE(EveryReplicaHas("delete/outdated", "old"));
  // Newer, and acknowledged by Redis: the other replicas may still hold the old one.
  client::PutOptions mirrored;
  mirrored.ack = client::Ack::kMirrored;
  ASSERT_TRUE(client(0).Put("delete/outdated", "new", mirrored).ok());
  for (size_t replica = 0; replica < 3; ++replica) {
    const absl::Status status = client(replica).Delete("delete/outdated", DeleteIf(old->version)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  }
  EXPECT_TRUE(EveryReplicaHas("delete/outdated", "new"));
  EXPECT_EQ(fleet_->RedisValue("delete/outdated"), "new");
}

TEST_F(ConditionalWriteTest, ADeleteOfAVersionOfAnAbsentKeyIsTurnedDown) {
  const auto put = client(0).Put("delete/gone", "v");
  ASSERT_TRUE(put.ok());
  ASSERT_TRUE(client(0).Delete("delete/gone").ok());
  const absl::Status gone = client(0).Delete("delete/gone", DeleteIf(put->version)).status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kFailedPrecondition) << gone;
  const absl::Status never = client(0).Delete("delete/never", DeleteIf(put->version)).status();
  EXPECT_EQ(never.code(), absl::StatusCode::kFailedPrecondition) << never;
  EXPECT_EQ(fleet_->RedisValue("delete/never"), "(absent)");
}

TEST_F(ConditionalWriteTest, OfManyDeletesOfOneVersionExactlyOneHappens) {
  constexpr int kContenders = 9;
  const auto put = client(0).Put("delete/contested", "v");
  ASSERT_TRUE(put.ok());
  std::atomic<int> won{0};
  std::atomic<int> lost{0};
  std::vector<std::thread> contenders;
  for (int i = 0; i < kContenders; ++i) {
    contenders.emplace_back([&, i] {
      const absl::Status status = client(i % 3).Delete("delete/contested", DeleteIf(put->version)).status();
      won += status.ok() ? 1 : 0;
      lost += absl::IsFailedPrecondition(status) ? 1 : 0;
    });
  }
  for (std::thread& contender : contenders) {
    contender.join();
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, kContenders - 1);
}

TEST_F(ConditionalWriteTest, ATimeToLiveOfAConditionalPutRunsOutEverywhereAndTheKeyIsAbsentAgain) {
  const WatchLog watch(client(2), WatchAll());
  const auto first = client(0).Put("lease", "first", PutIf(client::IfAbsent(), absl::Minutes(1)));
  ASSERT_TRUE(first.ok()) << first.status();
  // Cut short by whoever holds it, through another replica; long enough for what is asked before it runs out.
  const absl::Duration ttl = absl::Seconds(5);
  const auto second = client(1).Put("lease", "second", PutIf(client::IfVersion{first->version}, ttl));
  ASSERT_TRUE(second.ok()) << second.status();
  const absl::Time written = absl::FromUnixMillis(static_cast<int64_t>(second->version.time >> 16));
  const auto read = client(1).Get("lease");
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_TRUE(read->entry.expire_time.has_value());
  EXPECT_LE(*read->entry.expire_time - written, ttl + absl::Seconds(1));
  EXPECT_GE(*read->entry.expire_time - written, ttl - absl::Seconds(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      client(2).Put("lease", "too early", PutIf(client::IfAbsent(), absl::Seconds(1))).status()));

  EXPECT_TRUE(watch.Saw([](const client::WatchEvent& event) {
    return event.type == client::EventType::kExpire && event.entry.key == "lease";
  }));
  EXPECT_TRUE(EveryReplicaLacks("lease"));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      client(1).Put("lease", "expired", PutIf(client::IfVersion{second->version}, ttl)).status()));
  EXPECT_TRUE(client(2).Put("lease", "third", PutIf(client::IfAbsent(), absl::Hours(1))).ok());
  EXPECT_TRUE(EveryReplicaHas("lease", "third"));
}

// ---- With connections that break ----

// What a contender was told at last.
enum class Told { kYes, kNo, kNotKnown, kNothing };

// Tries again as long as it is told that nothing was changed.
Told Contend(Client& client, const std::string& key, const std::string& value) {
  client::PutOptions options;
  options.precondition = client::IfAbsent();
  Told told = Told::kNothing;
  Eventually([&] {
    const absl::Status status = client.Put(key, value, options).status();
    told = status.ok()                          ? Told::kYes
           : absl::IsFailedPrecondition(status) ? Told::kNo
           : absl::IsAborted(status)            ? Told::kNotKnown
                                                : Told::kNothing;
    return told != Told::kNothing;
  });
  return told;
}

// Whoever was told yes has won, and if nobody was, one of those who could not be told: an answer that was lost is asked
// for again with the same version, and never judged by its own effect.
TEST(ConditionsOverCutConnections, OfManyIfAbsentOneWins) {
  Fleet fleet;
  constexpr int kRounds = 15;
  constexpr size_t kContenders = 9;
  constexpr int kCutsPerRound = 4;
  int cuts = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string key = absl::StrCat("leader/cut/", round);
    std::vector<Told> told(kContenders, Told::kNothing);
    std::atomic<size_t> finished{0};
    std::vector<std::thread> contenders;
    for (size_t i = 0; i < kContenders; ++i) {
      contenders.emplace_back([&, i] {
        told[i] = Contend(fleet.client(i % fleet.size()), key, absl::StrCat(i));
        ++finished;
      });
    }
    // At once, and again: a round takes a few milliseconds when nothing disturbs it.
    for (int cut = 0; cut < kCutsPerRound && finished < kContenders; ++cut) {
      EXPECT_FALSE(fleet.redis().Run({"CLIENT", "KILL", "TYPE", "normal"}).is_error());
      ++cuts;
    }
    for (std::thread& contender : contenders) {
      contender.join();
    }
    EXPECT_EQ(std::count(told.begin(), told.end(), Told::kNothing), 0) << key;
    size_t winner = kContenders;
    ASSERT_TRUE(absl::SimpleAtoi(fleet.RedisValue(key), &winner)) << key;
    const auto yes = std::count(told.begin(), told.end(), Told::kYes);
    EXPECT_LE(yes, 1) << key;
    EXPECT_EQ(told.at(winner), yes == 1 ? Told::kYes : Told::kNotKnown) << key;
  }
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_GT(cuts, kRounds / 2) << "all was over before it could be disturbed";
}

}  // namespace
}  // namespace dunlin
