// Goal: a caller sees the code we meant and a message that every gRPC client can read. Method: all codes in a loop;
// hostile messages in a table.

#include "server/status_mapping.h"

#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/limits.h"
#include "storage/utf8.h"

namespace dunlin {
namespace {

TEST(StatusMappingTest, CodesAreOneToOne) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status mapped = ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "why"));
    EXPECT_EQ(static_cast<int>(mapped.error_code()), code);
    EXPECT_EQ(mapped.error_message(), "why");
  }
}

TEST(StatusMappingTest, ACodeWeDoNotKnowIsUnknown) {
  const grpc::Status mapped = ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(99), "why"));
  EXPECT_EQ(mapped.error_code(), grpc::StatusCode::UNKNOWN);
}

TEST(StatusMappingTest, AMessageOfTheFullSizeIsLeftAlone) {
  const std::string message(kStatusMessageMaxBytes, 'x');
  EXPECT_EQ(ToGrpcStatus(absl::NotFoundError(message)).error_message(), message);
}

TEST(StatusMappingTest, ALongerMessageIsCutAndSaysSo) {
  const std::string euros = [] {
    std::string text;
    while (text.size() <= kStatusMessageMaxBytes) text += "\xE2\x82\xAC";
    return text;
  }();
  for (const std::string& message : {std::string(kStatusMessageMaxBytes + 1, 'x'), std::string(1 << 20, 'x'), euros}) {
    const std::string mapped = ToGrpcStatus(absl::NotFoundError(message)).error_message();
    EXPECT_LE(mapped.size(), kStatusMessageMaxBytes);
    EXPECT_GT(mapped.size(), kStatusMessageMaxBytes - 16);
    EXPECT_TRUE(absl::EndsWith(mapped, "... (cut)"));
    EXPECT_TRUE(IsValidUtf8(mapped));
  }
}

TEST(StatusMappingTest, InvalidUtf8IsReplaced) {
  EXPECT_EQ(ToGrpcStatus(absl::NotFoundError("key \xFF")).error_message(), "key \xEF\xBF\xBD");
}

TEST(StatusMappingTest, ReplacementsDoNotLiftTheMessageAboveTheLimit) {
  const std::string mapped =
      ToGrpcStatus(absl::NotFoundError(std::string(kStatusMessageMaxBytes, '\xFF'))).error_message();
  EXPECT_LE(mapped.size(), kStatusMessageMaxBytes);
  EXPECT_TRUE(IsValidUtf8(mapped));
}

}  // namespace
}  // namespace dunlin
