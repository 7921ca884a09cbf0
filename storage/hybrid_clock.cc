#include "storage/hybrid_clock.h"

#include <algorithm>

#include "storage/limits.h"
#include "storage/version.h"

namespace dunlin {
namespace {

// What fits a version: until the year 10889.
constexpr int64_t kUnixMillisMax = (int64_t{1} << (64 - kVersionCounterBits)) - 1;

// The lowest time from `time` on whose lowest bits are `bits`, of `period` values; `time` itself if there is none
// before the highest number.
uint64_t FirstWith(uint64_t bits, uint64_t period, uint64_t time) {
  const uint64_t distance = (bits - time) % period;
  return time > UINT64_MAX - distance ? time : time + distance;
}

// Whether no right clock can have issued `time`.
bool IsAheadOfAll(uint64_t time, uint64_t now_unix_ms, uint64_t last_issued) {
  const uint64_t known_unix_ms = std::max(now_unix_ms, VersionTimeToUnixMillis(last_issued));
  return VersionTimeToUnixMillis(time) > known_unix_ms + absl::ToInt64Milliseconds(kClockDriftMax);
}

}  // namespace

bool HybridClock::IsFarAhead(uint64_t at_least) const { return IsAheadOfAll(at_least, NowUnixMillis(), last_issued()); }

uint64_t HybridClock::Issue(uint64_t at_least, uint64_t revision) {
  return Issue(at_least, Issuer::kCommitter, Mark{revision, Mark::When::kFarAhead});
}

uint64_t HybridClock::IssueAnew(uint64_t at_least, uint64_t revision) {
  return Issue(at_least, Issuer::kCommitter, Mark{revision, Mark::When::kAhead});
}

uint64_t HybridClock::IssueForJudgement(uint64_t at_least) {
  const auto now_us = static_cast<uint64_t>(absl::ToUnixMicros(wall_->Now()));
  return Issue(at_least, Issuer::kConditionalWriter, Mark{now_us, Mark::When::kFarAhead});
}

// The two lowest bits of a time tell who issued it and whether it bears a mark: one that does never comes to one that
// does not, of a future that has been forgotten.
uint64_t HybridClock::Issue(uint64_t at_least, Issuer issuer, Mark mark) {
  constexpr uint64_t kKinds = 4;
  constexpr uint64_t kPeriod = kKinds * kVersionStepsMax;
  const auto unmarked_kind = static_cast<uint64_t>(issuer);
  const uint64_t marked_kind = unmarked_kind + kKinds / 2;
  const auto marked = [&](uint64_t time) {
    return time > UINT64_MAX - kPeriod ? FirstWith(marked_kind, kKinds, time)
                                       : FirstWith(kKinds * mark.number % kPeriod + marked_kind, kPeriod, time);
  };
  const uint64_t now_unix_ms = NowUnixMillis();
  uint64_t last = last_issued_.load(std::memory_order_relaxed);
  if (IsAheadOfAll(at_least, now_unix_ms, last)) {
    return marked(at_least);
  }
  const uint64_t now = now_unix_ms << kVersionCounterBits;
  const bool has_mark = mark.when == Mark::When::kAhead && at_least > now;
  uint64_t next;
  do {
    const uint64_t first = std::max({now, at_least, last + 1});
    next = has_mark ? marked(first) : FirstWith(unmarked_kind, kKinds, first);
  } while (!last_issued_.compare_exchange_weak(last, next, std::memory_order_relaxed));
  return next;
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

absl::Time HybridClock::Now() const {
  const int64_t steady_offset_us = steady_offset_us_.load(std::memory_order_relaxed);
  return steady_offset_us != kNeverCorrected
             ? steady_->Now() + absl::Microseconds(steady_offset_us)
             : wall_->Now() + absl::Microseconds(wall_offset_us_.load(std::memory_order_relaxed));
}

uint64_t HybridClock::NowUnixMillis() const {
  // A machine whose clock stands before 1970 must not wrap to the far future, nor one of the far future to the past.
  return static_cast<uint64_t>(std::clamp<int64_t>(absl::ToUnixMillis(Now()), 0, kUnixMillisMax));
}

void HybridClock::Correct(absl::Duration correction) {
  const int64_t known_us = steady_offset_us_.load(std::memory_order_relaxed);
  const int64_t before_us = known_us != kNeverCorrected ? known_us : absl::ToInt64Microseconds(Now() - steady_->Now());
  steady_offset_us_.store(before_us + absl::ToInt64Microseconds(correction), std::memory_order_relaxed);
}

void HybridClock::SetOffset(absl::Duration offset) {
  wall_offset_us_.store(absl::ToInt64Microseconds(offset), std::memory_order_relaxed);
  steady_offset_us_.store(kNeverCorrected, std::memory_order_relaxed);
}

absl::Duration HybridClock::offset() const {
  return steady_offset_us_.load(std::memory_order_relaxed) != kNeverCorrected
             ? Now() - wall_->Now()
             : absl::Microseconds(wall_offset_us_.load(std::memory_order_relaxed));
}

}  // namespace dunlin
