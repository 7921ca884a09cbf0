#include "tests/fuzz/reply_checks.h"

#include <string>

#include "absl/strings/match.h"
#include "sync/epoch.h"
#include "tests/fuzz/fuzz_target.h"

namespace dunlin {

void RequireLoss(const absl::Status& status) {
  DUNLIN_REQUIRE(absl::IsDataLoss(status), status.ToString());
  DUNLIN_REQUIRE(absl::StrContains(status.message(), "unexpected answer"), status.ToString());
}

void RequireNumber(const RedisReply& reply, size_t at, uint64_t number) {
  DUNLIN_REQUIRE(number == static_cast<uint64_t>(reply.elements[at].integer), absl::StrCat("at ", at, ": ", number));
}

void RequireTime(const RedisReply& reply, size_t at, absl::Time time) {
  DUNLIN_REQUIRE(time == absl::FromUnixMillis(reply.elements[at].integer), absl::StrCat("at ", at));
}

void RequireText(const RedisReply& reply, size_t at, absl::string_view text) {
  DUNLIN_REQUIRE(text == reply.elements[at].text, absl::StrCat("at ", at));
}

void RequireEpoch(const RedisReply& reply, size_t at, uint64_t epoch) {
  const std::string& text = reply.elements[at].text;
  DUNLIN_REQUIRE(epoch == kNoEpoch || FormatEpoch(epoch) == text, absl::StrCat("at ", at));
  DUNLIN_REQUIRE(epoch != kNoEpoch || text.empty() || text == FormatEpoch(kNoEpoch), absl::StrCat("at ", at));
}

}  // namespace dunlin
