// Goal (guarantee G10): a watch stream is ordered, whole and bounded, however fast others write and however slowly its
// reader reads.
// Method: a real stand-alone replica, or two over a real Redis, with a writer at full speed; what the streams said is
// compared with what the replica holds.

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/load_writer.h"
#include "tests/integration/watch_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using client::EventType;
using client::WatchEvent;
using client::WatchMarker;
using testing::HasSubstr;

// All that `client`'s replica holds.
std::map<std::string, std::string> ReadAll(Client& client) {
  std::map<std::string, std::string> state;
  client::ListOptions options;
  options.page_size = 1000;
  do {
    const auto page = client.List(options);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) {
      break;
    }
    for (const client::Entry& entry : page->entries) {
      state[entry.key] = entry.value;
    }
    options.page_token = page->next_page_token;
  } while (!options.page_token.empty());
  return state;
}

class WatchTest : public testing::Test {
 protected:
  // Long beside what a busy machine adds to each.
  static constexpr absl::Duration kHeartbeat = absl::Milliseconds(500);

  void SetUp() override { replica_ = StartReplica("data"); }

  // A stand-alone one, with a directory of its own.
  std::unique_ptr<ReplicaProcess> StartReplica(const std::string& name) {
    ReplicaProcess::Options options;
    options.data_dir = directory_.Join(name);
    options.log_path = directory_.Join(name + ".log");
    options.arguments = {"--watch-heartbeat", absl::FormatDuration(kHeartbeat)};
    auto replica = std::make_unique<ReplicaProcess>(options);
    replica->Start();
    EXPECT_TRUE(replica->WaitServing()) << replica->LogTail();
    return replica;
  }

  Client& client() { return replica_->client(); }

  const TempDir directory_;
  std::unique_ptr<ReplicaProcess> replica_;
};

TEST_F(WatchTest, InitialStateAndLiveEventsUnderAFullSpeedWriterEndInTheReplicasState) {
  LoadWriter::Options load;
  load.keys = 5000;
  ASSERT_TRUE(Preload(client(), load.keys, load.threads).ok());
  LoadWriter writer(&client(), load);
  const WatchLog first(client(), WatchAll(/*initial_state=*/true));
  const uint64_t written = writer.writes();
  ASSERT_TRUE(Eventually([&] { return writer.writes() > written + 2000; }));
  const WatchLog second(client(), WatchAll(/*initial_state=*/true));
  ASSERT_TRUE(second.SawMarker(WatchMarker::kSynced));
  writer.Stop();
  const auto state = ReadAll(client());
  EXPECT_EQ(state.size(), load.keys + load.threads);
  EXPECT_TRUE(Eventually([&] { return first.state() == state; }));
  EXPECT_TRUE(Eventually([&] { return second.state() == state; }));
  EXPECT_EQ(first.violation(), "");
  EXPECT_EQ(second.violation(), "");
  EXPECT_EQ(first.messages(WatchMarker::kSynced), 1u);
}

TEST_F(WatchTest, AnInitialStateHoldsWhatWasDeletedWhileItWasSent) {
  LoadWriter::Options load;
  load.keys = 20000;
  ASSERT_TRUE(Preload(client(), load.keys, 0).ok());
  const WatchLog watch(client(), WatchAll(/*initial_state=*/true));
  for (uint64_t i = 0; i < load.keys; i += 400) {
    ASSERT_TRUE(client().Delete(LoadWriter::KeyName(i)).ok());
  }
  const auto state = ReadAll(client());
  EXPECT_TRUE(Eventually([&] { return watch.state() == state; }));
  EXPECT_EQ(watch.violation(), "");
}

TEST_F(WatchTest, AnEmptyStoreIsSyncedAtOnce) {
  const WatchLog watch(client(), WatchAll(/*initial_state=*/true));
  EXPECT_TRUE(watch.SawMarker(WatchMarker::kSynced));
  EXPECT_TRUE(watch.events().empty());
}

TEST_F(WatchTest, AnIdleStreamShowsThatItIsAliveEveryPeriod) {
  constexpr int kCount = 8;
  const WatchLog watch(client(), WatchAll());
  ASSERT_TRUE(watch.SawMarker(WatchMarker::kHeartbeat));
  const size_t before = watch.messages(WatchMarker::kHeartbeat);
  const absl::Time start = absl::Now();
  ASSERT_TRUE(Eventually([&] { return watch.messages(WatchMarker::kHeartbeat) >= before + kCount; }));
  const absl::Duration each = (absl::Now() - start) / kCount;
  EXPECT_GT(each, kHeartbeat / 2);
  EXPECT_LT(each, kHeartbeat * 2);
  EXPECT_FALSE(watch.token().empty());
}

// Puts a value of `size` bytes, another in each round, to each of `keys` keys, and tells how long that took.
absl::Duration PutAll(Client& client, int round, int keys, size_t size) {
  const absl::Time start = absl::Now();
  for (int i = 0; i < keys; ++i) {
    const std::string value = absl::StrCat(round, ":", std::string(size, 'v'));
    const auto put = client.Put(absl::StrCat("slow/", i), value);
    EXPECT_TRUE(put.ok()) << put.status();
  }
  return absl::Now() - start;
}

TEST_F(WatchTest, AStoppedReaderDoesNotSlowWritersAndReadsTheExactStateLater) {
  constexpr int kRounds = 30;
  constexpr int kKeys = 50;
  constexpr int kWrites = kRounds * kKeys;
  constexpr size_t kSize = 16 << 10;
  const std::unique_ptr<ReplicaProcess> unwatched = StartReplica("unwatched");
  auto stopped = client().Watch(WatchAll());
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  ASSERT_TRUE(Eventually([&] { return replica_->Status().watchers == 1; }));
  // In turn, so that whatever slows the machine down for a while slows down both.
  absl::Duration alone;
  absl::Duration watched;
  for (int round = 0; round < kRounds; ++round) {
    alone += PutAll(unwatched->client(), round, kKeys, kSize);
    watched += PutAll(client(), round, kKeys, kSize);
  }
  // The machine's own noise, not a reader's silence, is what the factor allows for.
  EXPECT_LT(watched, 3 * alone + absl::Seconds(1));
  ASSERT_TRUE(client().Put("slow/fence", "end").ok());

  std::map<std::string, std::string> state;
  size_t events = 0;
  std::map<std::string, client::Version> versions;
  const absl::Status status = (*stopped)->ForEach([&](const client::WatchMessage& message) {
    for (const WatchEvent& event : message.events) {
      ++events;
      EXPECT_FALSE(event.entry.version < versions[event.entry.key]) << event.entry.key;
      versions[event.entry.key] = event.entry.version;
      state[event.entry.key] = event.entry.value;
    }
    return state.count("slow/fence") == 0;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(state, ReadAll(client()));
  EXPECT_LT(events, static_cast<size_t>(kWrites)) << "what lay between is left out, not kept in memory";
}

TEST_F(WatchTest, APrefixBringsExactlyTheKeysThatStartWithIt) {
  ASSERT_TRUE(client().Put("user/1", "before").ok());
  ASSERT_TRUE(client().Put("use", "before").ok());
  client::WatchOptions options = WatchAll(/*initial_state=*/true);
  options.prefixes = {"user/"};
  const WatchLog watch(client(), options);
  ASSERT_TRUE(watch.SawMarker(WatchMarker::kSynced));
  for (const char* key : {"user", "user0", "user/2", "users/3", "user/"}) {
    ASSERT_TRUE(client().Put(key, "after").ok());
  }
  ASSERT_TRUE(client().Delete("user/1").ok());
  EXPECT_TRUE(watch.Saw([](const WatchEvent& event) { return event.type == EventType::kDelete; }));
  const std::map<std::string, std::string> expected = {{"user/2", "after"}, {"user/", "after"}};
  EXPECT_EQ(watch.state(), expected);
  EXPECT_EQ(watch.events().size(), 4u);
}

TEST_F(WatchTest, AKeyBringsThatKeyAlone) {
  ASSERT_TRUE(client().Put("flag", "0").ok());
  client::WatchOptions options = WatchAll(/*initial_state=*/true);
  options.keys = {"flag"};
  const WatchLog watch(client(), options);
  ASSERT_TRUE(watch.SawPut("flag", "0"));
  ASSERT_TRUE(client().Put("flags", "1").ok());
  ASSERT_TRUE(client().Put("fla", "1").ok());
  ASSERT_TRUE(client().Put("flag", "1").ok());
  EXPECT_TRUE(watch.SawPut("flag", "1"));
  EXPECT_EQ(watch.events().size(), 2u);
}

TEST_F(WatchTest, AMalformedTokenIsRefusedAndSaysWhatToPass) {
  auto watch = client().Watch(ResumeAfter("not a token"));
  ASSERT_TRUE(watch.ok()) << watch.status();
  const absl::Status status = (*watch)->Next().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("pass the bytes exactly as received"));
}

TEST(FleetWatch, OnAnotherReplicaTheStreamEndsInTheSameState) {
  Fleet::Options options;
  options.replicas = 2;
  Fleet fleet(options);
  LoadWriter::Options load;
  load.keys = 2000;
  ASSERT_TRUE(Preload(fleet.client(0), load.keys, load.threads).ok());
  const WatchLog watch(fleet.client(1), WatchAll(/*initial_state=*/true));
  {
    LoadWriter writer(&fleet.client(0), load);
    ASSERT_TRUE(Eventually([&] { return writer.writes() > 5000; }));
  }
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const auto state = ReadAll(fleet.client(0));
  EXPECT_TRUE(Eventually([&] { return watch.state() == state; }));
  EXPECT_EQ(watch.violation(), "");
}

}  // namespace
}  // namespace dunlin
