#include "sync/mirror_acks.h"

#include <algorithm>
#include <utility>

namespace dunlin {
namespace {

absl::Status Late() {
  return absl::DeadlineExceededError(
      "the write is stored on this replica and will reach Redis, but Redis has not confirmed it in time");
}

absl::Status ShuttingDown() {
  return absl::UnavailableError(
      "the write is stored on this replica and will reach Redis; the replica is shutting down before Redis confirmed "
      "it");
}

}  // namespace

void MirrorAcks::Wait(uint64_t revision, absl::Time deadline, StatusCallback done) {
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    if (shut_down_) {
      status = ShuttingDown();
    } else if (revision > mirrored_revision_) {
      waiters_.emplace(revision, Waiter{deadline, std::move(done)});
      return;
    }
  }
  done(status);
}

void MirrorAcks::OnMirrored(uint64_t mirrored_revision) {
  std::vector<StatusCallback> answered;
  {
    MutexLock lock(&mutex_);
    mirrored_revision_ = mirrored_revision;
    const auto end = waiters_.upper_bound(mirrored_revision);
    for (auto it = waiters_.begin(); it != end; ++it) {
      answered.push_back(std::move(it->second.done));
    }
    waiters_.erase(waiters_.begin(), end);
  }
  for (StatusCallback& done : answered) {
    done(absl::OkStatus());
  }
}

absl::Time MirrorAcks::Expire(absl::Time now) {
  std::vector<StatusCallback> late;
  absl::Time next = absl::InfiniteFuture();
  {
    MutexLock lock(&mutex_);
    for (auto it = waiters_.begin(); it != waiters_.end();) {
      if (it->second.deadline <= now) {
        late.push_back(std::move(it->second.done));
        it = waiters_.erase(it);
      } else {
        next = std::min(next, it->second.deadline);
        ++it;
      }
    }
  }
  for (StatusCallback& done : late) {
    done(Late());
  }
  return next;
}

void MirrorAcks::Shutdown() {
  std::multimap<uint64_t, Waiter> waiters;
  {
    MutexLock lock(&mutex_);
    shut_down_ = true;
    waiters.swap(waiters_);
  }
  for (auto& [revision, waiter] : waiters) {
    waiter.done(ShuttingDown());
  }
}

}  // namespace dunlin
