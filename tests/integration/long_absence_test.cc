// Goal (guarantees G4 and G9): a replica that was away for longer than tombstones live brings back nothing that was
// deleted meanwhile, and loses nothing that it alone has.
// Method: two real replicas with a horizon of seconds. One ends, in one case with a write that it could not send; the
// test waits until what was deleted meanwhile is forgotten in Redis, and lets it come back.

#include <string>

#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {
namespace {

TEST(LongAbsence, ARebuildBringsBackNothingThatWasDeletedAndKeepsWhatWasNeverSent) {
  Fleet::Options options;
  options.replicas = 2;
  options.replica_arguments = {"--tombstone-horizon", "3s", "--offline-patience", "300ms"};
  Fleet fleet(options);
  ASSERT_TRUE(fleet.client(0).Put("kept", "1").ok());
  ASSERT_TRUE(fleet.client(0).Put("deleted", "1").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();

  ReplicaProcess& away = fleet.replica(1);
  ASSERT_EQ(away.Terminate().code, 0);
  // Nothing listens there.
  away.set_redis_url("redis://127.0.0.1:1/0");
  away.Start();
  ASSERT_TRUE(away.WaitServing()) << away.LogTail();
  ASSERT_TRUE(away.client().Put("own", "1").ok());
  ASSERT_EQ(away.Terminate().code, 0);

  ASSERT_TRUE(fleet.client(0).Delete("deleted").ok());
  ASSERT_TRUE(Eventually([&] { return fleet.RedisRecords() == 1; })) << "the tombstone is not collected";

  away.set_redis_url(fleet.redis_url());
  away.Start();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_GE(away.Status().rebuilds, 1u);
  for (size_t i = 0; i < fleet.size(); ++i) {
    EXPECT_TRUE(HasValue(fleet.client(i), "kept", "1"));
    EXPECT_TRUE(HasValue(fleet.client(i), "own", "1"));
    EXPECT_TRUE(IsAbsent(fleet.client(i), "deleted"));
  }
}

// Under a new epoch, what it holds is to be sent again: but not what the rebuild drops.
TEST(LongAbsence, ARebuildUnderANewEpochSendsNothingThatWasDeleted) {
  Fleet::Options options;
  options.replicas = 2;
  options.replica_arguments = {"--tombstone-horizon", "3s"};
  Fleet fleet(options);
  ASSERT_TRUE(fleet.client(0).Put("kept", "1").ok());
  ASSERT_TRUE(fleet.client(0).Put("deleted", "1").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  ReplicaProcess& away = fleet.replica(1);
  const std::string old_epoch = away.Status().epoch;
  ASSERT_EQ(away.Terminate().code, 0);

  ASSERT_TRUE(fleet.client(0).Delete("deleted").ok());
  ASSERT_TRUE(Eventually([&] { return fleet.RedisRecords() == 1; })) << "the tombstone is not collected";
  ASSERT_TRUE(Eventually([&] { return fleet.replica(0).Status().tombstones == 0; })) << "or it would be refilled";
  fleet.redis().Run({"FLUSHALL"});
  ASSERT_TRUE(Eventually([&] { return fleet.replica(0).Status().epoch != old_epoch; })) << "it is not noticed";
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();

  away.Start();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_GE(away.Status().rebuilds, 1u);
  for (size_t i = 0; i < fleet.size(); ++i) {
    EXPECT_TRUE(HasValue(fleet.client(i), "kept", "1"));
    EXPECT_TRUE(IsAbsent(fleet.client(i), "deleted"));
  }
}

}  // namespace
}  // namespace dunlin
