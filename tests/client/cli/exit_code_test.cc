// Goal: the numbers that scripts depend on do not move, and --help tells the truth about them.
// Method: the whole mapping, spelled out.

#include "client/cli/exit_code.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin::client::cli {
namespace {

TEST(ExitCodeTest, EveryStatusCodeHasItsNumber) {
  const std::pair<absl::StatusCode, int> expected[] = {
      {absl::StatusCode::kOk, 0},
      {absl::StatusCode::kUnknown, 1},
      {absl::StatusCode::kInternal, 1},
      {absl::StatusCode::kUnimplemented, 1},
      {absl::StatusCode::kDataLoss, 1},
      {absl::StatusCode::kCancelled, 1},
      {absl::StatusCode::kAlreadyExists, 1},
      {absl::StatusCode::kInvalidArgument, 2},
      {absl::StatusCode::kOutOfRange, 2},
      {absl::StatusCode::kNotFound, 3},
      {absl::StatusCode::kFailedPrecondition, 4},
      {absl::StatusCode::kUnavailable, 5},
      {absl::StatusCode::kDeadlineExceeded, 5},
      {absl::StatusCode::kResourceExhausted, 6},
      {absl::StatusCode::kAborted, 7},
      {absl::StatusCode::kPermissionDenied, 8},
      {absl::StatusCode::kUnauthenticated, 8},
  };
  for (const auto& [code, number] : expected) {
    EXPECT_EQ(ExitCodeOf(absl::Status(code, "")), number) << absl::StatusCodeToString(code);
  }
}

TEST(ExitCodeTest, HelpListsEveryNumber) {
  for (int number = kExitOk; number <= kExitDenied; ++number) {
    EXPECT_THAT(kExitCodesHelp, ::testing::HasSubstr(absl::StrCat("\n  ", number, "  ")));
  }
}

}  // namespace
}  // namespace dunlin::client::cli
