// Goal: a damaged record costs its own key and nothing else, whatever is asked, and nobody takes what is missing for
// what is not there. Method: a real stand-alone replica over a store in which records were changed behind its back.

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/token.h"
#include "tests/server/replica_tester.h"

namespace dunlin {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

class DamageTest : public ::testing::Test {
 protected:
  static ReplicaTester::Options Prepared() {
    ReplicaTester::Options options;
    options.prepare = [](StoreParts* data) {
      for (const char* key : {"a", "b", "c"}) data->Put(key, absl::StrCat(key, "1"));
      data->Damage("b");
    };
    return options;
  }

  // What a stream says up to SYNCED: keys of events, and damaged keys in parentheses.
  std::string Watch(const v1::WatchRequest& request) {
    const auto context = NewContext();
    const auto reader = tester_.kv->Watch(context.get(), request);
    std::string said;
    v1::WatchResponse message;
    while (message.marker() != v1::MARKER_SYNCED && reader->Read(&message)) {
      for (const v1::Event& event : message.events()) absl::StrAppend(&said, event.entry().key(), " ");
      for (const std::string& key : message.damaged_keys()) absl::StrAppend(&said, "(", key, ") ");
    }
    context->TryCancel();
    return said;
  }

  uint64_t CountDamaged() {
    v1::GetStatusResponse response;
    EXPECT_TRUE(tester_.replica->GetStatus(NewContext().get(), v1::GetStatusRequest(), &response).ok());
    return response.status().damaged_records();
  }

  ReplicaTester tester_{Prepared()};
};

TEST_F(DamageTest, ReadingTheKeyItselfIsDataLossThatNamesIt) {
  v1::GetRequest get;
  get.set_key("b");
  v1::GetResponse response;
  const grpc::Status status = tester_.kv->Get(NewContext().get(), get, &response);
  EXPECT_EQ(status.error_code(), StatusCode::DATA_LOSS);
  EXPECT_THAT(status.error_message(), HasSubstr("\"b\""));
  EXPECT_THAT(status.error_message(), HasSubstr("put or delete the key to repair it"));
}

TEST_F(DamageTest, AListingShowsTheOthersAndNamesIt) {
  v1::ListRequest request;
  request.set_page_size(1);
  std::string listed;
  v1::ListResponse page;
  do {
    ASSERT_TRUE(tester_.kv->List(NewContext().get(), request, &page).ok());
    EXPECT_EQ(page.entries_size() + page.damaged_keys_size(), 1);
    for (const v1::Entry& entry : page.entries()) absl::StrAppend(&listed, entry.key(), " ");
    for (const std::string& key : page.damaged_keys()) absl::StrAppend(&listed, "(", key, ") ");
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(listed, "a (b) c ");
}

TEST_F(DamageTest, AnInitialStateShowsTheOthersAndNamesIt) {
  v1::WatchRequest everything;
  everything.set_initial_state(true);
  EXPECT_EQ(Watch(everything), "a c (b) ");
  v1::WatchRequest one_key;
  one_key.set_initial_state(true);
  one_key.set_key("b");
  EXPECT_EQ(Watch(one_key), "(b) ");
}

TEST_F(DamageTest, AResumedStreamTellsTheOthersAndNamesIt) {
  const WriteResult put = tester_.data.Put("z", "1");
  ASSERT_EQ(put.position.revision, 4u);
  v1::WatchRequest request;
  Position start = put.position;
  start.revision = 0;
  request.set_resume_token(EncodePositionToken(start));
  EXPECT_EQ(Watch(request), "a c z (b) ");
  start.revision = 2;
  request.set_resume_token(EncodePositionToken(start));
  EXPECT_EQ(Watch(request), "c z ") << "only what comes after the token";
}

TEST_F(DamageTest, ItIsInTheStatusUntilItIsRepaired) {
  v1::ListResponse page;
  ASSERT_TRUE(tester_.kv->List(NewContext().get(), v1::ListRequest(), &page).ok());
  EXPECT_EQ(CountDamaged(), 1u);
  tester_.data.Put("b", "again");
  EXPECT_EQ(CountDamaged(), 0u);
  ASSERT_TRUE(tester_.kv->List(NewContext().get(), v1::ListRequest(), &page).ok());
  EXPECT_EQ(page.entries_size(), 3);
  EXPECT_EQ(page.damaged_keys_size(), 0);
}

}  // namespace
}  // namespace dunlin
