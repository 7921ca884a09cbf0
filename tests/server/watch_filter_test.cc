// Goal: a watch stream leaves out what its filters name, and nothing else, whatever phase it is in, and what is left
// out costs nothing. Method: by example, on a store whose writer waits for the test.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/watch_session.h"
#include "storage/limits.h"
#include "tests/server/watch_session_tester.h"

namespace dunlin {
namespace {

using WatchFilterTest = WatchSessionTester;

// What is put, deleted and expires, as each filter lets it pass: in the state, read from the table, and live.
TEST_F(WatchFilterTest, FiltersHoldInEveryPhase) {
  const auto change_everything = [this] {
    data_.Put("a", "1");
    data_.Put("b", "2");
    data_.Delete("b");
    data_.Put("c", "3", absl::Seconds(10));
    data_.Advance(absl::Seconds(11));
  };
  const Position start = data_.Put("before", "0").position;
  WatchSession::Options no_puts, no_deletes, keys_only;
  no_puts.filter.no_puts = true;
  no_deletes.filter.no_deletes = true;
  keys_only.keys_only = true;
  keys_only.as_text = true;
  const auto live_no_puts = Open(no_puts), live_no_deletes = Open(no_deletes), live_keys_only = Open(keys_only);
  for (const auto* session : {&live_no_puts, &live_no_deletes, &live_keys_only}) {
    EXPECT_EQ(Describe(Drain(session->get())), "SYNCED ");
  }
  change_everything();
  EXPECT_EQ(Describe(Drain(live_no_puts.get())), "b- c! ");
  EXPECT_EQ(Describe(Drain(live_no_deletes.get())), "a=1 b=2 c=3 ");
  EXPECT_EQ(Describe(Drain(live_keys_only.get())), "a= b= b- c= c! ");

  for (auto* options : {&no_puts, &no_deletes, &keys_only}) options->resume = start;
  EXPECT_EQ(Describe(Drain(Open(no_puts).get())), "b- c! SYNCED ");
  EXPECT_EQ(Describe(Drain(Open(no_deletes).get())), "a=1 SYNCED ");
  EXPECT_EQ(Describe(Drain(Open(keys_only).get())), "a= b- c! SYNCED ");

  // A token of another store: the whole state, of which no_puts leaves nothing.
  for (auto* options : {&no_puts, &no_deletes, &keys_only}) ++options->resume->store_id;
  EXPECT_EQ(Describe(Drain(Open(no_puts).get())), "RESET SYNCED ");
  EXPECT_EQ(Describe(Drain(Open(no_deletes).get())), "RESET a=1 before=0 SYNCED ");
  EXPECT_EQ(Describe(Drain(Open(keys_only).get())), "RESET a= before= SYNCED ");
  keys_only.selection = Selector{Selector::Kind::kKey, "a"};
  EXPECT_EQ(Describe(Drain(Open(keys_only).get())), "RESET a= SYNCED ");
}

// Neither wakes the reader nor takes room in its queue; but its token moves on.
TEST_F(WatchFilterTest, WhatAFilterLeavesOutCostsNothing) {
  WatchSession::Options options;
  options.filter.no_puts = true;
  int woken = 0;
  WatchSession session(std::move(options), data_.store.get(), &data_.feed, [&woken] { ++woken; });
  EXPECT_EQ(Describe(Drain(&session)), "SYNCED ");
  Position last;
  for (size_t i = 0; i <= kStreamQueueEventsMax; ++i) last = data_.Put("k", absl::StrCat(i)).position;
  // The change of "deleted" is told live: a reader whose queue was full would be told the latest alone, "deleted=2".
  data_.Put("deleted", "1");
  data_.Delete("deleted");
  EXPECT_EQ(woken, 1);
  const Position put_again = data_.Put("deleted", "2").position;
  EXPECT_EQ(Describe(Drain(&session)), "deleted- ");
  v1::WatchResponse heartbeat;
  session.Heartbeat(&heartbeat);
  EXPECT_EQ(TokenOf(heartbeat).revision, put_again.revision);
}

}  // namespace
}  // namespace dunlin
