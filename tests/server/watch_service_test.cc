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
#include "server/limits.h"
#include "storage/record.h"
#include "storage/write.h"
#include "tests/server/replica_tester.h"
#include "tests/server/watch_mirror.h"
#include "tests/support/eventually.h"

namespace dunlin {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

// One open stream. Cancelled when it goes away.
class Stream {
 public:
  Stream(v1::KVService::Stub* stub, const v1::WatchRequest& request)
      : context_(NewContext()), reader_(stub->Watch(context_.get(), request)) {}
  ~Stream() {
    if (!finished_) {
      context_->TryCancel();
      Finish();
    }
  }

  // The next message but heartbeats; false at the end.
  bool Read(v1::WatchResponse* message) {
    while (reader_->Read(message)) {
      if (message->marker() != v1::MARKER_HEARTBEAT) return true;
    }
    return false;
  }

  bool ReadAny(v1::WatchResponse* message) { return reader_->Read(message); }

  // Reads up to SYNCED, or to the event of `key`, into `mirror`.
  bool ReadUntil(const std::string& key, WatchMirror* mirror) {
    v1::WatchResponse message;
    while (ReadAny(&message)) {
      mirror->Apply(message);
      if (key.empty() && message.marker() == v1::MARKER_SYNCED) return true;
      for (const v1::Event& event : message.events()) {
        if (event.entry().key() == key) return true;
      }
    }
    return false;
  }

  void Cancel() { context_->TryCancel(); }

  grpc::Status Finish() {
    v1::WatchResponse message;
    while (reader_->Read(&message)) {
    }
    finished_ = true;
    return reader_->Finish();
  }

 private:
  const std::unique_ptr<grpc::ClientContext> context_;
  const std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader_;
  bool finished_ = false;
};

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

VersionedRecord RemotePutOf(const std::string& key, uint64_t time) {
  Record record;
  record.version = Version{time, 1};
  record.value = "v";
  return {key, EncodeRecord(record)};
}

// More than gRPC and a stream's queue hold together; each round replaces the last.
void WriteMoreThanFits(StoreParts* data) {
  for (int round = 0; round < 12; ++round) {
    for (int key = 0; key < 5; ++key) data->Put(absl::StrCat("large", key), std::string(900 << 10, 'a' + round));
  }
}

TEST(WatchServiceTest, ChangesArriveAsTheyHappen) {
  ReplicaTester tester;
  Stream stream(tester.kv.get(), {});
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

// What others have written, and whoever brings it stores. Where nobody carries on, the thread has to be woken first,
// and has not said anything by the time that this one looks.
TEST(WatchServiceTest, WhoeverHasStoredWhatAStreamWaitsForLetsItSaySo) {
  constexpr int kRounds = 200;
  ReplicaTester tester;
  Stream stream(tester.kv.get(), {});
  v1::WatchResponse message;
  ASSERT_TRUE(stream.Read(&message));
  int said_at_once = 0;
  for (uint64_t i = 1; i <= kRounds; ++i) {
    tester.data.Apply({{RemotePutOf("k", i)}, 0, 0});
    const auto streams = tester.watches->List(0, 1);
    ASSERT_EQ(streams.size(), 1u);
    said_at_once += streams[0]->facts().revision == tester.data.store->state().revision ? 1 : 0;
    ASSERT_TRUE(stream.Read(&message));
    ASSERT_EQ(message.events_size(), 1);
    EXPECT_EQ(message.events(0).entry().revision(), i);
    ASSERT_TRUE(Eventually([&] { return !streams[0]->writing(); }));
  }
  EXPECT_GT(said_at_once, kRounds / 2);
}

TEST(WatchServiceTest, MoreStreamsThanAFewAreLeftToTheThread) {
  constexpr int kRounds = 50;
  ReplicaTester tester;
  std::vector<std::unique_ptr<Stream>> streams;
  v1::WatchResponse message;
  for (size_t i = 0; i < kStreamsCarriedMax + 1; ++i) {
    streams.push_back(std::make_unique<Stream>(tester.kv.get(), v1::WatchRequest()));
    ASSERT_TRUE(streams.back()->Read(&message));
  }
  for (uint64_t i = 1; i <= kRounds; ++i) {
    tester.data.Apply({{RemotePutOf("k", i)}, 0, 0});
    for (const auto& stream : streams) {
      ASSERT_TRUE(stream->Read(&message));
      ASSERT_EQ(message.events_size(), 1);
      EXPECT_EQ(message.events(0).entry().revision(), i);
    }
  }
}

TEST(WatchServiceTest, TheInitialStateEndsInSynced) {
  ReplicaTester tester;
  for (int i = 0; i < 700; ++i) tester.data.Put(absl::StrCat("k", i), "v");
  Stream stream(tester.kv.get(), InitialState());
  WatchMirror mirror(tester.data.store->store_id());
  ASSERT_TRUE(stream.ReadUntil("", &mirror));
  mirror.ExpectEqualTo(*tester.data.store, Selector());
}

TEST(WatchServiceTest, AnIdleStreamShowsSignsOfLife) {
  ReplicaTester tester(WithWatch(10, absl::Milliseconds(20)));
  v1::WatchRequest request;
  request.set_key("mine");
  Stream stream(tester.kv.get(), request);
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
  Stream patient(tester.kv.get(), request);
  request.mutable_progress_interval()->set_nanos(500000000);
  Stream impatient(tester.kv.get(), request);
  v1::WatchResponse message;
  for (Stream* stream : {&patient, &impatient}) {
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
  Stream stream(tester.kv.get(), request);
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
  Stream senseless(tester.kv.get(), request);
  EXPECT_EQ(senseless.Finish().error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST(WatchServiceTest, AStreamResumesWhereAnotherEnded) {
  ReplicaTester tester;
  WatchMirror mirror(tester.data.store->store_id());
  v1::WatchRequest request = InitialState();
  for (int life = 0; life < 5; ++life) {
    Stream stream(tester.kv.get(), request);
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
  Stream stream(tester.kv.get(), request);
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
  Stream stream(tester.kv.get(), request);
  v1::WatchResponse message;
  ASSERT_TRUE(stream.Read(&message));
  ASSERT_EQ(message.events_size(), 1);
  EXPECT_EQ(message.events(0).entry().key(), "later");
}

TEST(WatchServiceTest, ManyStreamsAllHearEverything) {
  ReplicaTester tester;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 150; ++i) streams.push_back(std::make_unique<Stream>(tester.kv.get(), InitialState()));
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
  auto first = std::make_unique<Stream>(tester.kv.get(), v1::WatchRequest());
  Stream second(tester.kv.get(), {});
  ASSERT_TRUE(first->Read(&message));
  ASSERT_TRUE(second.Read(&message));
  const grpc::Status status = Stream(tester.kv.get(), {}).Finish();
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("2 watch streams"));
  EXPECT_THAT(status.error_message(), HasSubstr("--watch-streams-max"));
  EXPECT_THAT(status.error_message(), HasSubstr("watch at another replica"));
  first.reset();
  EXPECT_TRUE(Eventually([&] { return tester.watches->streams() == 1; }));
  EXPECT_TRUE(Stream(tester.kv.get(), {}).Read(&message));
}

TEST(WatchServiceTest, StreamsBrokenOffAtAnyMomentLeaveNothingBehind) {
  ReplicaTester tester;
  for (int i = 0; i < 300; ++i) tester.data.Put(absl::StrCat("k", i), std::string(2000, 'v'));
  for (int i = 0; i < 200; ++i) {
    Stream stream(tester.kv.get(), InitialState());
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
  Stream stalled(own_connection.get(), InitialState());
  Stream lively(tester.kv.get(), InitialState());
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
  Stream stalled(own_connection.get(), request);
  request.set_key("quiet");
  Stream quiet(tester.kv.get(), request);
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
  ASSERT_TRUE(Stream(tester.kv.get(), resume).ReadUntil("quiet", &mirror));
  EXPECT_EQ(mirror.entries().size(), 7u);
}

TEST(WatchServiceTest, ShutdownEndsStreamsWithUnavailable) {
  ReplicaTester tester;
  std::vector<std::unique_ptr<Stream>> streams;
  v1::WatchResponse message;
  for (int i = 0; i < 20; ++i) {
    streams.push_back(std::make_unique<Stream>(tester.kv.get(), v1::WatchRequest()));
    ASSERT_TRUE(streams.back()->Read(&message));
  }
  tester.watches->Shutdown(absl::InfiniteDuration());
  EXPECT_EQ(tester.watches->streams(), 0u);
  streams.push_back(std::make_unique<Stream>(tester.kv.get(), v1::WatchRequest()));
  for (const auto& stream : streams) {
    const grpc::Status status = stream->Finish();
    EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
    EXPECT_THAT(status.error_message(), HasSubstr("resume with the last token"));
  }
  tester.watches->Shutdown(absl::ZeroDuration());
}

TEST(WatchServiceTest, ShutdownEndsAStreamThatIsNotReadWithUnavailableToo) {
  ReplicaTester tester;
  Stream stalled(tester.kv.get(), InitialState());
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
      std::vector<std::unique_ptr<Stream>> streams;
      v1::WatchResponse message;
      do {
        streams.push_back(std::make_unique<Stream>(tester.kv.get(), InitialState()));
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
