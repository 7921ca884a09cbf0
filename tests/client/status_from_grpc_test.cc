// Goal: a caller sees the code that the replica sent, and learns which replica it was where that matters.
// Method: every code of gRPC goes through the mapping.

#include "client/status_from_grpc.h"

#include "gtest/gtest.h"

namespace dunlin::client {
namespace {

constexpr char kCall[] = "Get on 10.0.0.1:7700";

TEST(StatusFromGrpcTest, OkIsOk) { EXPECT_TRUE(StatusFromGrpc(grpc::Status::OK, kCall).ok()); }

TEST(StatusFromGrpcTest, EveryCodeKeepsItsNumberAndItsMessage) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status = StatusFromGrpc(grpc::Status(static_cast<grpc::StatusCode>(code), "why"), kCall);
    EXPECT_EQ(static_cast<int>(status.code()), code);
    EXPECT_NE(status.message().find("why"), absl::string_view::npos) << status;
  }
}

TEST(StatusFromGrpcTest, CodesOfNobodyBecomeUnknown) {
  // Larger ones do not fit the bits of gRPC's enum.
  for (const int code : {-1, 17, 31}) {
    const absl::Status status = StatusFromGrpc(grpc::Status(static_cast<grpc::StatusCode>(code), "why"), kCall);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnknown) << code;
  }
}

TEST(StatusFromGrpcTest, TroubleWithTheReplicaNamesIt) {
  EXPECT_EQ(StatusFromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down"), kCall).message(),
            "Get on 10.0.0.1:7700: shutting down");
}

TEST(StatusFromGrpcTest, AnswersToTheRequestStandAlone) {
  EXPECT_EQ(StatusFromGrpc(grpc::Status(grpc::StatusCode::NOT_FOUND, "no such key"), kCall).message(), "no such key");
}

}  // namespace
}  // namespace dunlin::client
