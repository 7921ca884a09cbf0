// Goal (guarantees G3, G4, G8 and G9): a Redis that goes back to an old snapshot, or forgets a part of what it holds,
// takes nothing back and brings nothing back: the replicas notice, begin a new epoch and bring it up to date.
// Method: real replicas; their Redis saves a snapshot, takes more, is killed and reads the snapshot; or loses one of
// its keys, or a record.

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/integration/put_many.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"
#include "tests/sync/test_records.h"

namespace dunlin {
namespace {

Fleet::Options TwoReplicas() {
  Fleet::Options options;
  options.replicas = 2;
  return options;
}

TEST(RedisRestored, AnOldSnapshotIsBroughtUpToDateAndTakesNothingBack) {
  Fleet fleet(TwoReplicas());
  ASSERT_NO_FATAL_FAILURE(PutMany(fleet.client(0), "before/", 300));
  ASSERT_TRUE(fleet.client(0).Put("changed", "old").ok());
  ASSERT_TRUE(fleet.client(0).Put("deleted", "old").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  ASSERT_FALSE(fleet.redis().Run({"SAVE"}).is_error());

  ASSERT_NO_FATAL_FAILURE(PutMany(fleet.client(1), "after/", 200));
  ASSERT_TRUE(fleet.client(1).Put("changed", "new").ok());
  ASSERT_TRUE(fleet.client(0).Delete("deleted").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const std::string old_epoch = fleet.replica(0).Status().epoch;

  // It has no append-only file, so that the snapshot is what it finds.
  fleet.redis().Kill();
  ASSERT_TRUE(fleet.client(1).Put("meanwhile", "1").ok());
  fleet.redis().Start();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_NE(fleet.replica(0).Status().epoch, old_epoch);
  EXPECT_EQ(fleet.RedisRecords(), 503u);
  EXPECT_EQ(fleet.RedisValue("changed"), "new");
  EXPECT_EQ(fleet.RedisValue("deleted"), "(deleted)");
  for (size_t i = 0; i < fleet.size(); ++i) {
    EXPECT_TRUE(HasValue(fleet.client(i), "changed", "new"));
    EXPECT_TRUE(IsAbsent(fleet.client(i), "deleted"));
    EXPECT_TRUE(HasValue(fleet.client(i), "meanwhile", "1"));
    EXPECT_EQ(fleet.replica(i).Status().entries, 502u);
  }
}

TEST(RedisRestored, AMetaKeyThatIsGoneIsMadeAnewAndNothingIsMissed) {
  Fleet fleet(TwoReplicas());
  ASSERT_NO_FATAL_FAILURE(PutMany(fleet.client(0), "before/", 100));
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const std::string old_epoch = fleet.replica(0).Status().epoch;
  const uint64_t old_sequence = fleet.RedisSequence();

  ASSERT_EQ(fleet.redis().Run({"DEL", fleet.names().meta}).integer, 1);
  ASSERT_TRUE(fleet.client(1).Put("after", "1").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_NE(fleet.replica(0).Status().epoch, old_epoch);
  EXPECT_GT(fleet.RedisSequence(), old_sequence) << "no sequence is given out twice";
  EXPECT_EQ(fleet.RedisRecords(), 101u);
  EXPECT_TRUE(HasValue(fleet.client(0), "after", "1"));
}

// Whatever is gone, meta tells how much there has to be.
TEST(RedisRestored, AKeyOrARecordThatIsGoneComesBack) {
  Fleet fleet(TwoReplicas());
  ASSERT_NO_FATAL_FAILURE(PutMany(fleet.client(0), "before/", 100));
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const std::vector<std::vector<absl::string_view>> losses = {
      {"DEL", fleet.names().data}, {"DEL", fleet.names().index}, {"HDEL", fleet.names().data, "before/7"}};
  for (const std::vector<absl::string_view>& loss : losses) {
    const std::string old_epoch = fleet.replica(0).Status().epoch;
    ASSERT_EQ(fleet.redis().Run(loss).integer, 1);
    EXPECT_TRUE(Eventually([&] { return fleet.replica(0).Status().epoch != old_epoch; })) << "it is not noticed";
    ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
    EXPECT_EQ(fleet.RedisRecords(), 100u);
    EXPECT_EQ(fleet.redis().Run({"ZCARD", fleet.names().index}).integer, 100);
    EXPECT_EQ(fleet.RedisValue("before/7"), "7");
  }
  // Who joins now gets everything.
  ReplicaProcess& newcomer = fleet.Add();
  ASSERT_TRUE(newcomer.WaitServing()) << newcomer.LogTail();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(newcomer.Status().entries, 100u);
}

// Redis has taken it and its sender ended before it heard so; then the index is gone, by which others would find it
// (seed 78,475 of the simulation).
TEST(RedisRestored, ARecordThatOnlyRedisHoldsIsFoundWithoutTheIndex) {
  Fleet fleet(TwoReplicas());
  ASSERT_NO_FATAL_FAILURE(PutMany(fleet.client(0), "before/", 100));
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const std::string record = MakeRecord(MakeVersion(absl::Now()), "1");
  ASSERT_EQ(fleet.redis().Run({"HSET", fleet.names().data, "hidden", record}).integer, 1);
  ASSERT_EQ(fleet.redis().Run({"DEL", fleet.names().index}).integer, 1);
  for (size_t i = 0; i < fleet.size(); ++i) {
    EXPECT_TRUE(Eventually([&] { return HasValue(fleet.client(i), "hidden", "1"); })) << fleet.Describe();
  }
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(fleet.RedisRecords(), 101u);
  EXPECT_EQ(fleet.redis().Run({"ZCARD", fleet.names().index}).integer, 101);
}

}  // namespace
}  // namespace dunlin
