// Goal: the macros return errors as they are, evaluate their expression once, and move what they assign. Method:
// functions that use them.

#include "storage/status_macros.h"

#include <memory>

#include "gtest/gtest.h"

namespace dunlin {
namespace {

absl::Status Check(const absl::Status& status, int* evaluated) {
  DUNLIN_RETURN_IF_ERROR((++*evaluated, status));
  return absl::AlreadyExistsError("went on");
}

absl::StatusOr<int> Half(int number) {
  if (number % 2 != 0) {
    return absl::InvalidArgumentError("odd");
  }
  return number / 2;
}

absl::StatusOr<int> Quarter(int number) {
  DUNLIN_ASSIGN_OR_RETURN(const int half, Half(number));
  int quarter = 0;
  DUNLIN_ASSIGN_OR_RETURN(quarter, Half(half));
  return quarter;
}

absl::StatusOr<std::unique_ptr<int>> Moved() {
  DUNLIN_ASSIGN_OR_RETURN(std::unique_ptr<int> owned, absl::StatusOr<std::unique_ptr<int>>(std::make_unique<int>(7)));
  return owned;
}

TEST(StatusMacrosTest, AnErrorIsReturnedAsItIsAndOkGoesOn) {
  int evaluated = 0;
  EXPECT_EQ(Check(absl::NotFoundError("gone"), &evaluated), absl::NotFoundError("gone"));
  EXPECT_EQ(Check(absl::OkStatus(), &evaluated), absl::AlreadyExistsError("went on"));
  EXPECT_EQ(evaluated, 2);
}

TEST(StatusMacrosTest, AValueIsAssignedOrDeclared) {
  EXPECT_EQ(*Quarter(12), 3);
  EXPECT_EQ(Quarter(3).status(), absl::InvalidArgumentError("odd"));
  EXPECT_EQ(Quarter(6).status(), absl::InvalidArgumentError("odd"));
  EXPECT_EQ(**Moved(), 7);
}

}  // namespace
}  // namespace dunlin
