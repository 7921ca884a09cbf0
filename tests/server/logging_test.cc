// Goal: what is logged arrives on standard error, whole lines, at or above the level, in the chosen format; also what
// gRPC and protobuf say. Method: standard error is captured and read back.

#include "server/logging.h"

#include <grpc/support/log.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "dunlin/v1/kv.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

template <typename Action>
std::vector<std::string> LinesOf(Action action) {
  ::testing::internal::CaptureStderr();
  action();
  return absl::StrSplit(::testing::internal::GetCapturedStderr(), '\n', absl::SkipEmpty());
}

TEST(LoggingTest, LevelsBelowTheChosenOneAreLeftOut) {
  const LogLevel kLevels[] = {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError};
  for (const LogLevel chosen : kLevels) {
    const std::unique_ptr<Logger> logger = MakeLogger(LogFormat::kText, chosen);
    for (const LogLevel level : kLevels) {
      const std::vector<std::string> lines = LinesOf([&] { logger->Log(level, "here", {}); });
      EXPECT_EQ(lines.size(), level >= chosen ? 1u : 0u);
      EXPECT_EQ(logger->Enabled(level), level >= chosen);
    }
  }
}

TEST(LoggingTest, TextIsNotTakenForAFormat) {
  const std::unique_ptr<Logger> logger = MakeLogger(LogFormat::kText, LogLevel::kInfo);
  const std::vector<std::string> lines = LinesOf([&] { logger->Info("{} %v %s", {{"key", "{0}"}}); });
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], EndsWith("INFO    {} %v %s key={0}"));
}

TEST(LoggingTest, LinesOfSeveralThreadsDoNotMix) {
  constexpr int kThreads = 4;
  constexpr int kLines = 250;
  const std::unique_ptr<Logger> logger = MakeLogger(LogFormat::kJson, LogLevel::kInfo);
  const std::string padding(500, 'x');
  const std::vector<std::string> lines = LinesOf([&] {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int line = 0; line < kLines; ++line) logger->Info("line", {{"padding", padding}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  ASSERT_EQ(lines.size(), size_t{kThreads * kLines});
  for (const std::string& line : lines) ASSERT_EQ(nlohmann::json::parse(line)["padding"], padding);
}

TEST(LoggingTest, WhatTheLibrariesSayBecomesLinesOfOurs) {
  const std::unique_ptr<Logger> logger = MakeLogger(LogFormat::kJson, LogLevel::kDebug);
  const std::vector<std::string> lines = LinesOf([&] {
    CaptureLibraryLogs(logger.get());
    gpr_log(GPR_ERROR, "grpc has %d \"problem\"", 1);
    v1::GetRequest request;
    EXPECT_FALSE(request.ParseFromString("\x0A\x01\xFF"));
    CaptureLibraryLogs(nullptr);
    gpr_log(GPR_ERROR, "nobody listens");
  });
  ASSERT_EQ(lines.size(), 2u) << ::testing::PrintToString(lines);
  const nlohmann::json grpc_line = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(grpc_line["level"], "warning");
  EXPECT_EQ(grpc_line["library"], "grpc");
  EXPECT_EQ(grpc_line["text"], "grpc has 1 \"problem\"");
  const nlohmann::json protobuf_line = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(protobuf_line["level"], "debug");
  EXPECT_THAT(protobuf_line["text"].get<std::string>(), HasSubstr("UTF-8"));
}

}  // namespace
}  // namespace dunlin
