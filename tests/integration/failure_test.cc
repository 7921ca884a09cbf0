// Goal (guarantees G1, G2, G7, G8): a replica works alone while Redis is away, says so, loses nothing, and everything
// flows when it is back, even when Redis has forgotten all it knew.
// Method: real replicas; Redis is stopped, hung, flushed and restarted, replicas are killed. What Redis refuses is in
// refusal_test.cc.

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/acknowledged_writer.h"
#include "tests/integration/put_many.h"
#include "tests/integration/watch_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {
namespace {

using client::SyncState;
using testing::HasSubstr;

Fleet::Options TwoReplicas(bool append_only = false) {
  Fleet::Options options;
  options.replicas = 2;
  options.redis.append_only = append_only;
  return options;
}

bool BecomesOffline(ReplicaProcess& replica) {
  return Eventually([&] { return replica.Status().sync_state == SyncState::kOffline; });
}

TEST(RedisAway, ReadsWritesAndWatchesGoOnAndFlowWhenItIsBack) {
  Fleet fleet(TwoReplicas(/*append_only=*/true));
  ASSERT_TRUE(fleet.client(0).Put("before", "1").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const WatchLog watch(fleet.client(0), WatchAll());
  fleet.redis().Stop();
  for (size_t i = 0; i < fleet.size(); ++i) {
    ASSERT_TRUE(BecomesOffline(fleet.replica(i)));
    EXPECT_THAT(fleet.replica(i).Status().sync_detail, HasSubstr(absl::StrCat(":", fleet.redis().port())));
    EXPECT_TRUE(fleet.replica(i).Status().serving);
  }

  EXPECT_TRUE(HasValue(fleet.client(1), "before", "1"));
  ASSERT_TRUE(fleet.client(0).Put("alone", "2").ok());
  EXPECT_TRUE(watch.SawPut("alone", "2"));
  ASSERT_TRUE(fleet.client(1).Delete("before").ok());
  EXPECT_TRUE(IsAbsent(fleet.client(1), "before"));
  EXPECT_EQ(fleet.replica(0).Status().outbox_depth, 1u);
  EXPECT_FALSE(fleet.client(0).Get("alone")->lag.connected);

  fleet.redis().Start();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_TRUE(HasValue(fleet.client(1), "alone", "2"));
  EXPECT_TRUE(IsAbsent(fleet.client(0), "before"));
  EXPECT_EQ(watch.violation(), "");
}

TEST(RedisAway, AConditionalWriteIsTurnedDownAndChangesNothing) {
  Fleet fleet(TwoReplicas());
  fleet.redis().Stop();
  // A conditional write that is under way when the connection breaks is ABORTED instead, as nobody knows: the loss has
  // to have been noticed where such writes go, which a plain one provokes.
  ASSERT_TRUE(fleet.client(0).Put("plain", "x").ok());
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(fleet.replica(0).Log(), "mirror error"); }));
  client::PutOptions options;
  options.precondition = client::IfAbsent();
  const absl::Status status = fleet.client(0).Put("judged", "x", options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("nothing was changed"));
  EXPECT_TRUE(IsAbsent(fleet.client(0), "judged"));
  EXPECT_EQ(fleet.replica(0).Status().outbox_depth, 1u);
}

TEST(RedisAway, AMirroredAckSaysThatTheWriteIsStoredAndHasNotArrived) {
  Fleet fleet(TwoReplicas(/*append_only=*/true));
  fleet.redis().Stop();
  ASSERT_TRUE(BecomesOffline(fleet.replica(0)));
  client::PutOptions options;
  options.ack = client::Ack::kMirrored;
  options.timeout = absl::Seconds(1);
  // The replica answers a tenth of a second before the deadline. A machine that stands still for as long hears of the
  // deadline alone.
  constexpr int kAttempts = 3;
  constexpr absl::string_view kAnswer = "is stored on this replica and will reach Redis";
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts && !absl::StrContains(status.message(), kAnswer); ++attempt) {
    status = fleet.client(0).Put("waiting", "x", options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  }
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(kAnswer)));
  EXPECT_TRUE(HasValue(fleet.client(0), "waiting", "x"));

  fleet.redis().Start();
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_TRUE(HasValue(fleet.client(1), "waiting", "x"));
}

// What waits is what there is, not what has happened.
TEST(RedisAway, AKeyThatWasWrittenOftenMeanwhileReachesTheOthersOnce) {
  Fleet::Options options;
  options.replicas = 2;
  options.behind_proxy = true;
  Fleet fleet(options);
  ASSERT_TRUE(fleet.client(0).Put("often", "before").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const uint64_t sequence_before = fleet.RedisSequence();
  const uint64_t revision_before = fleet.replica(1).Status().revision;
  fleet.redis_link().Cut();
  constexpr int kTimes = 200;
  for (int i = 1; i <= kTimes; ++i) {
    ASSERT_TRUE(fleet.client(0).Put("often", absl::StrCat(i)).ok());
    ASSERT_TRUE(fleet.client(0).Put("gone", absl::StrCat(i)).ok());
  }
  ASSERT_TRUE(fleet.client(0).Delete("gone").ok());
  EXPECT_EQ(fleet.replica(0).Status().outbox_depth, 2u);
  fleet.redis_link().Heal();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(fleet.RedisSequence(), sequence_before + 2);
  EXPECT_EQ(fleet.replica(1).Status().revision, revision_before + 2);
  EXPECT_TRUE(HasValue(fleet.client(1), "often", absl::StrCat(kTimes)));
  EXPECT_TRUE(IsAbsent(fleet.client(1), "gone"));
}

TEST(RedisAway, AHungRedisIsNoticedAndLeftBehind) {
  Fleet fleet(TwoReplicas());
  fleet.redis().Pause();
  ASSERT_TRUE(fleet.client(0).Put("while hung", "x").ok());
  EXPECT_TRUE(BecomesOffline(fleet.replica(0)));
  EXPECT_TRUE(HasValue(fleet.client(0), "while hung", "x"));
  fleet.redis().Resume();
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_TRUE(HasValue(fleet.client(1), "while hung", "x"));
}

TEST(ReplicaKilled, NothingAcknowledgedIsLostAndTheRestIsMirroredAfterTheRestart) {
  Fleet fleet(TwoReplicas());
  // Redis hangs, so that nothing can have been mirrored when the crash comes.
  fleet.redis().Pause();
  AcknowledgedWriter writer(&fleet.client(0), /*threads=*/4);
  EXPECT_TRUE(Eventually([&] { return fleet.replica(0).Status().outbox_depth > 500; }));
  fleet.replica(0).Kill9();
  const std::vector<AcknowledgedWriter::Result> results = writer.WaitUntilGone();
  fleet.redis().Resume();
  fleet.replica(0).Start();
  ASSERT_TRUE(fleet.replica(0).WaitServing());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  for (const AcknowledgedWriter::Result& result : results) {
    for (const std::string& key : result.acknowledged) {
      ASSERT_TRUE(HasValue(fleet.client(0), key, key)) << key << " is lost";
      ASSERT_TRUE(HasValue(fleet.client(1), key, key)) << key << " was not mirrored";
    }
  }
}

TEST(RedisEmptied, AFlushIsNoticedAndTheReplicasRefillIt) {
  Fleet fleet(TwoReplicas());
  PutMany(fleet.client(0), "a/", 700);
  PutMany(fleet.client(1), "b/", 300);
  ASSERT_TRUE(fleet.client(0).Delete("a/0").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  fleet.redis().Run({"FLUSHALL"});
  ASSERT_TRUE(fleet.client(1).Put("after", "1").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(fleet.RedisRecords(), 1001u);
  EXPECT_EQ(fleet.replica(0).Status().entries, 1000u);
  EXPECT_TRUE(IsAbsent(fleet.client(1), "a/0"));
  EXPECT_TRUE(HasValue(fleet.client(0), "after", "1"));
}

TEST(RedisEmptied, ARestartWithoutItsDataIsNoticedAndTheReplicasRefillIt) {
  Fleet fleet(TwoReplicas());
  PutMany(fleet.client(0), "a/", 500);
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const std::string old_epoch = fleet.replica(0).Status().epoch;
  fleet.redis().Kill();
  ASSERT_TRUE(fleet.client(1).Put("meanwhile", "1").ok());
  fleet.redis().Start();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(fleet.RedisRecords(), 501u);
  EXPECT_NE(fleet.replica(0).Status().epoch, old_epoch);
  EXPECT_TRUE(HasValue(fleet.client(0), "meanwhile", "1"));
}

TEST(ReplicaRestarted, OverKeptDataItReadsOnlyWhatItMissed) {
  Fleet fleet(TwoReplicas());
  PutMany(fleet.client(0), "known/", 1000);
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(fleet.replica(1).Terminate().code, 0);
  PutMany(fleet.client(0), "missed/", 7);
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  fleet.redis().Run({"CONFIG", "RESETSTAT"});
  fleet.replica(1).Start();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  // Each script asks once for meta, and some once more; records are read 16 at a time, which would be 63 times for all.
  const std::string commands = fleet.redis().Run({"INFO", "commandstats"}).text;
  const uint64_t scripts = CommandCalls(commands, "evalsha");
  EXPECT_GT(CommandCalls(commands, "hmget"), scripts) << "this does not measure what it says";
  EXPECT_LT(CommandCalls(commands, "hmget"), scripts + 10) << commands;
  EXPECT_TRUE(HasValue(fleet.client(1), "missed/6", "6"));
}

TEST(ReplicaRestarted, WithDataAndWithoutRedisItServesAfterItsPatienceAndAnEmptyOneDoesNot) {
  Fleet::Options options;
  options.replicas = 1;
  // Far longer than it takes to ask for the first time.
  options.replica_arguments = {"--offline-patience", "5s"};
  Fleet fleet(options);
  ASSERT_TRUE(fleet.client(0).Put("kept", "1").ok());
  fleet.replica(0).Terminate();
  fleet.redis().Stop();
  ReplicaProcess& empty = fleet.Add();
  fleet.replica(0).Start();
  absl::Status early;
  EXPECT_TRUE(Eventually([&] {
    early = fleet.client(0).Get("kept").status();
    return !absl::StrContains(early.message(), "is starting");
  }));
  EXPECT_EQ(early.code(), absl::StatusCode::kUnavailable) << early;
  EXPECT_THAT(std::string(early.message()), HasSubstr("waiting for Redis"));

  ASSERT_TRUE(fleet.replica(0).WaitServing());
  EXPECT_TRUE(HasValue(fleet.client(0), "kept", "1"));
  EXPECT_EQ(fleet.replica(0).Status().sync_state, SyncState::kOffline);
  EXPECT_THAT(fleet.replica(0).Status().serving_detail,
              HasSubstr("serves what it holds, as Redis could not be reached"));

  // It was started before the other, and as patient.
  EXPECT_FALSE(empty.Status().serving);
  const absl::Status refused = empty.client().Get("kept").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("holds no data and has not reached Redis"));
  EXPECT_THAT(empty.Status().serving_detail, HasSubstr("holds no data and has not reached Redis"));

  fleet.redis().Start();
  EXPECT_TRUE(Eventually([&] {
    return absl::StrContains(fleet.replica(0).Status().serving_detail, "has had everything from Redis");
  })) << fleet.Describe();
}

TEST(StandAlone, AReplicaWithoutRedisIsACompleteStoreAndJoinsAFleetLater) {
  Fleet::Options options;
  options.replicas = 1;
  Fleet fleet(options);
  ReplicaProcess& alone = fleet.Add();
  ASSERT_TRUE(alone.WaitServing());
  ASSERT_EQ(alone.Terminate().code, 0);
  alone.set_redis_url("");
  alone.Start();
  ASSERT_TRUE(alone.WaitServing());
  EXPECT_EQ(alone.Status().sync_state, SyncState::kStandalone);

  client::PutOptions if_absent;
  if_absent.precondition = client::IfAbsent();
  EXPECT_TRUE(alone.client().Put("own", "1", if_absent).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(alone.client().Put("own", "2", if_absent).status()));
  client::PutOptions mirrored;
  mirrored.ack = client::Ack::kMirrored;
  const absl::Status refused = alone.client().Put("own", "3", mirrored).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  EXPECT_TRUE(HasValue(alone.client(), "own", "1"));

  alone.Terminate();
  alone.set_redis_url(fleet.redis_url());
  alone.Start();
  EXPECT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_TRUE(HasValue(fleet.client(0), "own", "1"));
}

}  // namespace
}  // namespace dunlin
