// Goal: stores that share a Redis become equal, whatever happens to it, and nothing acknowledged is lost.
// Method: several whole replicas, short of gRPC, in one process around one real Redis, which is restarted, emptied,
// paused and cut off. The test waits for what it expects; nothing depends on how long things take.

#include "sync/replicator.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "storage/version.h"
#include "tests/support/eventually.h"
#include "tests/support/redis_server.h"
#include "tests/sync/test_replica.h"

namespace dunlin {
namespace {

class ReplicatorTest : public testing::Test {
 protected:
  void AddReplicas(int count) {
    for (int i = 0; i < count; ++i) {
      replicas_.push_back(std::make_unique<Replica>(redis_.endpoint()));
      ASSERT_TRUE(replicas_.back()->WaitLive());
    }
  }

  // Whether all replicas are live, in one place of one history, with nothing left to send and the same entries.
  bool Equal() {
    const StoreState first = replicas_[0]->state();
    for (const auto& replica : replicas_) {
      const StoreState state = replica->state();
      const Follower::Status follower = replica->replicator().status().follower;
      if (follower.state != Follower::State::kLive || state.outbox_depth != 0 || state.epoch != first.epoch ||
          state.applied_sequence != first.applied_sequence || follower.redis_sequence != first.applied_sequence ||
          state.digest.Encode() != first.digest.Encode()) {
        return false;
      }
    }
    return true;
  }

  // Whether all replicas become equal and Redis holds as many entries.
  testing::AssertionResult Converge() {
    const auto converged = [this] {
      const StoreState state = replicas_[0]->state();
      return Equal() && static_cast<uint64_t>(redis_.Run({"HLEN", "dunlin:{test}:data"}).integer) ==
                            state.entries + state.tombstones;
    };
    if (Eventually(converged)) {
      return testing::AssertionSuccess();
    }
    testing::AssertionResult failure = testing::AssertionFailure();
    for (const auto& replica : replicas_) {
      const StoreState state = replica->state();
      const Replicator::Status status = replica->replicator().status();
      failure << "\nstate " << static_cast<int>(status.follower.state) << " epoch " << state.epoch << " applied "
              << state.applied_sequence << " of " << status.follower.redis_sequence << " outbox " << state.outbox_depth
              << " entries " << state.entries << " error " << status.follower.error << " mirror "
              << status.mirror_error;
    }
    return failure;
  }

  void PutEverywhere(absl::string_view prefix, int count) {
    for (int i = 0; i < count; ++i) {
      for (size_t r = 0; r < replicas_.size(); ++r) {
        ASSERT_TRUE(replicas_[r]->Put(absl::StrCat(prefix, i % 7, r), absl::StrCat(i)).ok());
        ASSERT_TRUE(replicas_[r]->Put(absl::StrCat(prefix, "shared", i % 5), absl::StrCat(i, "-", r)).ok());
      }
    }
  }

  RedisServer redis_;
  std::vector<std::unique_ptr<Replica>> replicas_;
};

TEST_F(ReplicatorTest, WritesEverywhereConverge) {
  AddReplicas(3);
  PutEverywhere("a", 30);
  ASSERT_TRUE(Converge());
  EXPECT_EQ(replicas_[0]->Get("a62"), "27");
  // Between two heartbeats that come late it may be more.
  EXPECT_TRUE(Eventually([&] { return replicas_[0]->replicator().status().staleness == absl::ZeroDuration(); }));
}

TEST_F(ReplicatorTest, AColdStartWhileOthersWriteEndsWithEverything) {
  AddReplicas(1);
  PutEverywhere("a", 50);
  replicas_.push_back(std::make_unique<Replica>(redis_.endpoint()));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(replicas_[0]->Put(absl::StrCat("late", i), "x").ok());
  }
  ASSERT_TRUE(replicas_[1]->WaitLive());
  ASSERT_TRUE(Converge());
}

TEST_F(ReplicatorTest, TheOutboxsCursorPassesWhatOthersWrite) {
  AddReplicas(2);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(replicas_[0]->Put("k", absl::StrCat(i)).ok());
  }
  ASSERT_TRUE(Converge());
  EXPECT_TRUE(replicas_[1]->WaitForOutbox(replicas_[1]->state().revision).ok());
  EXPECT_TRUE(Eventually([&] { return replicas_[1]->state().mirrored_revision == replicas_[1]->state().revision; }));
  ASSERT_TRUE(replicas_[1]->Put("own", "1").ok());
  ASSERT_TRUE(Converge());
  EXPECT_EQ(replicas_[0]->Get("own"), "1");
}

TEST_F(ReplicatorTest, LargeValuesArriveWithoutAGap) {
  AddReplicas(2);
  const std::string large(kInlineValueMaxBytes + 1, 'x');
  ASSERT_TRUE(replicas_[0]->Put("small", "1").ok());
  ASSERT_TRUE(replicas_[0]->Put("large", large).ok());
  ASSERT_TRUE(replicas_[0]->Put("small", "2").ok());
  ASSERT_TRUE(Converge());
  EXPECT_EQ(replicas_[1]->Get("large"), large);
}

TEST_F(ReplicatorTest, WritesGoOnWhileRedisIsDownAndFlowWhenItIsBack) {
  AddReplicas(2);
  ASSERT_TRUE(replicas_[0]->Put("before", "1").ok());
  ASSERT_TRUE(Converge());
  redis_.Kill();
  PutEverywhere("down", 10);
  EXPECT_TRUE(absl::IsUnavailable(replicas_[0]->WriteIfAbsent("new", "1").status()));
  redis_.Start();
  ASSERT_TRUE(Converge());
  EXPECT_EQ(replicas_[1]->Get("before"), "1");
  EXPECT_EQ(replicas_[1]->Get("down20"), "9");
}

TEST_F(ReplicatorTest, AnEmptiedRedisIsRefilled) {
  AddReplicas(2);
  PutEverywhere("a", 20);
  ASSERT_TRUE(Converge());
  const std::string epoch = replicas_[0]->epoch();
  redis_.Run({"FLUSHALL"});
  PutEverywhere("b", 5);
  ASSERT_TRUE(Converge());
  EXPECT_NE(replicas_[0]->epoch(), epoch);
  EXPECT_EQ(replicas_[1]->Get("a50"), "19");
}

// A newcomer that is the first to see the empty Redis must not take it for a fleet of its own.
TEST_F(ReplicatorTest, ANewcomerToAnEmptiedRedisJoinsTheFleetThatRefillsIt) {
  AddReplicas(1);
  PutEverywhere("a", 5);
  ASSERT_TRUE(Converge());
  redis_.Run({"FLUSHALL"});
  AddReplicas(1);
  ASSERT_TRUE(Converge());
  EXPECT_EQ(replicas_[1]->Get("a40"), "4");
}

TEST_F(ReplicatorTest, LostConnectionsLoseNoWrite) {
  AddReplicas(2);
  for (int round = 0; round < 5; ++round) {
    PutEverywhere(absl::StrCat("r", round), 5);
    redis_.Run({"CLIENT", "KILL", "TYPE", round % 2 == 0 ? "pubsub" : "normal"});
  }
  ASSERT_TRUE(Converge());
}

TEST_F(ReplicatorTest, AFullRingIsRepaired) {
  for (int i = 0; i < 2; ++i) {
    replicas_.push_back(std::make_unique<Replica>(redis_.endpoint(), /*ring_slots=*/2));
    ASSERT_TRUE(replicas_.back()->WaitLive());
  }
  PutEverywhere("a", 200);
  ASSERT_TRUE(Converge());
}

TEST_F(ReplicatorTest, OfManyConditionalWritesExactlyOneWins) {
  AddReplicas(3);
  for (int round = 0; round < 10; ++round) {
    const std::string key = absl::StrCat("key", round);
    std::vector<Answer<absl::StatusOr<WriteResult>>> answers(9);
    for (size_t i = 0; i < answers.size(); ++i) {
      replicas_[i % 3]->StartWriteIfAbsent(key, absl::StrCat(i), &answers[i]);
    }
    int winners = 0;
    std::string value;
    for (size_t i = 0; i < answers.size(); ++i) {
      const absl::StatusOr<WriteResult> result = answers[i].Get();
      winners += result.ok() ? 1 : 0;
      value = result.ok() ? absl::StrCat(i) : value;
      EXPECT_TRUE(result.ok() || absl::IsFailedPrecondition(result.status())) << result.status();
    }
    EXPECT_EQ(winners, 1);
    ASSERT_TRUE(Converge());
    EXPECT_EQ(replicas_[round % 3]->Get(key), value);
  }
}

// A write that is turned down commits nothing that would wake the mirror.
TEST_F(ReplicatorTest, AFailedConditionDoesNotKeepTheOutboxWaiting) {
  AddReplicas(1);
  ASSERT_TRUE(replicas_[0]->WriteIfAbsent("taken", "1").ok());
  for (int i = 0; i < 200; ++i) {
    Answer<absl::StatusOr<WriteResult>> refused;
    replicas_[0]->StartWriteIfAbsent("taken", "2", &refused);
    const absl::StatusOr<WriteResult> put = replicas_[0]->Put("other", absl::StrCat(i));
    ASSERT_TRUE(put.ok()) << put.status();
    ASSERT_TRUE(replicas_[0]->WaitForOutbox(put->revisions[0]).ok()) << "round " << i;
    EXPECT_TRUE(absl::IsFailedPrecondition(refused.Get().status()));
  }
}

TEST_F(ReplicatorTest, OwnWritesAreJudgedBeforeALaterCondition) {
  AddReplicas(1);
  for (int i = 0; i < 20; ++i) {
    const std::string key = absl::StrCat("key", i);
    ASSERT_TRUE(replicas_[0]->Put(key, "1").ok());
    EXPECT_TRUE(absl::IsFailedPrecondition(replicas_[0]->WriteIfAbsent(key, "2").status()));
  }
}

// Its clock was wrong while Redis was away, so that its write ends with another version than its answer named.
TEST_F(ReplicatorTest, WhoAsksForTheVersionBeforeItWasStampedAnewIsToldTheOneInForce) {
  AddReplicas(1);
  ASSERT_TRUE(Converge());
  Replica& replica = *replicas_[0];
  redis_.Kill();
  // From here on no answer of Redis puts the clock right.
  ASSERT_TRUE(Eventually([&] { return replica.replicator().status().follower.state == Follower::State::kOffline; }));
  replica.clock().SetOffset(replica.clock().offset() + absl::Hours(1));
  const absl::StatusOr<WriteResult> put = replica.Put("key", "1");
  ASSERT_TRUE(put.ok()) << put.status();
  redis_.Start();
  ASSERT_TRUE(Converge());
  const Version in_force = replica.VersionOf("key");
  ASSERT_LT(in_force, put->versions[0]);
  const absl::Status refused = replica.WriteIfVersion("key", "2", put->versions[0]).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), VersionToString(in_force))) << refused;
  EXPECT_TRUE(replica.WriteIfVersion("key", "2", in_force).ok());
}

TEST_F(ReplicatorTest, AMirroredWriteIsInRedis) {
  AddReplicas(1);
  const absl::StatusOr<WriteResult> put = replicas_[0]->Put("key", "value");
  ASSERT_TRUE(put.ok());
  ASSERT_TRUE(replicas_[0]->WaitForOutbox(put->revisions[0]).ok());
  EXPECT_EQ(redis_.Run({"HEXISTS", "dunlin:{test}:data", "key"}).integer, 1);
  redis_.Kill();
  const absl::StatusOr<WriteResult> alone = replicas_[0]->Put("key", "alone");
  ASSERT_TRUE(alone.ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(replicas_[0]->WaitForOutbox(alone->revisions[0], absl::Milliseconds(20))));
}

TEST_F(ReplicatorTest, WhatKeepsWritesFromRedisIsShownAndPasses) {
  AddReplicas(1);
  ASSERT_TRUE(Converge());
  redis_.Run({"CONFIG", "SET", "maxmemory", "1"});
  ASSERT_TRUE(replicas_[0]->Put("key", "value").ok());
  EXPECT_TRUE(Eventually([&] { return absl::IsResourceExhausted(replicas_[0]->replicator().status().mirror_error); }))
      << replicas_[0]->replicator().status().mirror_error;
  redis_.Run({"CONFIG", "SET", "maxmemory", "0"});
  ASSERT_TRUE(Converge());
  EXPECT_TRUE(Eventually([&] { return replicas_[0]->replicator().status().mirror_error.ok(); }));
}

// Seen in Redis under one epoch and stored here under the next: nobody else may have it.
TEST_F(ReplicatorTest, ARecordOfAnEpochThatWasLeftIsSentAgain) {
  AddReplicas(1);
  ASSERT_TRUE(Converge());
  ASSERT_TRUE(replicas_[0]->WriteIfAbsent("key", "value").ok());
  ASSERT_TRUE(Converge());
  const RedisReply stored = redis_.Run({"HGET", "dunlin:{test}:data", "key"});
  RemoteBatch batch;
  batch.records.push_back(VersionedRecord{"copy", stored.text});
  batch.seen_in_epoch = replicas_[0]->state().epoch + 1;
  Answer<absl::StatusOr<ApplyResult>> answer;
  replicas_[0]->committer().Apply(batch, answer.Callback());
  ASSERT_TRUE(answer.Get().ok());
  EXPECT_TRUE(Eventually([&] { return redis_.Run({"HEXISTS", "dunlin:{test}:data", "copy"}).integer == 1; }));
  ASSERT_TRUE(Converge());
}

TEST_F(ReplicatorTest, AReplicatorThatComesBackGoesOnWhereItWas) {
  AddReplicas(2);
  PutEverywhere("a", 5);
  ASSERT_TRUE(Converge());
  replicas_[0]->Stop();
  PutEverywhere("b", 5);
  replicas_[0]->Start();
  ASSERT_TRUE(Converge());
}

// Nobody can send it; what was written before and after it must not wait for that.
TEST_F(ReplicatorTest, ADamagedRecordDoesNotKeepTheOutboxFromRedis) {
  AddReplicas(1);
  ASSERT_TRUE(Converge());
  replicas_[0]->Stop();
  for (const char* key : {"before", "damaged", "after"}) {
    ASSERT_TRUE(replicas_[0]->Put(key, "value").ok());
  }
  replicas_[0]->Damage("damaged");
  ASSERT_TRUE(replicas_[0]->WaitForOutbox(replicas_[0]->state().revision).ok());
  EXPECT_EQ(redis_.Run({"HLEN", "dunlin:{test}:data"}).integer, 2);
  EXPECT_TRUE(Eventually([&] { return replicas_[0]->replicator().status().mirror_error.ok(); }));
  ASSERT_TRUE(replicas_[0]->Put("damaged", "repaired").ok());
  ASSERT_TRUE(Converge());
}

TEST_F(ReplicatorTest, WhatIsDamagedIsReadAgainFromTheFleet) {
  AddReplicas(2);
  PutEverywhere("a", 5);
  ASSERT_TRUE(replicas_[1]->Put("damaged", "value").ok());
  ASSERT_TRUE(Converge());
  replicas_[0]->Damage("damaged");
  ASSERT_TRUE(replicas_[0]->WaitLive());
  ASSERT_EQ(replicas_[0]->Get("damaged"), "");
  replicas_[0]->replicator().Repair();
  EXPECT_TRUE(Eventually([&] { return replicas_[0]->Get("damaged") == "value"; }));
  ASSERT_TRUE(Converge());
}

TEST_F(ReplicatorTest, StopAnswersEverybodyWhateverGoesOn) {
  for (int round = 0; round < 6; ++round) {
    Replica replica(redis_.endpoint());
    if (round % 2 == 0) {
      ASSERT_TRUE(replica.WaitLive());
    }
    if (round == 2) {
      redis_.Pause();
    }
    std::vector<Answer<absl::StatusOr<WriteResult>>> writes(5);
    std::vector<Answer<absl::Status>> mirrored(5);
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(replica.Put(absl::StrCat("key", i), absl::StrCat(round)).ok());
      replica.StartWriteIfAbsent(absl::StrCat("new", round, i), "1", &writes[i]);
      replica.replicator().WaitForOutbox(replica.state().revision, kTestPatience, mirrored[i].Callback());
    }
    replica.Stop();
    replica.Stop();
    for (int i = 0; i < 5; ++i) {
      const absl::Status write = writes[i].Get().status();
      EXPECT_TRUE(write.ok() || absl::IsUnavailable(write) || absl::IsAborted(write)) << write;
      const absl::Status ack = mirrored[i].Get();
      EXPECT_TRUE(ack.ok() || absl::IsUnavailable(ack)) << ack;
    }
    EXPECT_FALSE(replica.WriteIfAbsent("late", "1").ok());
    EXPECT_FALSE(replica.WaitForOutbox(1 << 30).ok());
    if (round == 2) {
      redis_.Resume();
    }
  }
}

}  // namespace
}  // namespace dunlin
