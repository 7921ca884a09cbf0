#include "storage/write_times.h"

#include <utility>

#include "storage/limits.h"

namespace dunlin {

void WriteTimes::Note(uint64_t now_unix_ms, uint64_t revision) {
  // A clock that was put back: what is written from now on may be earlier than was thought.
  while (!moments_.empty() && moments_.back().unix_ms > now_unix_ms) {
    moments_.pop_back();
  }
  if (!moments_.empty() && now_unix_ms < moments_.back().unix_ms + period_ms_) {
    return;
  }
  moments_.push_back(Moment{now_unix_ms, revision});
  if (moments_.size() < kWriteTimesMax) {
    return;
  }
  std::deque<Moment> kept;
  for (size_t i = 0; i < moments_.size(); i += 2) {
    kept.push_back(moments_[i]);
  }
  moments_ = std::move(kept);
  period_ms_ *= 2;
}

uint64_t WriteTimes::After(uint64_t revision) {
  while (moments_.size() > 1 && moments_[1].revision <= revision) {
    moments_.pop_front();
  }
  return !moments_.empty() && moments_.front().revision <= revision ? moments_.front().unix_ms : 0;
}

}  // namespace dunlin
