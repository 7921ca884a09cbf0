// Goal: a replica ends in good order whatever its watchers and Redis do, and a watcher goes on where it was after a
// restart. (How a replica refuses to start is in startup_error_test.cc.)
// Method: real replicas, ended by SIGTERM; exit codes, times and what the streams say are checked.

#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/integration/acknowledged_writer.h"
#include "tests/integration/health_watch.h"
#include "tests/integration/put_many.h"
#include "tests/integration/watch_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

using client::EventType;
using client::WatchEvent;
using testing::HasSubstr;

// What SIGTERM promises. A sanitizer looks for leaks when the replica has come to its end, which nobody promises.
absl::Duration EndWithin() { return absl::Seconds(IsSanitized() ? 20 : 10); }

Fleet::Options Replicas(size_t count) {
  Fleet::Options options;
  options.replicas = count;
  options.redis.append_only = true;
  return options;
}

void ExpectEndsInGoodOrder(ReplicaProcess& replica) {
  const absl::Time start = absl::Now();
  const Process::Exit exit = replica.Terminate();
  EXPECT_EQ(exit.signal, 0);
  EXPECT_EQ(exit.code, 0);
  EXPECT_LE(absl::Now() - start, EndWithin());
}

// A watcher of everything that never reads, with more waiting for it than any window of flow control holds.
std::unique_ptr<client::Watcher> OpenStuckWatcher(Client& client) {
  auto watcher = client.Watch(WatchAll(/*initial_state=*/true));
  EXPECT_TRUE(watcher.ok()) << watcher.status();
  const std::string value(size_t{256} << 10, 'x');
  for (int i = 0; i < 64; ++i) {
    EXPECT_TRUE(client.Put(absl::StrCat("large/", i), value).ok());
  }
  return *std::move(watcher);
}

TEST(Start, TheLogTellsTheOptionsAndNoSecret) {
  TempDir directory;
  ReplicaProcess::Options options;
  options.data_dir = directory.Join("data");
  options.log_path = directory.Join("log");
  options.redis_url = "redis://user:hunter2@127.0.0.1:1/3";
  options.arguments = {"--watch-streams-max", "77"};
  ReplicaProcess replica(options);
  replica.Start();
  const std::string log = replica.Log();
  EXPECT_THAT(log, HasSubstr("options data-dir="));
  EXPECT_THAT(log, HasSubstr(" redis=(set) "));
  EXPECT_THAT(log, HasSubstr(" watch-streams-max=77 "));
  EXPECT_THAT(log, testing::Not(HasSubstr("hunter2")));
}

TEST(Shutdown, SaysNotServingAndEndsStreamsWithATokenToResumeFrom) {
  Fleet fleet(Replicas(1));
  const auto health = std::make_unique<HealthWatch>(fleet.replica(0).address());
  ASSERT_TRUE(health->Saw(HealthWatch::Health::kServing));
  WatchLog watch(fleet.client(0), WatchAll());
  ASSERT_TRUE(fleet.client(0).Put("seen", "1").ok());
  ASSERT_TRUE(watch.SawPut("seen", "1"));
  ExpectEndsInGoodOrder(fleet.replica(0));
  EXPECT_TRUE(health->Saw(HealthWatch::Health::kNotServing));
  ASSERT_TRUE(watch.Ends());
  EXPECT_EQ(watch.End().code(), absl::StatusCode::kUnavailable) << watch.End();
  EXPECT_THAT(std::string(watch.End().message()), HasSubstr("shutting down"));

  fleet.replica(0).Start();
  ASSERT_TRUE(fleet.replica(0).WaitServing());
  const WatchLog resumed(fleet.client(0), ResumeAfter(watch.token()));
  ASSERT_TRUE(fleet.client(0).Put("next", "2").ok());
  ASSERT_TRUE(resumed.SawPut("next", "2"));
  EXPECT_EQ(resumed.Count("seen"), 0u);
}

TEST(Shutdown, DoesNotWaitForAWatcherThatDoesNotRead) {
  Fleet fleet(Replicas(1));
  const std::unique_ptr<client::Watcher> stuck = OpenStuckWatcher(fleet.client(0));
  ExpectEndsInGoodOrder(fleet.replica(0));
}

TEST(Shutdown, DoesNotWaitForARedisThatIsGone) {
  Fleet fleet(Replicas(1));
  fleet.redis().Stop();
  ASSERT_TRUE(fleet.client(0).Put("unsent", "1").ok());
  ExpectEndsInGoodOrder(fleet.replica(0));
  fleet.redis().Start();
  fleet.replica(0).Start();
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(fleet.RedisRecords(), 1u);
}

TEST(Shutdown, DoesNotWaitForARedisThatHangs) {
  Fleet fleet(Replicas(1));
  fleet.redis().Pause();
  ASSERT_TRUE(fleet.client(0).Put("unsent", "1").ok());
  const std::unique_ptr<client::Watcher> stuck = OpenStuckWatcher(fleet.client(0));
  ExpectEndsInGoodOrder(fleet.replica(0));
}

// Cut off without a word, its caller would not know whether to write again.
TEST(Shutdown, TellsWhoWaitsForARedisThatHangsThatTheWriteIsStored) {
  Fleet fleet(Replicas(1));
  fleet.redis().Pause();
  absl::Status answer;
  std::thread caller([&] {
    client::PutOptions options;
    options.ack = client::Ack::kMirrored;
    options.timeout = kTestPatience;
    answer = fleet.client(0).Put("key", "value", options).status();
  });
  EXPECT_TRUE(Eventually([&] { return fleet.replica(0).Status().outbox_depth == 1; }));
  ExpectEndsInGoodOrder(fleet.replica(0));
  caller.join();
  EXPECT_EQ(answer.code(), absl::StatusCode::kUnavailable) << answer;
  EXPECT_THAT(std::string(answer.message()), HasSubstr("stored on this replica"));
}

TEST(Shutdown, AnswersTheWritesThatItTookAndKeepsThem) {
  Fleet fleet(Replicas(1));
  AcknowledgedWriter writer(&fleet.client(0), /*threads=*/4);
  ASSERT_TRUE(Eventually([&] { return writer.acknowledged() > 500; }));
  ExpectEndsInGoodOrder(fleet.replica(0));
  const std::vector<AcknowledgedWriter::Result> results = writer.WaitUntilGone();
  // Nothing runs any more that could still bring it there.
  for (const AcknowledgedWriter::Result& result : results) {
    EXPECT_EQ(result.error.code(), absl::StatusCode::kUnavailable) << result.refused << ": " << result.error;
    EXPECT_EQ(fleet.RedisValue(result.refused), "(absent)") << "it was refused";
    for (const std::string& key : result.acknowledged) {
      ASSERT_EQ(fleet.RedisValue(key), key) << "it was acknowledged, and not flushed";
    }
  }

  fleet.replica(0).Start();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  for (const AcknowledgedWriter::Result& result : results) {
    EXPECT_TRUE(IsAbsent(fleet.client(0), result.refused)) << result.refused << " was refused";
    for (const std::string& key : result.acknowledged) {
      ASSERT_TRUE(HasValue(fleet.client(0), key, key)) << key << " is lost";
    }
  }
}

TEST(Shutdown, FlushesToRedisWhatItHasNotSentYet) {
  // More calls than may be under way at once, and then what has to wait for them, in one go: the whole must not last
  // until Redis is taken for dead.
  constexpr int kCalls = 16;
  static_assert(kCalls > kMirrorPipelineMax);
  constexpr int kWrites = 100;
  // Longer than a shutdown takes that has nothing to flush, and shorter than what takes Redis for dead.
  constexpr absl::Duration kHangs = absl::Milliseconds(1500);
  Fleet fleet(Replicas(1));
  fleet.redis().Pause();
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_TRUE(fleet.client(0).Put(absl::StrCat("call/", i), absl::StrCat(i)).ok());
  }
  ASSERT_NO_FATAL_FAILURE(PutMany(fleet.client(0), "unsent/", kWrites));
  ASSERT_EQ(fleet.replica(0).Status().outbox_depth, uint64_t{kCalls + kWrites});
  const absl::Time start = absl::Now();
  fleet.replica(0).SendTerminate();
  ASSERT_TRUE(Eventually([&] { return absl::Now() - start > kHangs; }));
  EXPECT_TRUE(fleet.replica(0).IsRunning()) << "it did not wait for Redis";
  fleet.redis().Resume();
  const Process::Exit exit = fleet.replica(0).WaitForExit();
  EXPECT_EQ(exit.signal, 0);
  EXPECT_EQ(exit.code, 0);
  EXPECT_LE(absl::Now() - start, EndWithin());
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_EQ(fleet.RedisValue(absl::StrCat("call/", i)), absl::StrCat(i)) << "call/" << i;
  }
  for (int i = 0; i < kWrites; ++i) {
    ASSERT_EQ(fleet.RedisValue(absl::StrCat("unsent/", i)), absl::StrCat(i)) << "unsent/" << i;
  }
}

TEST(Shutdown, EndsAtOnceBeforeItHasEverReachedRedis) {
  Fleet fleet(Replicas(1));
  fleet.redis().Pause();
  ReplicaProcess& waiting = fleet.Add();
  EXPECT_FALSE(waiting.Status().serving);
  ExpectEndsInGoodOrder(waiting);
}

// Everything that came for `keys` keys over the streams before and after a restart, in order.
std::vector<WatchEvent> Joined(const WatchLog& before, const WatchLog& after) {
  std::vector<WatchEvent> events = before.events();
  const std::vector<WatchEvent> later = after.events();
  events.insert(events.end(), later.begin(), later.end());
  return events;
}

TEST(Resume, AcrossACrashMissesNothingAndRepeatsNothing) {
  Fleet fleet(Replicas(2));
  auto before = std::make_unique<WatchLog>(fleet.client(0), WatchAll());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(fleet.client(0).Put(absl::StrCat("k/", i), "before").ok());
  }
  ASSERT_TRUE(before->SawPut("k/99", "before"));
  fleet.replica(0).Kill9();
  ASSERT_TRUE(before->Ends());
  // While it is away, another replica goes on.
  for (int i = 100; i < 200; ++i) {
    ASSERT_TRUE(fleet.client(1).Put(absl::StrCat("k/", i), "meanwhile").ok());
  }
  ASSERT_TRUE(fleet.client(1).Delete("k/0").ok());
  fleet.replica(0).Start();
  ASSERT_TRUE(fleet.replica(0).WaitServing());
  const WatchLog after(fleet.client(0), ResumeAfter(before->token()));
  ASSERT_TRUE(fleet.client(0).Put("k/200", "after").ok());
  ASSERT_TRUE(after.SawPut("k/200", "after"));

  const std::vector<WatchEvent> events = Joined(*before, after);
  for (size_t i = 1; i < events.size(); ++i) {
    EXPECT_LT(events[i - 1].entry.revision, events[i].entry.revision) << events[i].entry.key;
  }
  for (int i = 1; i <= 200; ++i) {
    const std::string key = absl::StrCat("k/", i);
    EXPECT_EQ(before->Count(key) + after.Count(key), 1u) << key;
  }
  EXPECT_TRUE(after.Saw([](const WatchEvent& e) { return e.type == EventType::kDelete && e.entry.key == "k/0"; }));
  EXPECT_EQ(after.messages(client::WatchMarker::kReset), 0u);
}

TEST(Resume, WithATokenOfAWriteFollowsThatWrite) {
  Fleet fleet(Replicas(1));
  const auto first = fleet.client(0).Put("first", "1");
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(fleet.client(0).Put("second", "2").ok());
  const WatchLog watch(fleet.client(0), ResumeAfter(first->token));
  EXPECT_TRUE(watch.SawPut("second", "2"));
  EXPECT_EQ(watch.Count("first"), 0u);
}

// More of it in portable_resume_test.
TEST(Resume, OnAnotherReplicaGoesOnWithoutAReset) {
  Fleet fleet(Replicas(2));
  const auto put = fleet.client(0).Put("k", "1");
  ASSERT_TRUE(put.ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const WatchLog watch(fleet.client(1), ResumeAfter(put->token));
  EXPECT_TRUE(watch.SawMarker(client::WatchMarker::kSynced));
  EXPECT_EQ(watch.messages(client::WatchMarker::kReset), 0u);
  ASSERT_TRUE(fleet.client(0).Put("k", "2").ok());
  EXPECT_TRUE(watch.SawPut("k", "2"));
}

TEST(Resume, OnAStoreOfAnotherFleetIsAResetAndTheFullStateInTheSameStream) {
  Fleet fleet(Replicas(1));
  Fleet other(Replicas(1));
  const auto put = fleet.client(0).Put("k", "1");
  ASSERT_TRUE(put.ok());
  ASSERT_TRUE(other.client(0).Put("mine", "1").ok());
  const WatchLog watch(other.client(0), ResumeAfter(put->token));
  EXPECT_TRUE(watch.SawMarker(client::WatchMarker::kReset));
  EXPECT_TRUE(watch.SawPut("mine", "1"));
  EXPECT_TRUE(watch.SawMarker(client::WatchMarker::kSynced));
}

}  // namespace
}  // namespace dunlin
