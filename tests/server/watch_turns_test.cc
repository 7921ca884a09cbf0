// Goal: whoever has stored what a few streams wait for lets them say it, and nothing is lost or said twice, whoever
// says it. Method: a real stand-alone replica and blocking readers; others' writes, which whoever brings them stores.
// (All else: watch_service_test.)

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/limits.h"
#include "server/watch_service.h"
#include "storage/change_feed.h"
#include "storage/record.h"
#include "storage/write.h"
#include "tests/server/open_stream.h"
#include "tests/server/replica_tester.h"
#include "tests/support/eventually.h"

namespace dunlin {
namespace {

// As the subscriber does.
void StoreAndCarryOn(StoreParts* data, const std::string& key, uint64_t time) {
  Record record;
  record.version = Version{time, 1};
  record.value = "v";
  const ChangeFeed::Carrying carrying(&data->feed);
  data->Apply({{{key, EncodeRecord(record)}}, 0, 0});
}

// What others have written, and whoever brings it stores. Where nobody carries on, the thread has to be woken first,
// and has not said anything by the time that this one looks.
TEST(WatchTurnsTest, WhoeverHasStoredWhatAStreamWaitsForLetsItSaySo) {
  constexpr int kRounds = 200;
  ReplicaTester tester;
  OpenStream stream(tester.kv.get(), {});
  v1::WatchResponse message;
  ASSERT_TRUE(stream.Read(&message));
  int said_at_once = 0;
  for (uint64_t i = 1; i <= kRounds; ++i) {
    StoreAndCarryOn(&tester.data, "k", i);
    const auto streams = tester.watches->List(0, 1);
    ASSERT_EQ(streams.size(), 1u);
    said_at_once += streams[0]->facts().revision == tester.data.store->state().revision ? 1 : 0;
    ASSERT_TRUE(stream.Read(&message));
    ASSERT_EQ(message.events_size(), 1);
    EXPECT_EQ(message.events(0).entry().revision(), i);
    ASSERT_TRUE(Eventually([&] { return !streams[0]->writing(); }));
  }
  EXPECT_GT(said_at_once, kRounds / 4);
}

TEST(WatchTurnsTest, MoreStreamsThanAFewAreLeftToTheThread) {
  constexpr int kRounds = 50;
  ReplicaTester tester;
  std::vector<std::unique_ptr<OpenStream>> streams;
  v1::WatchResponse message;
  for (size_t i = 0; i < kStreamsCarriedMax + 1; ++i) {
    streams.push_back(std::make_unique<OpenStream>(tester.kv.get(), v1::WatchRequest()));
    ASSERT_TRUE(streams.back()->Read(&message));
  }
  for (uint64_t i = 1; i <= kRounds; ++i) {
    StoreAndCarryOn(&tester.data, "k", i);
    for (const auto& stream : streams) {
      ASSERT_TRUE(stream->Read(&message));
      ASSERT_EQ(message.events_size(), 1);
      EXPECT_EQ(message.events(0).entry().revision(), i);
    }
  }
}

}  // namespace
}  // namespace dunlin
