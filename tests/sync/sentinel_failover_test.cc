// Goal: after a failover every connection of a replica is one to the new primary, whether the old one has died, hangs,
// goes on as if nothing had happened or refuses writes; all that was written is there.
// Method: replicas in this process over two real servers, with real sentinels, or with a scripted one where real ones
// would announce what is to be found out without an announcement.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "sync/redis_url.h"
#include "tests/support/eventually.h"
#include "tests/support/redis_group.h"
#include "tests/support/redis_server.h"
#include "tests/sync/scripted_sentinel.h"
#include "tests/sync/test_replica.h"

namespace dunlin {
namespace {

constexpr size_t kReplicas = 2;

size_t Count(absl::string_view text, absl::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != absl::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

// Whether each replica's follower, mirror and subscriber are connected to `server`.
bool HasAllConnections(RedisServer& server) {
  const std::string clients = server.Run({"CLIENT", "LIST"}).text;
  return Count(clients, "name=dunlin-replica-follower ") == kReplicas &&
         Count(clients, "name=dunlin-replica-mirror ") == kReplicas &&
         Count(clients, "name=dunlin-replica-subscriber ") == kReplicas;
}

bool Holds(Replica& replica, const std::string& key) {
  return Eventually([&] { return replica.Get(key) == key; });
}

class SentinelFailoverTest : public testing::Test {
 protected:
  void Start(const RedisEndpoint& endpoint) {
    for (size_t i = 0; i < kReplicas; ++i) {
      replicas_.push_back(std::make_unique<Replica>(endpoint));
      ASSERT_TRUE(replicas_.back()->WaitLive());
    }
    WriteAndExpectEverywhere("before");
  }

  void WriteAndExpectEverywhere(const std::string& key) {
    const absl::StatusOr<WriteResult> written = replicas_[0]->Put(key, key);
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_TRUE(Holds(*replicas_[1], key));
  }

  std::vector<std::unique_ptr<Replica>> replicas_;
};

class RealFailoverTest : public SentinelFailoverTest {
 protected:
  RealFailoverTest() : group_(RedisGroup::Options()) {}

  void Start() { SentinelFailoverTest::Start(*ParseRedisUrl(group_.url())); }

  RedisGroup group_;
};

TEST_F(RealFailoverTest, APlannedFailoverMovesAllConnectionsBeforeTheOldPrimaryIsDemoted) {
  Start();
  RedisServer& old_primary = group_.primary();
  group_.FailOver();
  RedisServer& new_primary = group_.primary();
  ASSERT_TRUE(Eventually([&] { return HasAllConnections(new_primary); }, 5 * kRedisHeartbeatPeriod));
  EXPECT_TRUE(absl::StrContains(old_primary.Run({"INFO", "replication"}).text, "role:master"))
      << "the old primary was demoted already, which proves nothing";
  WriteAndExpectEverywhere("after");
  EXPECT_EQ(new_primary.Run({"HEXISTS", "dunlin:{test}:data", "before"}).integer, 1);
}

TEST_F(RealFailoverTest, APrimaryThatDiesIsReplaced) {
  Start();
  RedisServer& old_primary = group_.primary();
  old_primary.Kill();
  ASSERT_TRUE(replicas_[0]->Put("meanwhile", "meanwhile").ok());
  ASSERT_TRUE(group_.WaitForSwitch(old_primary.port()));
  EXPECT_TRUE(Holds(*replicas_[1], "meanwhile"));
  WriteAndExpectEverywhere("after");
}

TEST_F(RealFailoverTest, APrimaryThatHangsIsReplacedOnceItsSilenceIsNoticed) {
  Start();
  RedisServer& old_primary = group_.primary();
  old_primary.Pause();
  ASSERT_TRUE(group_.WaitForSwitch(old_primary.port()));
  WriteAndExpectEverywhere("after");
  EXPECT_TRUE(Eventually([&] { return HasAllConnections(group_.primary()); }));
  old_primary.Resume();
  EXPECT_TRUE(group_.Mend());
  WriteAndExpectEverywhere("at last");
}

TEST_F(RealFailoverTest, ASentinelThatGoesIsMissedByNobody) {
  Start();
  for (size_t i = 0; i + 1 < group_.sentinels(); ++i) {
    group_.sentinel(i).Kill();
  }
  for (const char* type : {"normal", "pubsub"}) {
    group_.server(0).Run({"CLIENT", "KILL", "TYPE", type});
  }
  WriteAndExpectEverywhere("after");
}

class UnannouncedFailoverTest : public SentinelFailoverTest {
 protected:
  void Start() {
    second_.Run({"REPLICAOF", "127.0.0.1", absl::StrCat(first_.port())});
    ASSERT_TRUE(Eventually([&] {
      return absl::StrContains(second_.Run({"INFO", "replication"}).text, "master_link_status:up");
    }));
    sentinel_.Name(first_.port());
    RedisEndpoint endpoint;
    endpoint.sentinels = {sentinel_.address()};
    endpoint.master_name = "mymaster";
    SentinelFailoverTest::Start(endpoint);
  }

  static RedisServer::Options CopiedAtOnce() {
    RedisServer::Options options;
    options.arguments = {"--repl-diskless-sync-delay", "0"};
    return options;
  }

  RedisServer first_{CopiedAtOnce()};
  RedisServer second_{CopiedAtOnce()};
  ScriptedSentinel sentinel_;
};

TEST_F(UnannouncedFailoverTest, ReadOnlyLeadsToANewLookAndTheOtherConnectionsFollow) {
  Start();
  second_.Run({"REPLICAOF", "NO", "ONE"});
  sentinel_.Name(second_.port());
  // Its connections stay: only a write finds out.
  first_.Run({"REPLICAOF", "127.0.0.1", absl::StrCat(second_.port())});
  WriteAndExpectEverywhere("after");
  EXPECT_TRUE(Eventually([&] { return HasAllConnections(second_); }));
  EXPECT_EQ(second_.Run({"HEXISTS", "dunlin:{test}:data", "after"}).integer, 1);
}

TEST_F(UnannouncedFailoverTest, AHalfOpenConnectionEndsInANewLook) {
  Start();
  second_.Run({"REPLICAOF", "NO", "ONE"});
  sentinel_.Name(second_.port());
  first_.Pause();
  WriteAndExpectEverywhere("after");
  EXPECT_TRUE(Eventually([&] { return HasAllConnections(second_); }));
  first_.Resume();
}

TEST_F(UnannouncedFailoverTest, AConditionalWriteThatMeetsTheOldPrimaryChangesNothing) {
  Start();
  second_.Run({"REPLICAOF", "NO", "ONE"});
  sentinel_.Name(second_.port());
  first_.Run({"REPLICAOF", "127.0.0.1", absl::StrCat(second_.port())});
  const absl::StatusOr<WriteResult> refused = replicas_[0]->WriteIfAbsent("condition", "1");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable) << refused.status();
  EXPECT_EQ(replicas_[0]->Get("condition"), "");
  EXPECT_TRUE(Eventually([&] { return replicas_[0]->WriteIfAbsent("condition", "2").ok(); }));
  EXPECT_EQ(replicas_[0]->Get("condition"), "2");
}

}  // namespace
}  // namespace dunlin
