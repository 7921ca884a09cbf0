// Goal: health checks and the services' gate tell the same, the gate opens before health says so, and draining is
// final. Method: a real server and a stand-alone store. (When a replica is ready: readiness_test.)

#include "server/readiness_loop.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/raw_call.h"
#include "tests/server/replica_tester.h"
#include "tests/support/eventually.h"

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
