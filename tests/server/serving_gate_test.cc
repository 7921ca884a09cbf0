// Goal: the gate says whether the replica serves, why not, and what to do. Method: its states in order.

#include "server/serving_gate.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

TEST(ServingGateTest, StartsClosed) {
  const ServingGate gate;
  EXPECT_EQ(gate.Check().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(gate.Check().message()), HasSubstr("starting"));
}

TEST(ServingGateTest, OpensClosesAndOpensAgain) {
  ServingGate gate;
  EXPECT_EQ(gate.reason(), "starting");
  gate.Open("has everything");
  EXPECT_TRUE(gate.Check().ok());
  EXPECT_EQ(gate.reason(), "has everything");
  gate.Close("shutting down");
  EXPECT_EQ(gate.Check().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(gate.Check().message()), HasSubstr("shutting down"));
  EXPECT_THAT(std::string(gate.Check().message()), HasSubstr("try another replica"));
  gate.Close("another reason");
  EXPECT_THAT(std::string(gate.Check().message()), HasSubstr("another reason"));
  EXPECT_EQ(gate.reason(), "another reason");
  gate.Open("has everything");
  EXPECT_TRUE(gate.Check().ok());
}

}  // namespace
}  // namespace dunlin
