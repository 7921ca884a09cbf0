// Goal: a read with `at_least` is answered only if the replica has what the token tells of; and what cannot be waited
// for is told at once, with the remedy. Method: a real server over loopback; stand-alone, and in a fleet whose Redis
// cannot be reached.

#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/token.h"
#include "tests/server/replica_tester.h"

namespace dunlin {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

class AtLeastTest : public ::testing::Test {
 protected:
  static ReplicaTester::Options Replicated() {
    ReplicaTester::Options options;
    options.replicated = true;
    options.prepare = [](StoreParts* data) { data->EnterEpoch(7, /*refill=*/false); };
    return options;
  }

  static grpc::Status Get(ReplicaTester* tester, const std::string& key, const std::string& at_least,
                          absl::Duration timeout = absl::Seconds(30)) {
    v1::GetRequest request;
    request.set_key(key);
    request.set_at_least(at_least);
    v1::GetResponse response;
    const auto context = NewContext();
    context->set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    return tester->kv->Get(context.get(), request, &response);
  }

  // What another store of the same fleet would give.
  static std::string Elsewhere(ReplicaTester* tester) {
    Position position = tester->data.store->position();
    position.store_id += 1;
    return EncodePositionToken(position);
  }
};

TEST_F(AtLeastTest, OnesOwnTokenIsServedAtOnce) {
  ReplicaTester tester;
  const WriteResult put = tester.data.Put("a", "1");
  EXPECT_TRUE(Get(&tester, "a", EncodePositionToken(put.position)).ok());
  EXPECT_EQ(Get(&tester, "b", EncodePositionToken(put.position)).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(AtLeastTest, WhatIsNoTokenIsRefusedByItsName) {
  ReplicaTester tester;
  const grpc::Status status = Get(&tester, "a", "no token");
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("at_least is malformed"));
  v1::ListRequest list;
  list.set_at_least("x");
  v1::ListResponse page;
  EXPECT_EQ(tester.kv->List(NewContext().get(), list, &page).error_code(), StatusCode::INVALID_ARGUMENT);
  v1::BatchGetRequest batch;
  batch.add_keys("a");
  batch.set_at_least("x");
  v1::BatchGetResponse entries;
  EXPECT_EQ(tester.kv->BatchGet(NewContext().get(), batch, &entries).error_code(), StatusCode::INVALID_ARGUMENT);
}

// The rest of the request is judged as ever.
TEST_F(AtLeastTest, ItDoesNotExcuseAnythingElse) {
  ReplicaTester tester;
  const std::string token = EncodePositionToken(tester.data.Put("a", "1").position);
  EXPECT_EQ(Get(&tester, "", token).error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST_F(AtLeastTest, AStandAloneReplicaCannotGetWhatAnotherHas) {
  ReplicaTester tester;
  tester.data.Put("a", "1");
  const grpc::Status status = Get(&tester, "a", Elsewhere(&tester));
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("runs without Redis"));
  EXPECT_THAT(status.error_message(), HasSubstr("ask that replica"));
}

TEST_F(AtLeastTest, AStoreThatWasPutBackDoesNotHaveItsOwnFuture) {
  ReplicaTester tester;
  Position future = tester.data.Put("a", "1").position;
  future.revision += 1;
  const grpc::Status status = Get(&tester, "a", EncodePositionToken(future));
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("put back to an older copy"));
}

TEST_F(AtLeastTest, AStoreDoesNotHaveWhatAPowerFailureHasTakenBack) {
  Position lost;
  ReplicaTester::Options options;
  options.prepare = [&](StoreParts* data) {
    lost = data->Put("a", "1").position;
    lost.revision += 1;
    data->LosePower();
    data->Put("b", "1");
  };
  ReplicaTester tester(options);
  ASSERT_LT(lost.revision, tester.data.store->position().revision);
  const grpc::Status status = Get(&tester, "a", EncodePositionToken(lost));
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("a power failure has taken it back"));
}

TEST_F(AtLeastTest, WithoutRedisTheCallerHearsOfItBeforeItGivesUp) {
  ReplicaTester tester(Replicated());
  tester.data.Put("a", "1");
  tester.replicator->Start();
  const grpc::Status status = Get(&tester, "a", Elsewhere(&tester), absl::Seconds(1));
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("does not have what the token tells of"));
  EXPECT_TRUE(Get(&tester, "a", "").ok()) << "without a token it is as good as ever";
}

TEST_F(AtLeastTest, ATokenComesOnlyWhereItIsAskedFor) {
  ReplicaTester tester;
  tester.data.Put("a", "1");
  v1::BatchGetRequest request;
  request.add_keys("absent");
  v1::BatchGetResponse response;
  ASSERT_TRUE(tester.kv->BatchGet(NewContext().get(), request, &response).ok());
  EXPECT_EQ(response.token(), "");
  request.set_return_token(true);
  ASSERT_TRUE(tester.kv->BatchGet(NewContext().get(), request, &response).ok());
  const absl::StatusOr<Position> token = DecodePositionToken("token", response.token());
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->revision, tester.data.store->position().revision);
}

}  // namespace
}  // namespace dunlin
