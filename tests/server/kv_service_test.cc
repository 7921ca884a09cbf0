// Goal: reads and writes do what the API promises, end to end, and every refusal leaves nothing behind. Method: a real
// stand-alone replica on a port of 127.0.0.1, called by generated stubs; raw bytes where a stub would not send them.

#include "server/kv_service.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/limits.h"
#include "server/token.h"
#include "tests/server/raw_call.h"
#include "tests/server/replica_tester.h"

namespace dunlin {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

class KVServiceTest : public ::testing::Test {
 protected:
  // What a call answered, in few words.
  template <typename Response, typename Request>
  grpc::Status Call(grpc::Status (v1::KVService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    return (tester_.kv.get()->*method)(NewContext().get(), request, response);
  }

  grpc::Status Get(const v1::GetRequest& request, v1::GetResponse* response) {
    return Call(&v1::KVService::Stub::Get, request, response);
  }
  grpc::Status Put(const v1::PutRequest& request, v1::PutResponse* response) {
    return Call(&v1::KVService::Stub::Put, request, response);
  }
  grpc::Status Delete(const v1::DeleteRequest& request, v1::DeleteResponse* response) {
    return Call(&v1::KVService::Stub::Delete, request, response);
  }
  grpc::Status BatchGet(const v1::BatchGetRequest& request, v1::BatchGetResponse* response) {
    return Call(&v1::KVService::Stub::BatchGet, request, response);
  }
  grpc::Status BatchWrite(const v1::BatchWriteRequest& request, v1::BatchWriteResponse* response) {
    return Call(&v1::KVService::Stub::BatchWrite, request, response);
  }
  grpc::Status List(const v1::ListRequest& request, v1::ListResponse* response) {
    return Call(&v1::KVService::Stub::List, request, response);
  }

  v1::PutResponse PutText(const std::string& key, const std::string& text) {
    v1::PutRequest request;
    request.set_key(key);
    request.set_text(text);
    v1::PutResponse response;
    const grpc::Status status = Put(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  // The value of a key, or the code's number in parentheses.
  std::string ValueOf(const std::string& key) {
    v1::GetRequest request;
    request.set_key(key);
    v1::GetResponse response;
    const grpc::Status status = Get(request, &response);
    return status.ok() ? response.entry().value() : absl::StrCat("(", status.error_code(), ")");
  }

  uint64_t revision() const { return tester_.data.store->state().revision; }

  ReplicaTester tester_{[] {
    ReplicaTester::Options options;
    options.value_size_max_bytes = kValueSizeMaxBytesHard;
    return options;
  }()};
};

TEST_F(KVServiceTest, WhatWasPutIsReadBack) {
  const v1::PutResponse put = PutText("greeting", "hello");
  v1::GetRequest request;
  request.set_key("greeting");
  v1::GetResponse response;
  ASSERT_TRUE(Get(request, &response).ok());
  EXPECT_EQ(response.entry().key(), "greeting");
  EXPECT_EQ(response.entry().value(), "hello");
  EXPECT_FALSE(response.entry().has_text());
  EXPECT_EQ(response.entry().version().time(), put.version().time());
  EXPECT_EQ(response.entry().version().origin(), tester_.data.store->store_id());
  EXPECT_EQ(response.entry().revision(), put.revision());
  EXPECT_TRUE(response.lag().connected()) << "stand-alone: nobody is ahead";
  EXPECT_EQ(response.lag().sequences(), 0u);
  EXPECT_EQ(DecodePositionToken("resume_token", put.token())->revision, put.revision());
  request.set_as_text(true);
  ASSERT_TRUE(Get(request, &response).ok());
  EXPECT_EQ(response.entry().text(), "hello");
}

TEST_F(KVServiceTest, ALargerVersionFollowsEachWrite) {
  uint64_t last = 0;
  for (int i = 0; i < 10; ++i) {
    const uint64_t time = PutText("k", absl::StrCat(i)).version().time();
    EXPECT_GT(time, last);
    last = time;
  }
}

TEST_F(KVServiceTest, AbsentDeletedAndExpiredAreNotFound) {
  EXPECT_EQ(ValueOf("never"), "(5)");
  PutText("gone", "v");
  v1::DeleteRequest remove;
  remove.set_key("gone");
  v1::DeleteResponse removed;
  ASSERT_TRUE(Delete(remove, &removed).ok());
  EXPECT_TRUE(removed.existed());
  EXPECT_EQ(ValueOf("gone"), "(5)");
  ASSERT_TRUE(Delete(remove, &removed).ok());
  EXPECT_FALSE(removed.existed()) << "deleting again succeeds and says so";
  v1::PutRequest put;
  put.set_key("short");
  put.set_value("v");
  put.mutable_ttl()->set_seconds(60);
  v1::PutResponse response;
  ASSERT_TRUE(Put(put, &response).ok());
  tester_.data.wall_clock.Advance(absl::Seconds(59));
  EXPECT_EQ(ValueOf("short"), "v");
  tester_.data.wall_clock.Advance(absl::Seconds(1));
  EXPECT_EQ(ValueOf("short"), "(5)") << "absent at once, swept or not";
}

TEST_F(KVServiceTest, PreconditionsDecide) {
  v1::PutRequest create;
  create.set_key("k");
  create.set_value("1");
  create.mutable_precondition()->set_if_absent(true);
  v1::PutResponse created, response;
  ASSERT_TRUE(Put(create, &created).ok());
  const grpc::Status exists = Put(create, &response);
  EXPECT_EQ(exists.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(exists.error_message(), HasSubstr("exists with version"));
  v1::PutRequest update = create;
  update.set_value("2");
  *update.mutable_precondition()->mutable_if_version() = created.version();
  ASSERT_TRUE(Put(update, &response).ok());
  EXPECT_EQ(Put(update, &response).error_code(), StatusCode::FAILED_PRECONDITION) << "that version is gone";
  v1::DeleteRequest remove;
  remove.set_key("k");
  *remove.mutable_precondition()->mutable_if_version() = created.version();
  v1::DeleteResponse removed;
  EXPECT_EQ(Delete(remove, &removed).error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ValueOf("k"), "2");
  *remove.mutable_precondition()->mutable_if_version() = response.version();
  EXPECT_TRUE(Delete(remove, &removed).ok());
  EXPECT_EQ(ValueOf("k"), "(5)");
}

TEST_F(KVServiceTest, MirroredAckNeedsRedisAndChangesNothingWithoutIt) {
  const uint64_t before = revision();
  v1::PutRequest put;
  put.set_key("k");
  put.set_value("v");
  put.set_ack(v1::ACK_MIRRORED);
  v1::PutResponse response;
  const grpc::Status status = Put(put, &response);
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("ACK_LOCAL"));
  v1::BatchWriteRequest batch;
  batch.set_ack(v1::ACK_MIRRORED);
  batch.add_writes()->mutable_delete_()->set_key("k");
  v1::BatchWriteResponse batch_response;
  EXPECT_EQ(BatchWrite(batch, &batch_response).error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(revision(), before);
}

TEST_F(KVServiceTest, ABatchIsAppliedWholeOrNotAtAll) {
  PutText("old", "v");
  v1::BatchWriteRequest batch;
  batch.add_writes()->mutable_put()->set_key("a");
  batch.mutable_writes(0)->mutable_put()->set_text("1");
  batch.add_writes()->mutable_delete_()->set_key("old");
  v1::BatchWriteResponse response;
  ASSERT_TRUE(BatchWrite(batch, &response).ok());
  ASSERT_EQ(response.versions_size(), 2);
  ASSERT_EQ(response.revisions_size(), 2);
  EXPECT_EQ(response.revisions(1), response.revisions(0) + 1);
  EXPECT_EQ(DecodePositionToken("resume_token", response.token())->revision, response.revisions(1));
  EXPECT_EQ(ValueOf("a"), "1");
  EXPECT_EQ(ValueOf("old"), "(5)");
  batch.mutable_writes(0)->mutable_put()->set_text("2");
  batch.add_writes()->mutable_delete_()->set_key("");
  EXPECT_EQ(BatchWrite(batch, &response).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ValueOf("a"), "1");
}

TEST_F(KVServiceTest, BatchGetAnswersInOrderWithoutWhatIsAbsentOrAskedTwice) {
  PutText("a", "1");
  PutText("b", "2");
  v1::BatchGetRequest request;
  for (const char* key : {"b", "absent", "a", "b"}) request.add_keys(key);
  request.set_as_text(true);
  v1::BatchGetResponse response;
  ASSERT_TRUE(BatchGet(request, &response).ok());
  ASSERT_EQ(response.entries_size(), 2);
  EXPECT_EQ(response.entries(0).text(), "2");
  EXPECT_EQ(response.entries(1).text(), "1");
}

// Whoever uses a gRPC client as it is must be able to receive every answer.
TEST_F(KVServiceTest, AnswersFitAClientsDefault) {
  const std::string long_key(kKeySizeMaxBytes, 'z');
  PutText("text", std::string(kTextSizeMaxBytes, 'x'));
  PutText("text2", std::string(kTextSizeMaxBytes, 'x'));
  PutText(long_key, std::string(kValueSizeMaxBytesHard, 'x'));
  for (const std::string& key : {std::string("text"), long_key}) {
    v1::GetRequest get;
    get.set_key(key);
    get.set_as_text(true);
    v1::GetResponse got;
    ASSERT_TRUE(Get(get, &got).ok());
    EXPECT_EQ(got.entry().has_text(), key == "text");
    v1::BatchGetRequest batch;
    batch.set_as_text(true);
    batch.add_keys(key);
    v1::BatchGetResponse many;
    const grpc::Status status = BatchGet(batch, &many);
    EXPECT_TRUE(status.ok()) << "one key always fits: " << status.error_message();
  }
  v1::BatchGetRequest batch;
  batch.add_keys("text");
  batch.add_keys("text2");
  v1::BatchGetResponse many;
  EXPECT_TRUE(BatchGet(batch, &many).ok());
  batch.set_as_text(true);
  const grpc::Status status = BatchGet(batch, &many);
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("without as_text"));
  batch.set_as_text(false);
  batch.add_keys(long_key);
  EXPECT_THAT(BatchGet(batch, &many).error_message(), HasSubstr("ask for fewer keys"));
  v1::ListRequest list;
  list.set_as_text(true);
  int entries = 0;
  do {
    v1::ListResponse page;
    ASSERT_TRUE(List(list, &page).ok());
    entries += page.entries_size();
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(entries, 3);
}

TEST_F(KVServiceTest, BadRequestsAreRefusedPreciselyAndChangeNothing) {
  const uint64_t before = revision();
  const std::string bad_key = OneField(1, "\xff");
  std::string two_largest;
  for (const char* key : {"a", "b"}) {
    two_largest += OneField(1, OneField(1, OneField(1, key) + OneField(2, std::string(kValueSizeMaxBytesHard, 'v'))));
  }
  const struct {
    const char* method;
    std::string bytes;
    StatusCode code;
    const char* says;
  } cases[] = {
      {"Get", "", StatusCode::INVALID_ARGUMENT, "key is empty"},
      {"Get", bad_key, StatusCode::INVALID_ARGUMENT, "field key is not valid UTF-8"},
      {"Put", bad_key + OneField(2, "v"), StatusCode::INVALID_ARGUMENT, "field key is not valid UTF-8"},
      {"Put", OneField(1, "k") + OneField(3, "\xc3"), StatusCode::INVALID_ARGUMENT, "field text is not valid UTF-8"},
      {"Put", OneField(1, "k"), StatusCode::INVALID_ARGUMENT, "content is missing"},
      {"Put", OneField(1, std::string(481, 'k')) + OneField(2, "v"), StatusCode::INVALID_ARGUMENT, "limit is 480"},
      {"Put", OneField(1, "k") + OneField(2, std::string(kValueSizeMaxBytesHard + 1, 'v')),
       StatusCode::INVALID_ARGUMENT, "limit is 3145728"},
      {"Put", OneField(1, "k") + OneField(2, std::string(kRequestSizeMaxBytes - 100, 'v')),
       StatusCode::INVALID_ARGUMENT, "limit is 3145728: store a reference"},
      {"BatchWrite", two_largest, StatusCode::INVALID_ARGUMENT, "limit is 3145728: split the batch"},
      {"BatchGet", OneField(1, std::string(kRequestSizeMaxBytes - 100, 'k')), StatusCode::INVALID_ARGUMENT,
       "keys[0] has"},
      {"Put", OneField(1, "k") + OneField(2, std::string(kRequestSizeMaxBytes, 'v')), StatusCode::RESOURCE_EXHAUSTED,
       "larger than max"},
      {"Put", OneField(1, "k") + OneField(2, "v") + OneField(4, ""), StatusCode::INVALID_ARGUMENT, "ttl is 0"},
      {"Put", "\x0a\x7f", StatusCode::INVALID_ARGUMENT, "encoding is broken"},
      {"Put", OneField(1, "k") + OneField(2, "v") + OneField(3, "t"), StatusCode::INVALID_ARGUMENT,
       "value and text are both given"},
      {"BatchWrite", OneField(1, OneField(1, OneField(1, "k") + OneField(3, "t") + OneField(2, "v"))),
       StatusCode::INVALID_ARGUMENT, "writes[0].put.text and writes[0].put.value are both given"},
      {"Delete", bad_key, StatusCode::INVALID_ARGUMENT, "field key is not valid UTF-8"},
      {"Delete", "", StatusCode::INVALID_ARGUMENT, "key is empty"},
      {"BatchGet", OneField(1, "a") + bad_key, StatusCode::INVALID_ARGUMENT, "keys[1] is not valid UTF-8"},
      {"BatchGet", "", StatusCode::INVALID_ARGUMENT, "keys has 0 items"},
      {"BatchWrite", "", StatusCode::INVALID_ARGUMENT, "writes has 0 items"},
      {"BatchWrite", OneField(1, OneField(2, bad_key)), StatusCode::INVALID_ARGUMENT, "writes[0].delete.key"},
      {"List", bad_key, StatusCode::INVALID_ARGUMENT, "field prefix is not valid UTF-8"},
      {"Watch", bad_key, StatusCode::INVALID_ARGUMENT, "field key is not valid UTF-8"},
      {"Watch", OneField(4, "junk"), StatusCode::INVALID_ARGUMENT, "resume_token is malformed"},
  };
  for (const auto& bad : cases) {
    const grpc::Status status =
        RawCall(tester_.channel, absl::StrCat("/dunlin.v1.KVService/", bad.method), bad.bytes).status;
    EXPECT_EQ(status.error_code(), bad.code) << bad.method << ": " << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(bad.says));
  }
  EXPECT_EQ(revision(), before);
}

TEST_F(KVServiceTest, AClosedGateAnswersUnavailableToEveryCallAndChangesNothing) {
  const uint64_t before = revision();
  tester_.gate.Close("catching up");
  const std::string key = OneField(1, "k");
  const std::pair<const char*, std::string> calls[] = {
      {"Get", key},    {"Put", key + OneField(2, "v")},
      {"Delete", key}, {"BatchGet", key},
      {"List", ""},    {"BatchWrite", OneField(1, OneField(2, key))},
      {"Watch", ""},
  };
  for (const auto& [method, bytes] : calls) {
    const grpc::Status status = RawCall(tester_.channel, absl::StrCat("/dunlin.v1.KVService/", method), bytes).status;
    EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE) << method;
    EXPECT_THAT(status.error_message(), HasSubstr("catching up; try another replica"));
  }
  EXPECT_EQ(revision(), before);
}

TEST_F(KVServiceTest, AnyBytesAreAValue) {
  std::string value;
  for (int i = 0; i < 256; ++i) value.push_back(static_cast<char>(i));
  v1::PutRequest put;
  put.set_key(std::string("nul\0key", 7));
  put.set_value(value);
  v1::PutResponse response;
  ASSERT_TRUE(Put(put, &response).ok());
  EXPECT_EQ(ValueOf(put.key()), value);
  EXPECT_EQ(ValueOf("nul"), "(5)");
}

}  // namespace
}  // namespace dunlin
