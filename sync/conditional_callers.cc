#include "sync/conditional_callers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "sync/conditional_writer.h"

namespace dunlin {

absl::StatusOr<uint64_t> ConditionalCallers::Admit(size_t size_bytes, absl::Time deadline, WriteCallback* done) {
  MutexLock lock(&mutex_);
  if (callers_.size() >= kConditionalQueueWritesMax || size_bytes_ + size_bytes > kConditionalQueueMaxBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(callers_.size(), " writes with a precondition, of ", size_bytes_,
                     " bytes, wait for Redis' judgement already ", "(limit ", kConditionalQueueWritesMax, " and ",
                     kConditionalQueueMaxBytes, "): write more slowly, at several replicas, or without preconditions"));
  }
  size_bytes_ += size_bytes;
  callers_[++last_id_] = Caller{size_bytes, deadline, std::move(*done)};
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
    done = std::move(found->second.done);
    callers_.erase(found);
  }
  if (done != nullptr) {
    done(std::move(result));
  }
}

absl::Time ConditionalCallers::Expire(absl::Time now) {
  std::vector<std::pair<WriteCallback, bool>> late;
  absl::Time next = absl::InfiniteFuture();
  {
    MutexLock lock(&mutex_);
    for (auto& [id, caller] : callers_) {
      if (caller.done == nullptr) {
        continue;
      }
      if (caller.deadline <= now) {
        late.emplace_back(std::exchange(caller.done, nullptr), caller.in_doubt);
      } else {
        next = std::min(next, caller.deadline);
      }
    }
  }
  for (auto& [done, in_doubt] : late) {
    done(in_doubt ? ConditionalWriter::NotKnown() : ConditionalWriter::NotDone(kNotJudgedInTime));
  }
  return next;
}

}  // namespace dunlin
