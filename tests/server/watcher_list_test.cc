// Goal: a status lists the open watch streams, on pages, with what each watches and how its reader stands.
// Method: a real stand-alone replica over gRPC, with readers of which one does not read.

#include "server/watcher_list.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/limits.h"
#include "tests/server/replica_tester.h"
#include "tests/support/eventually.h"

namespace dunlin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class WatcherListTest : public testing::Test {
 protected:
  ~WatcherListTest() override {
    for (const auto& context : contexts_) context->TryCancel();
    for (const auto& stream : streams_) stream->Finish();
  }

  // Opens a stream, on a connection of its own, and reads up to SYNCED.
  void Watch(v1::WatchRequest request) {
    request.set_initial_state(true);
    stubs_.push_back(v1::KVService::NewStub(tester_.NewChannel()));
    contexts_.push_back(NewContext());
    streams_.push_back(stubs_.back()->Watch(contexts_.back().get(), request));
    v1::WatchResponse message;
    while (streams_.back()->Read(&message) && message.marker() != v1::MARKER_SYNCED) {
    }
    EXPECT_EQ(message.marker(), v1::MARKER_SYNCED);
  }

  grpc::Status List(uint32_t page_size, const std::string& token = "") {
    v1::GetStatusRequest request;
    request.set_watchers_page_size(page_size);
    request.set_watchers_page_token(token);
    page_.Clear();
    return tester_.replica->GetStatus(NewContext().get(), request, &page_);
  }

  ReplicaTester tester_;
  std::vector<std::unique_ptr<v1::KVService::Stub>> stubs_;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts_;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::WatchResponse>>> streams_;
  v1::GetStatusResponse page_;
};

TEST_F(WatcherListTest, NobodyIsListedUnlessItIsAskedFor) {
  Watch({});
  ASSERT_TRUE(List(0).ok());
  EXPECT_EQ(page_.status().watchers(), 1u);
  EXPECT_EQ(page_.watchers_size(), 0);
  EXPECT_EQ(page_.next_watchers_page_token(), "");
}

TEST_F(WatcherListTest, EachStreamTellsWhatItWatchesAndHowItStands) {
  v1::WatchRequest some;
  some.add_keys("k");
  some.add_prefixes("p/");
  Watch(some);
  Watch({});
  const uint64_t revision = tester_.data.Put("k", "v").position.revision;
  // It is published once gRPC has taken the message.
  ASSERT_TRUE(Eventually([&] {
    return List(10).ok() && page_.watchers_size() == 2 && page_.watchers(0).revision() == revision &&
           page_.watchers(1).revision() == revision && page_.watchers(0).lag().seconds() == 0;
  }));
  const v1::WatcherStatus& first = page_.watchers(0);
  EXPECT_LT(first.id(), page_.watchers(1).id());
  EXPECT_THAT(first.peer(), StartsWith("ipv4:127.0.0.1:"));
  EXPECT_THAT(first.keys(), ElementsAre("k"));
  EXPECT_THAT(first.prefixes(), ElementsAre("p/"));
  EXPECT_EQ(first.selectors_count(), 2u);
  EXPECT_EQ(first.state(), v1::WatcherStatus::STATE_LIVE);
  EXPECT_EQ(first.queued_events(), 0u);
  EXPECT_TRUE(first.has_age());
  EXPECT_THAT(page_.watchers(1).keys(), IsEmpty());
  EXPECT_EQ(page_.watchers(1).selectors_count(), 0u);
}

TEST_F(WatcherListTest, AReaderThatDoesNotReadIsSeenToLag) {
  Watch({});
  for (int i = 0; i < 60; ++i) tester_.data.Put(absl::StrCat("k", i % 5), std::string(900 << 10, 'v'));
  EXPECT_TRUE(Eventually([&] {
    tester_.data.Put("k", "v");
    EXPECT_TRUE(List(10).ok());
    const v1::WatcherStatus& watcher = page_.watchers(0);
    // What it leaves unread waits in its queue, or in the store once that was full.
    const bool queued = watcher.queued_events() > 0 && watcher.queued_bytes() > 0;
    return (queued || watcher.state() == v1::WatcherStatus::STATE_REPLAY) && watcher.lag().seconds() >= 1;
  }));
}

TEST_F(WatcherListTest, PagesListEachStreamOnce) {
  for (int i = 0; i < 7; ++i) Watch({});
  std::vector<uint64_t> ids;
  std::vector<int> sizes;
  std::string token;
  do {
    ASSERT_TRUE(List(3, token).ok());
    for (const v1::WatcherStatus& watcher : page_.watchers()) ids.push_back(watcher.id());
    sizes.push_back(page_.watchers_size());
    token = page_.next_watchers_page_token();
  } while (!token.empty());
  EXPECT_THAT(sizes, ElementsAre(3, 3, 1));
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
  ASSERT_TRUE(List(7).ok());
  EXPECT_EQ(page_.next_watchers_page_token(), "") << "there is nobody after the seventh";
}

TEST_F(WatcherListTest, ManySelectorsAreCountedAndTheFirstNamed) {
  v1::WatchRequest many;
  for (int i = 0; i < 20; ++i) many.add_keys(absl::StrCat("k", 10 + i));
  Watch(many);
  ASSERT_TRUE(List(1).ok());
  EXPECT_EQ(page_.watchers(0).keys_size(), static_cast<int>(kWatcherSelectorsListedMax));
  EXPECT_EQ(page_.watchers(0).selectors_count(), 20u);
}

TEST_F(WatcherListTest, WhatCannotBeUsedIsRefusedInWords) {
  const grpc::Status too_many = List(1001);
  EXPECT_EQ(too_many.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(too_many.error_message(), HasSubstr("watchers_page_size is 1001; the limit is 1000"));
  const grpc::Status malformed = List(10, "nonsense");
  EXPECT_EQ(malformed.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(malformed.error_message(), HasSubstr("watchers_page_token is malformed"));
}

}  // namespace
}  // namespace dunlin
