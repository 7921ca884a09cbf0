// Goal: operators see how a replica stands, also when it does not serve or its store is in trouble, and can have all of
// it checked. Method: a real stand-alone replica; one that never reaches its Redis; a store whose read transactions are
// all taken, whose disk fails, or in which a record was changed behind its back.

#include "server/replica_service.h"

#include <cerrno>
#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/build_info.h"
#include "tests/server/replica_tester.h"
#include "tests/support/recorded_files.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

v1::Status StatusOf(const ReplicaTester& tester) {
  v1::GetStatusResponse response;
  const grpc::Status status = tester.replica->GetStatus(NewContext().get(), v1::GetStatusRequest(), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.status();
}

TEST(ReplicaServiceTest, AStandAloneReplicaDescribesItself) {
  ReplicaTester tester;
  tester.data.Put("a", "1");
  tester.data.Put("b", "2");
  tester.data.Delete("a");
  const v1::Status status = StatusOf(tester);
  EXPECT_EQ(status.replica_id(), "replica-1");
  EXPECT_EQ(status.namespace_(), "default");
  EXPECT_EQ(status.store_id(), tester.data.store->store_id());
  EXPECT_EQ(status.sync_state(), v1::SYNC_STATE_STANDALONE);
  EXPECT_EQ(status.sync_detail(), "");
  EXPECT_EQ(status.epoch(), "");
  EXPECT_EQ(status.revision(), 3u);
  EXPECT_EQ(status.entries(), 1u);
  EXPECT_EQ(status.tombstones(), 1u);
  EXPECT_GT(status.database_bytes(), 0u);
  EXPECT_EQ(status.outbox_depth(), 0u) << "there is nowhere to send anything";
  EXPECT_EQ(status.digest().size(), 16u);
  EXPECT_EQ(status.version(), GetBuildInfo().version);
  EXPECT_FALSE(status.build().empty());
  EXPECT_TRUE(status.serving());
  EXPECT_TRUE(status.lag().connected());
  EXPECT_EQ(status.store_detail(), "");
}

TEST(ReplicaServiceTest, EqualContentsHaveEqualDigests) {
  ReplicaTester tester;
  const std::string empty = StatusOf(tester).digest();
  tester.data.Put("a", "1");
  EXPECT_NE(StatusOf(tester).digest(), empty);
  tester.data.Delete("a");
  EXPECT_EQ(StatusOf(tester).digest(), empty);
}

TEST(ReplicaServiceTest, ItAnswersWhileTheReplicaDoesNotServe) {
  ReplicaTester tester;
  EXPECT_TRUE(StatusOf(tester).serving());
  EXPECT_EQ(StatusOf(tester).serving_detail(), "open for a test");
  tester.gate.Close("catching up");
  EXPECT_FALSE(StatusOf(tester).serving());
  EXPECT_EQ(StatusOf(tester).serving_detail(), "catching up");
}

// Runs `body` while every read transaction of the store is taken.
void WithoutReaders(const Store& store, const std::function<void()>& body) {
  bool reached = false;
  const std::function<bool(absl::string_view)> nest = [&](absl::string_view) {
    if (!store.ReadChanges(0, nest, 1, 1).ok() && !reached) {
      reached = true;
      body();
    }
    return false;
  };
  (void)store.ReadChanges(0, nest, 1, 1);
  EXPECT_TRUE(reached);
}

TEST(ReplicaServiceTest, AStoreThatDoesNotAnswerIsReported) {
  ReplicaTester tester;
  tester.data.Put("a", "1");
  WithoutReaders(*tester.data.store, [&] {
    const v1::Status status = StatusOf(tester);
    EXPECT_THAT(status.store_detail(), HasSubstr("read"));
    EXPECT_EQ(status.database_bytes(), 0u);
    EXPECT_EQ(status.entries(), 1u) << "what is known is told";
    EXPECT_EQ(status.replica_id(), "replica-1");
  });
  EXPECT_EQ(StatusOf(tester).store_detail(), "") << "it recovers";
}

ReplicaTester::Options Replicated() {
  ReplicaTester::Options options;
  options.replicated = true;
  return options;
}

// Versions are made by Redis' clock: told by the machine's, a clock that is wrong by an hour would add that hour.
TEST(ReplicaServiceTest, TheOutboxIsAsOldAsItsOldestWriteOnTheFleetsClock) {
  ReplicaTester tester(Replicated());
  tester.data.clock.SetOffset(absl::Hours(1));
  EXPECT_EQ(StatusOf(tester).outbox_age().seconds(), 0);
  tester.data.Put("a", "1");
  tester.data.Advance(absl::Seconds(20));
  tester.data.Put("b", "1");
  tester.data.Advance(absl::Seconds(10));
  EXPECT_EQ(StatusOf(tester).outbox_depth(), 2u);
  EXPECT_EQ(StatusOf(tester).outbox_age().seconds(), 30);
  tester.data.Put("a", "2");
  EXPECT_EQ(StatusOf(tester).outbox_age().seconds(), 10) << "now b is the oldest";
}

TEST(ReplicaServiceTest, WhatRedisHasHadIsNotWaiting) {
  ReplicaTester tester(Replicated());
  tester.data.EnterEpoch(7, /*refill=*/false);
  tester.data.Put("a", "1");
  tester.data.Advance(absl::Seconds(20));
  EXPECT_EQ(StatusOf(tester).outbox_age().seconds(), 20);
  MirrorProgress progress;
  progress.epoch = 7;
  progress.revision = 1;
  progress.sent.push_back({"a", 1});
  tester.data.committer->AdvanceMirrored(progress);
  tester.data.EnterEpoch(8, /*refill=*/true);
  EXPECT_EQ(StatusOf(tester).outbox_depth(), 1u) << "it is sent again";
  EXPECT_EQ(StatusOf(tester).outbox_age().seconds(), 0);
  tester.data.Put("b", "1");
  tester.data.Advance(absl::Seconds(5));
  EXPECT_EQ(StatusOf(tester).outbox_age().seconds(), 5);
}

TEST(ReplicaServiceTest, AFailedDiskIsReported) {
  RecordedFiles files(TempDir::Parent());
  ReplicaTester tester;
  tester.data.Put("a", "1");
  files.FailWriteAfter(0, EIO);
  Mutation put;
  put.key = "b";
  EXPECT_FALSE(tester.data.Write({put}).ok());
  const v1::Status status = StatusOf(tester);
  EXPECT_THAT(status.store_detail(), HasSubstr("the disk has failed (journal: writing "));
  EXPECT_FALSE(status.serving());
  EXPECT_THAT(status.serving_detail(), HasSubstr("the disk has failed"));
  EXPECT_EQ(status.entries(), 1u);
  EXPECT_GT(status.database_bytes(), 0u) << "it can be read";
}

// ---- Verify ----

TEST(ReplicaServiceTest, AVerificationOfASoundStoreComparesEverything) {
  ReplicaTester tester;
  tester.data.Put("a", "1");
  tester.data.Put("b", "2", absl::Hours(1));
  tester.data.Put("c", "3");
  tester.data.Delete("a");
  v1::VerifyResponse response;
  const grpc::Status status = tester.replica->Verify(NewContext().get(), v1::VerifyRequest(), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.entries_checked(), 2u);
  EXPECT_EQ(response.tombstones_checked(), 1u);
  EXPECT_EQ(response.changes_checked(), 4u);
  EXPECT_EQ(response.expiries_checked(), 1u);
  EXPECT_EQ(response.leftover_expiries(), 0u);
  EXPECT_EQ(response.damaged_count(), 0u);
  EXPECT_EQ(response.counts(), v1::COMPARISON_EQUAL);
  EXPECT_EQ(response.digest(), v1::COMPARISON_EQUAL);
  EXPECT_EQ(response.not_compared_reason(), "");
  EXPECT_EQ(response.first_revision(), 4u);
  EXPECT_EQ(response.last_revision(), 4u);
  EXPECT_TRUE(response.has_duration());
}

// Two entries, of which `a` is damaged.
ReplicaTester::Options WithDamage(bool replicated) {
  ReplicaTester::Options options;
  options.replicated = replicated;
  options.prepare = [](StoreParts* data) {
    data->Put("a", "1");
    data->Put("b", "2");
    data->Damage("a");
  };
  return options;
}

TEST(ReplicaServiceTest, AVerificationNamesDamagedKeys) {
  ReplicaTester tester(WithDamage(/*replicated=*/false));
  v1::VerifyResponse response;
  const grpc::Status status = tester.replica->Verify(NewContext().get(), v1::VerifyRequest(), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.entries_checked(), 1u);
  ASSERT_EQ(response.damaged_count(), 1u);
  EXPECT_EQ(response.damaged(0).key(), "a");
  EXPECT_THAT(response.damaged(0).reason(), HasSubstr("its checksum does not match"));
  EXPECT_EQ(response.counts(), v1::COMPARISON_NOT_MADE);
  EXPECT_EQ(response.digest(), v1::COMPARISON_NOT_MADE);
  EXPECT_THAT(response.not_compared_reason(), HasSubstr("damaged"));
  EXPECT_FALSE(response.repair_started()) << "there is nobody to read it from";
  EXPECT_EQ(StatusOf(tester).damaged_records(), 1u);
}

TEST(ReplicaServiceTest, AVerificationThatFindsDamageStartsItsRepair) {
  ReplicaTester damaged(WithDamage(/*replicated=*/true));
  v1::VerifyResponse response;
  ASSERT_TRUE(damaged.replica->Verify(NewContext().get(), v1::VerifyRequest(), &response).ok());
  EXPECT_TRUE(response.repair_started());
  ReplicaTester sound(Replicated());
  ASSERT_TRUE(sound.replica->Verify(NewContext().get(), v1::VerifyRequest(), &response).ok());
  EXPECT_FALSE(response.repair_started());
}

TEST(ReplicaServiceTest, AVerificationGoesOnWhileTheReplicaDoesNotServe) {
  ReplicaTester tester;
  tester.gate.Close("catching up");
  v1::VerifyResponse response;
  EXPECT_TRUE(tester.replica->Verify(NewContext().get(), v1::VerifyRequest(), &response).ok());
}

TEST(ReplicaServiceTest, AtAShutdownAVerificationIsRefusedInWords) {
  ReplicaTester tester;
  tester.replica_service->Shutdown();
  v1::VerifyResponse response;
  const grpc::Status status = tester.replica->Verify(NewContext().get(), v1::VerifyRequest(), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("the replica is shutting down"));
}

TEST(ReplicaServiceTest, OpenWatchStreamsAreCounted) {
  ReplicaTester tester;
  EXPECT_EQ(StatusOf(tester).watchers(), 0u);
  const auto context = NewContext();
  const auto reader = tester.kv->Watch(context.get(), v1::WatchRequest());
  v1::WatchResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(StatusOf(tester).watchers(), 1u);
  context->TryCancel();
  while (reader->Read(&message)) {
  }
  reader->Finish();
}

}  // namespace
}  // namespace dunlin
