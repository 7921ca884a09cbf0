#include "sync/arrivals.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/limits.h"

namespace dunlin {
namespace {

absl::Status Late() {
  return absl::UnavailableError(
      "this replica does not have what the token tells of, and it has not come in time: try again, or at another "
      "replica");
}

absl::Status ShuttingDown() { return absl::UnavailableError("the replica is shutting down: try another replica"); }

absl::Status TooMany() {
  return absl::ResourceExhaustedError(absl::StrCat(
      kArrivalWaitersMax, " callers wait here already for what other replicas have: try again, or at another replica"));
}

// A Redis that falls short of the sequence that the other store had has lost data.
bool HasLost(const Position& position, const DeliveredReply& reply) {
  return position.epoch == reply.epoch && reply.sequence < position.sequence;
}

// In another epoch nothing that its store held is known to be in Redis, whoever wrote it.
uint64_t RevisionToBeDelivered(const Position& position, uint64_t epoch) {
  return position.epoch == epoch ? position.own_revision
                                 : std::max({position.revision, position.own_revision, position.known_revision});
}

}  // namespace

void Arrivals::Wait(const Position& position, absl::Time deadline, StatusCallback done) {
  absl::Status refused;
  {
    MutexLock lock(&mutex_);
    if (shut_down_) {
      refused = ShuttingDown();
    } else if (undelivered_.size() + delivered_.size() >= kArrivalWaitersMax) {
      refused = TooMany();
    } else {
      undelivered_.push_back(Waiter{position, deadline, std::move(done)});
      return;
    }
  }
  done(std::move(refused));
}

std::vector<uint64_t> Arrivals::TakeAwaited() {
  MutexLock lock(&mutex_);
  awaited_.clear();
  for (Waiter& waiter : undelivered_) {
    waiter.asked = std::find(awaited_.begin(), awaited_.end(), waiter.position.store_id) != awaited_.end();
    if (!waiter.asked && awaited_.size() < kAwaitedStoresMax) {
      awaited_.push_back(waiter.position.store_id);
      waiter.asked = true;
    }
  }
  return awaited_;
}

bool Arrivals::OnDelivered(const DeliveredReply& reply) {
  MutexLock lock(&mutex_);
  const auto is_delivered = [&](const Waiter& waiter) {
    const auto at = std::find(awaited_.begin(), awaited_.end(), waiter.position.store_id);
    return waiter.asked && at != awaited_.end() && !HasLost(waiter.position, reply) &&
           reply.revisions[static_cast<size_t>(at - awaited_.begin())] >=
               RevisionToBeDelivered(waiter.position, reply.epoch);
  };
  const auto delivered = std::partition(undelivered_.begin(), undelivered_.end(),
                                        [&](const Waiter& waiter) { return !is_delivered(waiter); });
  for (auto it = delivered; it != undelivered_.end(); ++it) {
    delivered_.emplace(reply.sequence, std::move(*it));
  }
  undelivered_.erase(delivered, undelivered_.end());
  return TakeArrived();
}

bool Arrivals::OnProgress(uint64_t epoch, uint64_t sequence) {
  MutexLock lock(&mutex_);
  if (epoch != epoch_) {
    // The sequences were of the old one.
    for (auto& [at, waiter] : delivered_) {
      undelivered_.push_back(std::move(waiter));
    }
    delivered_.clear();
  }
  epoch_ = epoch;
  sequence_ = sequence;
  return TakeArrived();
}

bool Arrivals::TakeArrived() {
  const auto end = delivered_.upper_bound(sequence_);
  for (auto it = delivered_.begin(); it != end; ++it) {
    arrived_.emplace_back(std::move(it->second.done), absl::OkStatus());
  }
  delivered_.erase(delivered_.begin(), end);
  return !arrived_.empty();
}

absl::Time Arrivals::Answer(absl::Time now) {
  Answers answers;
  absl::Time next = absl::InfiniteFuture();
  {
    MutexLock lock(&mutex_);
    answers.swap(arrived_);
    const auto is_late = [&](Waiter& waiter) {
      if (waiter.deadline > now) {
        next = std::min(next, waiter.deadline);
        return false;
      }
      answers.emplace_back(std::move(waiter.done), Late());
      return true;
    };
    undelivered_.erase(std::remove_if(undelivered_.begin(), undelivered_.end(), is_late), undelivered_.end());
    for (auto it = delivered_.begin(); it != delivered_.end();) {
      it = is_late(it->second) ? delivered_.erase(it) : std::next(it);
    }
  }
  Tell(std::move(answers));
  return next;
}

void Arrivals::Shutdown() {
  Answers answers;
  {
    MutexLock lock(&mutex_);
    shut_down_ = true;
    answers.swap(arrived_);
    for (Waiter& waiter : undelivered_) {
      answers.emplace_back(std::move(waiter.done), ShuttingDown());
    }
    for (auto& [at, waiter] : delivered_) {
      answers.emplace_back(std::move(waiter.done), ShuttingDown());
    }
    undelivered_.clear();
    delivered_.clear();
  }
  Tell(std::move(answers));
}

void Arrivals::Tell(Answers answers) {
  for (auto& [done, status] : answers) {
    done(std::move(status));
  }
}

}  // namespace dunlin
