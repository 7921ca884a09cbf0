// Goal: streams over real gRPC say what the session says, cost others nothing, and end when they should: cancelled,
// broken off at any moment, or by a shutdown, also when nobody reads. Method: a real stand-alone replica and blocking
// readers; readers that do not read while more is written than gRPC and the queue can hold.

#include "server/watch_service.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/open_stream.h"
#include "tests/server/replica_tester.h"
#include "tests/server/watch_mirror.h"
#include "tests/support/eventually.h"

namespace dunlin {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

ReplicaTester::Options WithWatch(size_t streams_max, absl::Duration heartbeat) {
  ReplicaTester::Options options;
  options.watch.streams_max = streams_max;
  options.watch.heartbeat = heartbeat;
  return options;
}

v1::WatchRequest InitialState() {
  v1::WatchRequest request;
  request.set_initial_state(true);
  return request;
}

// More than gRPC and a stream's queue hold together; each round replaces the last.
void WriteMoreThanFits(StoreParts* data) {
  for (int round = 0; round < 12; ++round) {
    for (int key = 0; key < 5; ++key) data->Put(absl::StrCat("large", key), std::string(900 << 10, 'a' + round));
  }
}

TEST(WatchServiceTest, ChangesArriveAsTheyHappen) {
  ReplicaTester tester;
  OpenStream stream(tester.kv.get(), {});
  v1::WatchResponse message;
  ASSERT_TRUE(stream.Read(&message));
  EXPECT_EQ(message.marker(), v1::MARKER_SYNCED);
  EXPECT_TRUE(message.lag().connected());
  for (int i = 0; i < 20; ++i) {
    tester.data.Put("k", absl::StrCat(i));
    ASSERT_TRUE(stream.Read(&message));
    ASSERT_EQ(message.events_size(), 1);
    EXPECT_EQ(message.events(0).entry().value(), absl::StrCat(i));
  }
}

TEST(WatchServiceTest, TheInitialStateEndsInSynced) {
  ReplicaTester tester;
  for (int i = 0; i < 700; ++i) tester.data.Put(absl::StrCat("k", i), "v");
  OpenStream stream(tester.kv.get(), InitialState());
  WatchMirror mirror(tester.data.store->store_id());
  ASSERT_TRUE(stream.ReadUntil("", &mirror));
  mirror.ExpectEqualTo(*tester.data.store, Selector());
}

TEST(WatchServiceTest, AnIdleStreamShowsSignsOfLife) {
  ReplicaTester tester(WithWatch(10, absl::Milliseconds(20)));
  v1::WatchRequest request;
  request.set_key("mine");
  OpenStream stream(tester.kv.get(), request);
  WatchMirror mirror(tester.data.store->store_id());
  ASSERT_TRUE(stream.ReadUntil("", &mirror));
  const uint64_t revision = tester.data.Put("other", "v").position.revision;
  v1::WatchResponse message;
  int heartbeats = 0;
  while (heartbeats < 3 || mirror.revision() < revision) {
    ASSERT_TRUE(stream.ReadAny(&message));
    ASSERT_EQ(message.marker(), v1::MARKER_HEARTBEAT);
    EXPECT_EQ(message.events_size(), 0);
    mirror.Apply(message);
    ++heartbeats;
  }
}

// Beside a stream that is content with the replica's period, which is longer than the test.
TEST(WatchServiceTest, AStreamMayAskForSignsOfLifeMoreOften) {
  ReplicaTester tester(WithWatch(10, absl::Hours(1)));
  v1::WatchRequest request;
  OpenStream patient(tester.kv.get(), request);
  request.mutable_progress_interval()->set_nanos(500000000);
  OpenStream impatient(tester.kv.get(), request);
  v1::WatchResponse message;
  for (OpenStream* stream : {&patient, &impatient}) {
    ASSERT_TRUE(stream->ReadAny(&message));
    EXPECT_EQ(message.marker(), v1::MARKER_SYNCED);
  }
  for (int heartbeats = 0; heartbeats < 2; ++heartbeats) {
    ASSERT_TRUE(impatient.ReadAny(&message));
    EXPECT_EQ(message.marker(), v1::MARKER_HEARTBEAT);
    EXPECT_FALSE(message.token().empty());
  }
  tester.data.Put("k", "v");
  ASSERT_TRUE(patient.ReadAny(&message));
  EXPECT_EQ(message.events_size(), 1) << "no heartbeat came before: " << message.ShortDebugString();
}

TEST(WatchServiceTest, FiltersAreThoseOfTheRequest) {
  ReplicaTester tester;
  v1::WatchRequest request;
  request.set_no_deletes(true);
  request.set_keys_only(true);
  OpenStream stream(tester.kv.get(), request);
  v1::WatchResponse message;
  ASSERT_TRUE(stream.Read(&message));
  tester.data.Put("k", "v");
  tester.data.Delete("k");
  tester.data.Put("l", "v");
  std::vector<std::string> said;
  while (said.size() < 2) {
    ASSERT_TRUE(stream.Read(&message));
    for (const v1::Event& event : message.events()) {
      EXPECT_EQ(event.type(), v1::Event::TYPE_PUT);
      said.push_back(event.entry().key() + "=" + event.entry().value());
    }
  }
  EXPECT_THAT(said, ::testing::ElementsAre("k=", "l="));
  request.set_no_puts(true);
  OpenStream senseless(tester.kv.get(), request);
  EXPECT_EQ(senseless.Finish().error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST(WatchServiceTest, AStreamResumesWhereAnotherEnded) {
  ReplicaTester tester;
  WatchMirror mirror(tester.data.store->store_id());
  v1::WatchRequest request = InitialState();
  for (int life = 0; life < 5; ++life) {
    OpenStream stream(tester.kv.get(), request);
    v1::WatchResponse message;
    do {
      ASSERT_TRUE(stream.Read(&message));
      mirror.Apply(message);
    } while (message.marker() != v1::MARKER_SYNCED);
    request.set_resume_token(message.token());
    stream.Cancel();
    tester.data.Put(absl::StrCat("while away ", life), "v");
    tester.data.Delete(absl::StrCat("while away ", life - 1));
  }
  OpenStream stream(tester.kv.get(), request);
  ASSERT_TRUE(stream.ReadUntil("", &mirror));
  mirror.ExpectEqualTo(*tester.data.store, Selector());
}

TEST(WatchServiceTest, AWritesTokenResumesAfterTheWrite) {
  ReplicaTester tester;
  v1::PutRequest put;
  put.set_key("mine");
  put.set_text("v");
  v1::PutResponse answer;
  ASSERT_TRUE(tester.kv->Put(NewContext().get(), put, &answer).ok());
  tester.data.Put("later", "v");
  v1::WatchRequest request;
  request.set_resume_token(answer.token());
  OpenStream stream(tester.kv.get(), request);
  v1::WatchResponse message;
  ASSERT_TRUE(stream.Read(&message));
  ASSERT_EQ(message.events_size(), 1);
  EXPECT_EQ(message.events(0).entry().key(), "later");
}

TEST(WatchServiceTest, ManyStreamsAllHearEverything) {
  ReplicaTester tester;
  std::vector<std::unique_ptr<OpenStream>> streams;
  for (int i = 0; i < 150; ++i) streams.push_back(std::make_unique<OpenStream>(tester.kv.get(), InitialState()));
  WatchMirror fresh(tester.data.store->store_id());
  for (int i = 0; i < 50; ++i) tester.data.Put(absl::StrCat("k", i % 7), absl::StrCat(i));
  tester.data.Put("last", "v");
  for (const auto& stream : streams) {
    WatchMirror mirror = fresh;
    ASSERT_TRUE(stream->ReadUntil("last", &mirror));
    EXPECT_EQ(mirror.entries().size(), 8u);
  }
  EXPECT_EQ(tester.watches->streams(), streams.size());
  streams.clear();
  EXPECT_TRUE(Eventually([&] { return tester.watches->streams() == 0; }));
  EXPECT_EQ(tester.data.feed.listeners(), 0u);
}

TEST(WatchServiceTest, StreamsAreLimitedAndAPlaceIsFreedByTheirEnd) {
  ReplicaTester tester(WithWatch(2, absl::Seconds(5)));
  v1::WatchResponse message;
  auto first = std::make_unique<OpenStream>(tester.kv.get(), v1::WatchRequest());
  OpenStream second(tester.kv.get(), {});
  ASSERT_TRUE(first->Read(&message));
  ASSERT_TRUE(second.Read(&message));
  const grpc::Status status = OpenStream(tester.kv.get(), {}).Finish();
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("2 watch streams"));
  EXPECT_THAT(status.error_message(), HasSubstr("--watch-streams-max"));
  EXPECT_THAT(status.error_message(), HasSubstr("watch at another replica"));
  first.reset();
  EXPECT_TRUE(Eventually([&] { return tester.watches->streams() == 1; }));
  EXPECT_TRUE(OpenStream(tester.kv.get(), {}).Read(&message));
}

TEST(WatchServiceTest, StreamsBrokenOffAtAnyMomentLeaveNothingBehind) {
  ReplicaTester tester;
  for (int i = 0; i < 300; ++i) tester.data.Put(absl::StrCat("k", i), std::string(2000, 'v'));
  for (int i = 0; i < 200; ++i) {
    OpenStream stream(tester.kv.get(), InitialState());
    v1::WatchResponse message;
    for (int read = 0; read < i % 4; ++read) stream.ReadAny(&message);
    stream.Cancel();
    tester.data.Put(absl::StrCat("k", i), "new");
  }
  EXPECT_TRUE(Eventually([&] { return tester.watches->streams() == 0; }));
  EXPECT_EQ(tester.data.feed.listeners(), 0u);
}

TEST(WatchServiceTest, AReaderThatStallsHoldsUpNobodyAndCatchesUp) {
  ReplicaTester tester;
  const auto own_connection = v1::KVService::NewStub(tester.NewChannel());
  OpenStream stalled(own_connection.get(), InitialState());
  OpenStream lively(tester.kv.get(), InitialState());
  WatchMirror lively_mirror(tester.data.store->store_id());
  WatchMirror stalled_mirror = lively_mirror;
  ASSERT_TRUE(lively.ReadUntil("", &lively_mirror));
  ASSERT_TRUE(stalled.ReadUntil("", &stalled_mirror));
  WriteMoreThanFits(&tester.data);
  tester.data.Put("last", "v");
  ASSERT_TRUE(lively.ReadUntil("last", &lively_mirror));
  lively_mirror.ExpectEqualTo(*tester.data.store, Selector());
  ASSERT_TRUE(stalled.ReadUntil("last", &stalled_mirror));
  stalled_mirror.ExpectEqualTo(*tester.data.store, Selector());
}

// And one whose key nobody writes is not behind, whatever others write.
TEST(WatchServiceTest, OnlyAReaderThatLagsByMoreThanItMayIsEnded) {
  ReplicaTester tester;
  v1::WatchRequest request = InitialState();
  request.mutable_max_lag()->set_seconds(1);
  const auto own_connection = v1::KVService::NewStub(tester.NewChannel());
  OpenStream stalled(own_connection.get(), request);
  request.set_key("quiet");
  OpenStream quiet(tester.kv.get(), request);
  v1::WatchResponse message;
  ASSERT_TRUE(quiet.Read(&message));
  ASSERT_TRUE(stalled.Read(&message));
  const std::string token = message.token();
  WriteMoreThanFits(&tester.data);
  EXPECT_TRUE(Eventually([&] {
    tester.data.Put("busy", "v");
    return tester.watches->streams() == 1;
  }));
  const grpc::Status status = stalled.Finish();
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("more than its max_lag of 1s"));
  EXPECT_THAT(status.error_message(), HasSubstr("resume with the token of the last message"));
  tester.data.Put("quiet", "v");
  ASSERT_TRUE(quiet.Read(&message));
  EXPECT_EQ(message.events(0).entry().key(), "quiet");
  // From where it was, elsewhere or here.
  v1::WatchRequest resume;
  resume.set_resume_token(token);
  WatchMirror mirror(tester.data.store->store_id());
  ASSERT_TRUE(OpenStream(tester.kv.get(), resume).ReadUntil("quiet", &mirror));
  EXPECT_EQ(mirror.entries().size(), 7u);
}

TEST(WatchServiceTest, ShutdownEndsStreamsWithUnavailable) {
  ReplicaTester tester;
  std::vector<std::unique_ptr<OpenStream>> streams;
  v1::WatchResponse message;
  for (int i = 0; i < 20; ++i) {
    streams.push_back(std::make_unique<OpenStream>(tester.kv.get(), v1::WatchRequest()));
    ASSERT_TRUE(streams.back()->Read(&message));
  }
  tester.watches->Shutdown(absl::InfiniteDuration());
  EXPECT_EQ(tester.watches->streams(), 0u);
  streams.push_back(std::make_unique<OpenStream>(tester.kv.get(), v1::WatchRequest()));
  for (const auto& stream : streams) {
    const grpc::Status status = stream->Finish();
    EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
    EXPECT_THAT(status.error_message(), HasSubstr("resume with the last token"));
  }
  tester.watches->Shutdown(absl::ZeroDuration());
}

TEST(WatchServiceTest, ShutdownEndsAStreamThatIsNotReadWithUnavailableToo) {
  ReplicaTester tester;
  OpenStream stalled(tester.kv.get(), InitialState());
  v1::WatchResponse message;
  ASSERT_TRUE(stalled.Read(&message));
  WriteMoreThanFits(&tester.data);
  // It returns although the reader does not read, and waits for its patience alone.
  tester.watches->Shutdown(absl::Milliseconds(50));
  EXPECT_EQ(tester.watches->streams(), 0u);
  const grpc::Status status = stalled.Finish();
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("resume with the last token"));
}

TEST(WatchServiceTest, ShutdownWhileStreamsAreOpenedEndsThemAll) {
  ReplicaTester tester;
  for (int i = 0; i < 100; ++i) tester.data.Put(absl::StrCat("k", i), std::string(5000, 'v'));
  std::atomic<int> opened{0};
  std::vector<std::thread> openers;
  for (int thread = 0; thread < 4; ++thread) {
    openers.emplace_back([&] {
      // Streams that stay open, until the first that is refused.
      std::vector<std::unique_ptr<OpenStream>> streams;
      v1::WatchResponse message;
      do {
        streams.push_back(std::make_unique<OpenStream>(tester.kv.get(), InitialState()));
        ++opened;
      } while (streams.back()->ReadAny(&message));
      for (const auto& stream : streams) {
        const grpc::Status status = stream->Finish();
        EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE) << status.error_message();
      }
    });
  }
  EXPECT_TRUE(Eventually([&] { return opened > 20; }));
  tester.watches->Shutdown(absl::Milliseconds(10));
  for (std::thread& opener : openers) opener.join();
  EXPECT_EQ(tester.watches->streams(), 0u);
}

}  // namespace
}  // namespace dunlin
