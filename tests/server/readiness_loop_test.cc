// Goal: health checks and the services' gate tell the same unless the store has failed, the gate opens before health
// says so, and draining is final. Method: a real server and a stand-alone store. (When a replica is ready:
// readiness_test.)

#include "server/readiness_loop.h"

#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/logger.h"
#include "storage/mutex.h"
#include "tests/server/raw_call.h"
#include "tests/server/replica_tester.h"
#include "tests/support/eventually.h"
#include "tests/support/recorded_files.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

bool IsServing(const ReplicaTester& tester) {
  return RawCall(tester.channel, "/grpc.health.v1.Health/Check", OneField(1, "")).bytes == std::string("\x08\x01", 2);
}

class ReadinessLoopTest : public ::testing::Test {
 protected:
  ReadinessLoopTest() { tester_.gate.Close("not looked at yet"); }

  ReplicaTester tester_;
};

TEST_F(ReadinessLoopTest, AStandAloneReplicaServesAndItsGateIsOpenByThen) {
  EXPECT_FALSE(IsServing(tester_));
  ReadinessLoop loop(absl::InfiniteDuration(), tester_.parts, &tester_.gate, tester_.server.get(), &tester_.logger);
  EXPECT_TRUE(Eventually([&] { return IsServing(tester_); }));
  EXPECT_TRUE(tester_.gate.Check().ok());
}

// Keeps errors.
class ErrorLog final : public Logger {
 public:
  bool Enabled(LogLevel) const override { return true; }
  void Log(LogLevel level, absl::string_view message, Fields) override {
    MutexLock lock(&mutex_);
    if (level == LogLevel::kError) {
      errors_.emplace_back(message);
    }
  }
  std::vector<std::string> errors() const {
    MutexLock lock(&mutex_);
    return errors_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> errors_ ABSL_GUARDED_BY(mutex_);
};

TEST(ReadinessLoopFailureTest, AFailedStoreEndsServingIsLoggedOnceAndReadsGoOn) {
  RecordedFiles files(TempDir::Parent());
  ReplicaTester tester;
  ErrorLog log;
  ReadinessLoop loop(absl::InfiniteDuration(), tester.parts, &tester.gate, tester.server.get(), &log);
  ASSERT_TRUE(Eventually([&] { return IsServing(tester); }));
  tester.data.Put("a", "1");
  files.FailWriteAfter(0, EIO);
  v1::PutRequest put;
  put.set_key("b");
  put.set_value("1");
  v1::PutResponse put_response;
  const grpc::Status refused = tester.kv->Put(NewContext().get(), put, &put_response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.error_message(), HasSubstr("the disk has failed"));
  EXPECT_TRUE(Eventually([&] { return !IsServing(tester); }));
  EXPECT_TRUE(tester.gate.Check().ok());
  v1::GetRequest get;
  get.set_key("a");
  v1::GetResponse got;
  EXPECT_TRUE(tester.kv->Get(NewContext().get(), get, &got).ok());
  EXPECT_EQ(got.entry().value(), "1");
  // The verdict is looked at again when it drains.
  loop.Drain();
  EXPECT_EQ(log.errors(), (std::vector<std::string>{"the store has failed"}));
  EXPECT_FALSE(tester.gate.Check().ok());
}

TEST_F(ReadinessLoopTest, DrainingIsFinalAndSaysWhy) {
  ReadinessLoop loop(absl::InfiniteDuration(), tester_.parts, &tester_.gate, tester_.server.get(), &tester_.logger);
  EXPECT_TRUE(Eventually([&] { return IsServing(tester_); }));
  loop.Drain();
  EXPECT_FALSE(IsServing(tester_));
  EXPECT_THAT(std::string(tester_.gate.Check().message()), HasSubstr("shutting down"));
  loop.Drain();
  EXPECT_FALSE(IsServing(tester_));
}

TEST_F(ReadinessLoopTest, ALoopThatEndsDrains) {
  { ReadinessLoop loop(absl::ZeroDuration(), tester_.parts, &tester_.gate, tester_.server.get(), &tester_.logger); }
  EXPECT_EQ(tester_.gate.Check().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(IsServing(tester_));
}

}  // namespace
}  // namespace dunlin
