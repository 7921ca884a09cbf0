#include "sync/conditional_callers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "sync/conditional_writer.h"

namespace dunlin {
namespace {

constexpr absl::string_view kShuttingDown = "the replica is shutting down";

}  // namespace

absl::StatusOr<uint64_t> ConditionalCallers::Admit(size_t size_bytes, absl::Time deadline, WriteCallback* done) {
  MutexLock lock(&mutex_);
  if (turned_away_) {
    return ConditionalWriter::NotDone(kShuttingDown);
  }
  if (callers_.size() >= kConditionalQueueWritesMax || size_bytes_ + size_bytes > kConditionalQueueMaxBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(callers_.size(), " writes with a precondition, of ", size_bytes_,
                     " bytes, wait for Redis' judgement already ", "(limit ", kConditionalQueueWritesMax, " and ",
                     kConditionalQueueMaxBytes, "): write more slowly, at several replicas, or without preconditions"));
  }
  size_bytes_ += size_bytes;
  callers_[++last_id_] = Caller{size_bytes, deadline, std::move(*done)};
  ++waiting_;
  return last_id_;
}

bool ConditionalCallers::BeginJudging(uint64_t id) {
  MutexLock lock(&mutex_);
  const auto found = callers_.find(id);
  if (found == callers_.end()) {
    return false;
  }
  // One that was in doubt before is asked for again, whether or not somebody still waits for the answer.
  Caller& caller = found->second;
  const bool wanted = caller.done != nullptr || caller.in_doubt;
  caller.in_doubt = caller.in_doubt || wanted;
  return wanted;
}

void ConditionalCallers::NotJudged(uint64_t id) {
  MutexLock lock(&mutex_);
  const auto found = callers_.find(id);
  // Who has been told that nobody knows is not told anything else.
  if (found != callers_.end() && found->second.done != nullptr) {
    found->second.in_doubt = false;
  }
}

void ConditionalCallers::Answer(uint64_t id, absl::StatusOr<WriteResult> result) {
  WriteCallback done;
  {
    MutexLock lock(&mutex_);
    const auto found = callers_.find(id);
    if (found == callers_.end()) {
      return;
    }
    size_bytes_ -= found->second.size_bytes;
    done = TakeDone(&found->second);
    callers_.erase(found);
  }
  if (done != nullptr) {
    done(std::move(result));
  }
}

absl::Time ConditionalCallers::Expire(absl::Time now) {
  std::vector<Caller> late;
  absl::Time next;
  {
    MutexLock lock(&mutex_);
    late = TakeLate(now, &next);
  }
  Refuse(std::move(late), kNotJudgedInTime);
  return next;
}

void ConditionalCallers::TurnAway(absl::Duration patience) {
  std::vector<Caller> left;
  {
    MutexLock lock(&mutex_);
    turned_away_ = true;
    const absl::Time give_up = steady_.Now() + patience;
    while (waiting_ > 0 && steady_.Now() < give_up) {
      all_answered_.WaitWithTimeout(&mutex_, give_up - steady_.Now());
    }
    absl::Time next;
    left = TakeLate(absl::InfiniteFuture(), &next);
  }
  Refuse(std::move(left), kShuttingDown);
}

std::vector<ConditionalCallers::Caller> ConditionalCallers::TakeLate(absl::Time now, absl::Time* next) {
  std::vector<Caller> late;
  *next = absl::InfiniteFuture();
  for (auto& [id, caller] : callers_) {
    if (caller.done == nullptr) {
      continue;
    }
    if (caller.deadline <= now) {
      late.push_back(Caller{0, caller.deadline, TakeDone(&caller), caller.in_doubt});
    } else {
      *next = std::min(*next, caller.deadline);
    }
  }
  return late;
}

WriteCallback ConditionalCallers::TakeDone(Caller* caller) {
  if (caller->done != nullptr && --waiting_ == 0) {
    all_answered_.SignalAll();
  }
  return std::exchange(caller->done, nullptr);
}

void ConditionalCallers::Refuse(std::vector<Caller> callers, absl::string_view why) {
  for (Caller& caller : callers) {
    caller.done(caller.in_doubt ? ConditionalWriter::NotKnown() : ConditionalWriter::NotDone(why));
  }
}

}  // namespace dunlin
