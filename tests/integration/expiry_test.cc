// Goal: an entry with a time to live ends at one instant everywhere, once it has lived for that long,
// whatever the clocks of the machines say, its writer's and its readers'.
// Method: three real replicas whose clocks are minutes apart (libfaketime). Each writes a key; each is asked for each
// key until it is gone, and the moment is taken by this program's clock.

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/integration/watch_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"
#include "tests/support/wrong_clock.h"

namespace dunlin {
namespace {

constexpr absl::Duration kTimeToLive = absl::Seconds(4);
// A clock is put right by the middle of a call to Redis.
constexpr absl::Duration kEarlyMax = absl::Milliseconds(250);
// The machine may be busy. The clocks are wrong by far more.
constexpr absl::Duration kLateMax = absl::Seconds(10);

// The three clocks' errors.
constexpr absl::Duration kErrors[] = {absl::ZeroDuration(), absl::Minutes(3), -absl::Minutes(2)};

std::string KeyBy(size_t writer) { return absl::StrCat("by/", writer); }

struct Interval {
  absl::Time from;
  absl::Time to;
};

// When `client` no longer has `key`; InfiniteFuture if it never ends.
absl::Time EndAt(Client& client, const std::string& key) {
  return Eventually([&] { return IsAbsent(client, key); }) ? absl::Now() : absl::InfiniteFuture();
}

class ExpiryTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasWrongClocks()) {
      GTEST_SKIP() << "libfaketime is not installed, or a sanitizer stands in its way";
    }
    for (size_t i = 0; i < fleet_.size(); ++i) {
      ReplicaProcess& replica = fleet_.replica(i);
      ASSERT_EQ(replica.Terminate().code, 0);
      replica.set_environment(WrongClockEnvironment(kErrors[i]));
      replica.Start();
    }
    ASSERT_TRUE(fleet_.Converges()) << fleet_.Describe();
  }

  // Tells between which moments it was written.
  Interval PutBy(size_t writer) {
    client::PutOptions options;
    options.ttl = kTimeToLive;
    const absl::Time from = absl::Now();
    EXPECT_TRUE(fleet_.client(writer).Put(KeyBy(writer), "v", options).ok());
    return Interval{from, absl::Now()};
  }

  Fleet fleet_;
};

TEST_F(ExpiryTest, AnEntryEndsAtOneInstantWhateverTheClocksSay) {
  std::vector<std::unique_ptr<WatchLog>> logs;
  for (size_t i = 0; i < fleet_.size(); ++i) {
    logs.push_back(std::make_unique<WatchLog>(fleet_.client(i), WatchAll()));
  }
  std::vector<Interval> written;
  for (size_t writer = 0; writer < fleet_.size(); ++writer) {
    written.push_back(PutBy(writer));
  }
  for (size_t writer = 0; writer < fleet_.size(); ++writer) {
    for (size_t reader = 0; reader < fleet_.size(); ++reader) {
      // From the log: it may have ended by now, on a machine that is busy.
      ASSERT_TRUE(logs[reader]->SawPut(KeyBy(writer), "v")) << "of " << writer << " on " << reader;
    }
  }
  std::vector<std::future<absl::Time>> ends;
  for (size_t writer = 0; writer < fleet_.size(); ++writer) {
    for (size_t reader = 0; reader < fleet_.size(); ++reader) {
      ends.push_back(std::async(std::launch::async, EndAt, std::ref(fleet_.client(reader)), KeyBy(writer)));
    }
  }
  for (size_t i = 0; i < ends.size(); ++i) {
    const size_t writer = i / fleet_.size();
    const size_t reader = i % fleet_.size();
    const absl::Time end = ends[i].get();
    const std::string where = absl::StrCat("written by ", writer, ", read on ", reader);
    EXPECT_GE(end, written[writer].from + kTimeToLive - kEarlyMax) << where;
    EXPECT_LE(end, written[writer].to + kTimeToLive + kLateMax) << where;
    EXPECT_TRUE(logs[reader]->Saw([&](const client::WatchEvent& event) {
      return event.type == client::EventType::kExpire && event.entry.key == KeyBy(writer);
    })) << where;
  }
}

}  // namespace
}  // namespace dunlin
