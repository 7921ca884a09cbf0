#include "storage/hybrid_clock.h"

#include <algorithm>

#include "storage/limits.h"
#include "storage/version.h"

namespace dunlin {
namespace {

// What fits a version: until the year 10889.
constexpr int64_t kUnixMillisMax = (int64_t{1} << (64 - kVersionCounterBits)) - 1;

// The lowest time from `time` on that `issuer` may issue. There is none after the highest number.
uint64_t FirstOf(HybridClock::Issuer issuer, uint64_t time) {
  return time == UINT64_MAX || time % 2 == static_cast<uint64_t>(issuer) ? time : time + 1;
}

}  // namespace

uint64_t HybridClock::Issue(uint64_t at_least, Issuer issuer) {
  const uint64_t now_unix_ms = NowUnixMillis();
  uint64_t last = last_issued_.load(std::memory_order_relaxed);
  const uint64_t drift_ms = absl::ToInt64Milliseconds(kClockDriftMax);
  const uint64_t ahead_unix_ms = std::max(now_unix_ms, VersionTimeToUnixMillis(last)) + drift_ms;
  if (VersionTimeToUnixMillis(at_least) > ahead_unix_ms) {
    return FirstOf(issuer, StepFrom(at_least));
  }
  const uint64_t wanted = std::max(now_unix_ms << kVersionCounterBits, at_least);
  uint64_t next;
  do {
    next = FirstOf(issuer, std::max(wanted, last + 1));
  } while (!last_issued_.compare_exchange_weak(last, next, std::memory_order_relaxed));
  return next;
}

uint64_t HybridClock::IssueAnew(uint64_t at_least) {
  const uint64_t now = NowUnixMillis() << kVersionCounterBits;
  return Issue(at_least > now ? StepFrom(at_least) : at_least);
}

uint64_t HybridClock::StepFrom(uint64_t at_least) const {
  const uint64_t step = 2 * (static_cast<uint64_t>(absl::ToUnixMicros(clock_->Now())) % kVersionStepsMax);
  return at_least > UINT64_MAX - step ? at_least : at_least + step;
}

void HybridClock::ComeBack() {
  const uint64_t now_unix_ms = NowUnixMillis();
  const uint64_t drift_ms = absl::ToInt64Milliseconds(kClockDriftMax);
  uint64_t last = last_issued_.load(std::memory_order_relaxed);
  while (VersionTimeToUnixMillis(last) > now_unix_ms + drift_ms &&
         !last_issued_.compare_exchange_weak(last, now_unix_ms << kVersionCounterBits, std::memory_order_relaxed)) {
  }
}

void HybridClock::Restore(uint64_t last_issued) {
  uint64_t last = last_issued_.load(std::memory_order_relaxed);
  while (last < last_issued && !last_issued_.compare_exchange_weak(last, last_issued, std::memory_order_relaxed)) {
  }
}

absl::Time HybridClock::Now() const { return clock_->Now() + offset(); }

uint64_t HybridClock::NowUnixMillis() const {
  // A machine whose clock stands before 1970 must not wrap to the far future, nor one of the far future to the past.
  return static_cast<uint64_t>(std::clamp<int64_t>(absl::ToUnixMillis(Now()), 0, kUnixMillisMax));
}

void HybridClock::SetOffset(absl::Duration offset) {
  offset_us_.store(absl::ToInt64Microseconds(offset), std::memory_order_relaxed);
}

absl::Duration HybridClock::offset() const { return absl::Microseconds(offset_us_.load(std::memory_order_relaxed)); }

}  // namespace dunlin
