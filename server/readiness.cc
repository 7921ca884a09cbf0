#include "server/readiness.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace dunlin {

ReadinessVerdict Readiness::Update(const ReadinessFacts& facts, absl::Time now) {
  Advance(now);
  redis_was_reachable_ = facts.redis_reachable;
  if (facts.draining) return {false, false, "shutting down"};
  if (facts.standalone) {
    ready_reason_ = "stand-alone: no Redis is configured";
  } else if (facts.barrier_generation > 0) {
    ready_reason_ = "has had everything from Redis";
  } else if (ready_reason_.empty() && facts.holds_data && !facts.redis_reachable && time_without_redis_ > patience_) {
    ready_reason_ = absl::StrCat("serves what it holds, as Redis could not be reached for ",
                                 absl::FormatDuration(patience_), " after the start");
  }
  if (ready_reason_.empty()) return {false, false, UnreadyReason(facts)};
  const bool failed = !facts.store_failure.empty();
  return {!failed, true, failed ? facts.store_failure : ready_reason_};
}

void Readiness::Advance(absl::Time now) {
  if (!redis_was_reachable_) time_without_redis_ += std::max(now - last_update_, absl::ZeroDuration());
  last_update_ = std::max(last_update_, now);
}

std::string Readiness::UnreadyReason(const ReadinessFacts& facts) const {
  if (facts.redis_reachable) return "reading from Redis what this replica lacks";
  if (!facts.holds_data) return "holds no data and has not reached Redis since the start";
  return absl::StrCat("waiting for Redis for up to ", absl::FormatDuration(patience_));
}

}  // namespace dunlin
