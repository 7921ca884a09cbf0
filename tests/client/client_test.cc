// Goal: each call of the client says over the wire what it was asked to, and returns what was answered.
// Method: a real gRPC server in this process, on a free port, with a map behind it.

#include "client/client.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_replica.h"
#include "tests/support/reserved_port.h"

namespace dunlin::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    ClientOptions options;
    options.server = replica_.address();
    // Far beyond what any call here needs, also under a sanitizer on a busy machine.
    options.timeout = absl::Minutes(1);
    client_ = *Client::Create(options);
  }

  FakeReplica replica_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, GetReturnsWhatPutStoredByteForByte) {
  const std::string value("\0\xff binary\n", 10);
  const absl::StatusOr<WriteResult> put = client_->Put("k", value);
  ASSERT_TRUE(put.ok()) << put.status();
  const absl::StatusOr<GetResult> got = client_->Get("k");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->entry.value, value);
  EXPECT_EQ(got->entry.version, put->version);
  EXPECT_EQ(got->entry.revision, put->revision);
  EXPECT_FALSE(put->token.empty());
  EXPECT_TRUE(got->lag.connected);
}

TEST_F(ClientTest, GetOfAnAbsentKeyIsNotFound) {
  EXPECT_EQ(client_->Get("absent").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ClientTest, PutCarriesItsOptions) {
  PutOptions options;
  options.ttl = absl::Milliseconds(1500);
  options.precondition = IfAbsent{};
  options.ack = Ack::kMirrored;
  ASSERT_TRUE(client_->Put("k", "v", options).ok());
  const v1::PutRequest request = replica_.last_put();
  EXPECT_EQ(request.ttl().seconds(), 1);
  EXPECT_EQ(request.ttl().nanos(), 500'000'000);
  EXPECT_TRUE(request.precondition().if_absent());
  EXPECT_EQ(request.ack(), v1::ACK_MIRRORED);
}

TEST_F(ClientTest, PreconditionsThatDoNotHoldAreToldApart) {
  const Version version = client_->Put("k", "1")->version;
  PutOptions options;
  options.precondition = IfAbsent{};
  EXPECT_EQ(client_->Put("k", "2", options).status().code(), absl::StatusCode::kFailedPrecondition);
  options.precondition = IfVersion{Version{version.time + 1, version.origin}};
  EXPECT_EQ(client_->Put("k", "2", options).status().code(), absl::StatusCode::kFailedPrecondition);
  options.precondition = IfVersion{version};
  EXPECT_TRUE(client_->Put("k", "2", options).ok());
}

TEST_F(ClientTest, DeleteTellsWhetherTheKeyExisted) {
  ASSERT_TRUE(client_->Put("k", "v").ok());
  DeleteOptions options;
  options.ack = Ack::kMirrored;
  EXPECT_TRUE(client_->Delete("k", options)->existed);
  EXPECT_EQ(replica_.last_delete().ack(), v1::ACK_MIRRORED);
  EXPECT_FALSE(client_->Delete("k")->existed);
}

TEST_F(ClientTest, BatchGetReturnsThoseThatExist) {
  replica_.SetEntry("a", "1");
  replica_.SetEntry("c", "3");
  const absl::StatusOr<BatchGetResult> result = client_->BatchGet({"c", "b", "a"});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->entries.size(), 2u);
  EXPECT_EQ(result->entries[0].key, "c");
  EXPECT_EQ(result->entries[1].key, "a");
}

TEST_F(ClientTest, BatchWriteSendsPutsAndDeletesInOrder) {
  replica_.SetEntry("old", "1");
  const absl::StatusOr<BatchWriteResult> result =
      client_->BatchWrite({BatchPut{"new", "2", absl::Seconds(10)}, BatchDelete{"old"}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->versions.size(), 2u);
  EXPECT_THAT(result->revisions, ElementsAre(2, 3));
  EXPECT_EQ(replica_.last_batch_write().writes(0).put().ttl().seconds(), 10);
  EXPECT_EQ(client_->Get("new")->entry.value, "2");
  EXPECT_EQ(client_->Get("old").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ClientTest, ListGoesOnWhereThePageEnded) {
  for (const char* key : {"p/1", "p/2", "p/3", "q"}) {
    replica_.SetEntry(key, "v");
  }
  ListOptions options;
  options.prefix = "p/";
  options.page_size = 2;
  absl::StatusOr<ListPage> page = client_->List(options);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->entries.size(), 2u);
  options.page_token = page->next_page_token;
  options.keys_only = true;
  page = client_->List(options);
  ASSERT_EQ(page->entries.size(), 1u);
  EXPECT_EQ(page->entries[0].key, "p/3");
  EXPECT_EQ(page->entries[0].value, "");
  EXPECT_EQ(page->next_page_token, "");
}

TEST_F(ClientTest, AListingNamesDamagedKeys) {
  replica_.SetEntry("a", "v");
  replica_.SetEntry("b", "v");
  replica_.DamageEntry("b");
  const absl::StatusOr<ListPage> page = client_->List(ListOptions());
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->entries.size(), 1u);
  EXPECT_THAT(page->damaged_keys, ElementsAre("b"));
}

// That it returns every field: cli/status_fields_test.
TEST_F(ClientTest, GetStatusReturnsWhatTheReplicaTells) {
  v1::Status proto;
  proto.set_replica_id("r1");
  proto.set_store_id(0xfedcba9876543210);
  proto.set_sync_state(v1::SYNC_STATE_LIVE);
  proto.mutable_ring()->set_capacity(64);
  proto.set_digest(std::string(16, '\x5a'));
  proto.set_serving(true);
  proto.mutable_uptime()->set_seconds(90);
  proto.set_store_detail("the disk has failed");
  replica_.SetStatus(proto);
  const absl::StatusOr<ReplicaStatus> status = client_->GetStatus();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->replica_id, "r1");
  EXPECT_EQ(status->store_id, 0xfedcba9876543210);
  EXPECT_EQ(status->sync_state, SyncState::kLive);
  EXPECT_EQ(status->ring.capacity, 64u);
  EXPECT_EQ(status->digest, std::string(16, '\x5a'));
  EXPECT_TRUE(status->serving);
  EXPECT_EQ(status->uptime, absl::Seconds(90));
  EXPECT_EQ(status->store_detail, "the disk has failed");
}

TEST_F(ClientTest, VerifyReturnsEveryField) {
  v1::VerifyResponse proto;
  proto.set_entries_checked(1);
  proto.set_tombstones_checked(2);
  proto.set_changes_checked(3);
  proto.set_expiries_checked(4);
  proto.set_leftover_expiries(5);
  proto.set_damaged_count(6);
  proto.add_damaged()->set_key("k");
  proto.mutable_damaged(0)->set_reason("why");
  proto.set_counts(v1::COMPARISON_EQUAL);
  proto.set_digest(v1::COMPARISON_DIFFERENT);
  proto.set_not_compared_reason("because");
  proto.set_first_revision(7);
  proto.set_last_revision(8);
  proto.mutable_duration()->set_nanos(9);
  proto.set_repair_started(true);
  replica_.SetVerification(proto);
  const absl::StatusOr<VerifyResult> result = client_->Verify({});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->entries_checked, 1u);
  EXPECT_EQ(result->tombstones_checked, 2u);
  EXPECT_EQ(result->changes_checked, 3u);
  EXPECT_EQ(result->expiries_checked, 4u);
  EXPECT_EQ(result->leftover_expiries, 5u);
  EXPECT_EQ(result->damaged_count, 6u);
  ASSERT_EQ(result->damaged.size(), 1u);
  EXPECT_EQ(result->damaged[0].key, "k");
  EXPECT_EQ(result->damaged[0].reason, "why");
  EXPECT_EQ(result->counts, Comparison::kEqual);
  EXPECT_EQ(result->digest, Comparison::kDifferent);
  EXPECT_EQ(result->not_compared_reason, "because");
  EXPECT_EQ(result->first_revision, 7u);
  EXPECT_EQ(result->last_revision, 8u);
  EXPECT_EQ(result->duration, absl::Nanoseconds(9));
  EXPECT_TRUE(result->repair_started);
}

TEST_F(ClientTest, EveryCallHasADeadline) {
  ASSERT_TRUE(client_->Put("k", "v").ok());
  EXPECT_GT(replica_.last_time_left(), absl::ZeroDuration());
  // On the wire a time-out is rounded up.
  EXPECT_LE(replica_.last_time_left(), absl::Minutes(1) + absl::Seconds(1));
}

TEST_F(ClientTest, ACallsOwnTimeoutGoesBeforeTheDefault) {
  ReadOptions options;
  options.timeout = absl::Hours(1);
  EXPECT_FALSE(client_->Get("absent", options).ok());
  EXPECT_GT(replica_.last_time_left(), absl::Minutes(30));
}

TEST_F(ClientTest, ACallWithoutAnAnswerEndsAtItsDeadlineAndNamesIt) {
  replica_.HoldAnswers();
  ReadOptions options;
  options.timeout = absl::Milliseconds(50);
  const absl::Status status = client_->Get("k", options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Get on " + replica_.address() + " (timeout 50ms)"));
}

TEST_F(ClientTest, TheReplicasMessageIsPassedOn) {
  replica_.FailNext(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the database quota of 8 GiB is used up"));
  const absl::Status status = client_->Put("k", "v").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the database quota of 8 GiB is used up"));
}

TEST_F(ClientTest, KeysThatAreNotUtf8AreRefusedBeforeTheyAreSent) {
  const std::string bad = "\xff";
  ListOptions list;
  list.prefix = bad;
  WatchOptions watch_key;
  watch_key.keys = {bad};
  WatchOptions watch_prefix;
  watch_prefix.prefixes = {bad};
  const absl::Status kRefusals[] = {
      client_->Get(bad).status(),
      client_->Put(bad, "v").status(),
      client_->Delete(bad).status(),
      client_->BatchGet({"a", bad}).status(),
      client_->BatchWrite({BatchPut{bad, "v", std::nullopt}}).status(),
      client_->BatchWrite({BatchDelete{bad}}).status(),
      client_->List(list).status(),
      client_->Watch(watch_key).status(),
      client_->Watch(watch_prefix).status(),
  };
  for (const absl::Status& status : kRefusals) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("UTF-8"));
  }
}

TEST(ClientCreateTest, AddressesWithoutAUsablePortAreRefused) {
  for (const char* server : {"", "localhost", ":7700", "host:", "host:0", "host:65536", "host:http", "host:-1"}) {
    ClientOptions options;
    options.server = server;
    const absl::Status status = Client::Create(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << server;
    EXPECT_THAT(std::string(status.message()), HasSubstr("HOST:PORT")) << server;
  }
}

TEST(ClientCreateTest, AddressesOfAllKindsAreTaken) {
  for (const char* server :
       {"127.0.0.1:7700", "[::1]:7700", "replica-1.example:1", "dns:///replica:65535", "unix:/run/d"}) {
    ClientOptions options;
    options.server = server;
    EXPECT_TRUE(Client::Create(options).ok()) << server;
  }
}

TEST(ClientCreateTest, ATimeoutMustBePositive) {
  for (const absl::Duration timeout : {absl::ZeroDuration(), absl::Seconds(-1)}) {
    ClientOptions options;
    options.timeout = timeout;
    EXPECT_EQ(Client::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(ClientCreateTest, ACallToNobodyIsUnavailableAndNamesTheAddress) {
  const ReservedPort nobody;
  const std::string address = absl::StrCat("127.0.0.1:", nobody.port());
  ClientOptions options;
  options.server = address;
  options.timeout = absl::Minutes(1);
  const absl::Status status = (*Client::Create(options))->Get("k").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(address));
}

}  // namespace
}  // namespace dunlin::client
