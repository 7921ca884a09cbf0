#include "server/readiness.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace dunlin {

ReadinessVerdict Readiness::Update(const ReadinessFacts& facts, absl::Time now) {
  Advance(now);
  redis_was_reachable_ = facts.redis_reachable;
  if (facts.draining) return {false, "shutting down"};
  if (facts.standalone) {
    ready_reason_ = "stand-alone: no Redis is configured";
  } else if (facts.barrier_generation > 0) {
    ready_reason_ = "has had everything from Redis";
  } else if (ready_reason_.empty() && facts.holds_data && !facts.redis_reachable && time_without_redis_ > patience_) {
    ready_reason_ = absl::StrCat("serves what it holds, as Redis could not be reached for ",
                                 absl::FormatDuration(patience_), " after the start");
  }
  return ready_reason_.empty() ? Unready(facts) : ReadinessVerdict{true, ready_reason_};
}

void Readiness::Advance(absl::Time now) {
  if (!redis_was_reachable_) time_without_redis_ += std::max(now - last_update_, absl::ZeroDuration());
  last_update_ = std::max(last_update_, now);
}

ReadinessVerdict Readiness::Unready(const ReadinessFacts& facts) const {
  if (facts.redis_reachable) return {false, "reading from Redis what this replica lacks"};
  if (!facts.holds_data) return {false, "holds no data and has not reached Redis since the start"};
  return {false, absl::StrCat("waiting for Redis for up to ", absl::FormatDuration(patience_))};
}

}  // namespace dunlin
