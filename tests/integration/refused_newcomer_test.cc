// Goal: a replica that has never been in its Redis, and finds something else under one of Dunlin's names there, says
// which, of what type and what to do, touches none of it, and starts to serve by itself once that is put right.
// Method: a real Redis with a key of another type in each place, and a real replica with an empty disk.

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sync/redis_names.h"
#include "tests/support/eventually.h"
#include "tests/support/redis_server.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

TEST(RefusedNewcomer, AKeyOfAnotherTypeIsToldLeftAloneAndHealed) {
  const RedisNames names = *MakeRedisNames("test");
  for (const std::string& key : {names.data, names.index, names.meta}) {
    RedisServer redis;
    ASSERT_FALSE(redis.Run({"SET", key, "mine"}).is_error());
    const TempDir directory;
    ReplicaProcess::Options options;
    options.data_dir = directory.Join("data");
    options.log_path = directory.Join("log");
    options.redis_url = absl::StrCat("redis://127.0.0.1:", redis.port());
    ReplicaProcess replica(options);
    replica.Start();
    std::string detail;
    ASSERT_TRUE(Eventually([&] {
      detail = replica.Status().sync_detail;
      return absl::StrContains(detail, absl::StrCat("WRONGTYPE ", key, " is a string where Dunlin keeps a "));
    })) << detail;
    EXPECT_THAT(detail, HasSubstr("remove it, or choose another namespace or database"));
    EXPECT_FALSE(replica.Status().serving);
    const absl::Status refused = replica.client().Get("key").status();
    EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
    EXPECT_EQ(redis.Run({"GET", key}).text, "mine");

    ASSERT_EQ(redis.Run({"DEL", key}).integer, 1);
    ASSERT_TRUE(replica.WaitServing()) << replica.LogTail();
    EXPECT_TRUE(replica.client().Put("key", "1").ok());
  }
}

}  // namespace
}  // namespace dunlin
