// Goal: a listing shows every key that lasts exactly once and comes to its end, whatever is written or was deleted, in
// calls that are bounded. Method: a real stand-alone replica on a port of 127.0.0.1, called by a generated stub.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "storage/write.h"
#include "tests/server/replica_tester.h"

namespace dunlin {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

class KVListingTest : public ::testing::Test {
 protected:
  void Put(const std::string& key, const std::string& value) { tester_.data.Put(key, value); }

  grpc::Status List(const v1::ListRequest& request, v1::ListResponse* response) {
    return tester_.kv->List(NewContext().get(), request, response);
  }

  ReplicaTester tester_;
};

TEST_F(KVListingTest, AListingShowsEveryLastingKeyOnceWhileOthersWrite) {
  std::vector<std::string> lasting;
  for (int i = 100; i < 160; ++i) lasting.push_back(absl::StrCat("p/", i));
  for (const std::string& key : lasting) Put(key, "v");
  Put("q", "other");
  v1::ListRequest request;
  request.set_prefix("p/");
  request.set_page_size(7);
  std::vector<std::string> listed;
  for (int page = 0;; ++page) {
    v1::ListResponse response;
    ASSERT_TRUE(List(request, &response).ok());
    for (const v1::Entry& entry : response.entries()) {
      if (entry.key().find('x') == std::string::npos) listed.push_back(entry.key());
    }
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
    // Before, at and after the place; the key that the token names goes too, after it was listed.
    Put(absl::StrCat("p/0x", page), "new");
    Put(absl::StrCat(listed.back(), "x"), "new");
    Put(absl::StrCat("p/999x", page), "new");
    tester_.data.Delete(response.entries().rbegin()->key());
  }
  EXPECT_EQ(listed, lasting);
}

// Contract: only an empty token ends a listing.
TEST_F(KVListingTest, AListingGoesOnOverMoreDeletedKeysThanOneCallLooksAt) {
  std::vector<Mutation> deletes(500);
  for (size_t n = 0; n < (kListReadsMax + 1) * kReadRowsMax + 1000; n += deletes.size()) {
    for (size_t i = 0; i < deletes.size(); ++i) {
      deletes[i].kind = Mutation::Kind::kDelete;
      deletes[i].key = absl::StrCat("gone", 100000 + n + i);
    }
    ASSERT_TRUE(tester_.data.Write(deletes).ok());
  }
  Put("first", "1");
  Put("last", "2");
  v1::ListRequest request;
  std::vector<std::string> listed;
  int empty_pages = 0;
  do {
    v1::ListResponse page;
    ASSERT_TRUE(List(request, &page).ok());
    for (const v1::Entry& entry : page.entries()) listed.push_back(entry.key());
    empty_pages += page.entries().empty() && !page.next_page_token().empty() ? 1 : 0;
    ASSERT_NE(page.next_page_token(), request.page_token()) << "no endless loop";
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(listed, (std::vector<std::string>{"first", "last"}));
  EXPECT_EQ(empty_pages, 1) << "what one call looks at is bounded";
}

TEST_F(KVListingTest, KeysOnlyLeavesValuesOut) {
  Put("a", "v");
  v1::ListRequest request;
  request.set_keys_only(true);
  request.set_as_text(true);
  v1::ListResponse response;
  ASSERT_TRUE(List(request, &response).ok());
  ASSERT_EQ(response.entries_size(), 1);
  EXPECT_EQ(response.entries(0).value(), "");
  EXPECT_FALSE(response.entries(0).has_text());
  EXPECT_EQ(response.next_page_token(), "");
}

TEST_F(KVListingTest, APageTokenOfAnotherListingIsRefused) {
  for (const char* key : {"p1", "p2", "q1"}) Put(key, "v");
  v1::ListRequest request;
  request.set_prefix("p");
  request.set_page_size(1);
  v1::ListResponse response;
  ASSERT_TRUE(List(request, &response).ok());
  request.set_page_token(response.next_page_token());
  request.set_prefix("");
  EXPECT_EQ(List(request, &response).error_code(), StatusCode::INVALID_ARGUMENT);
  request.set_page_token("junk");
  const grpc::Status status = List(request, &response);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("page_token"));
}

}  // namespace
}  // namespace dunlin
