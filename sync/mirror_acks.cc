#include "sync/mirror_acks.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

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

// A write that is damaged here cannot be sent. Any other error says nothing about the write, which is stored: it must
// not read as if it had been refused.
absl::Status NotFoundOut(const absl::Status& error) {
  return absl::IsDataLoss(error) ? error
                                 : absl::UnavailableError(absl::StrCat(
                                       "the write is stored on this replica and will reach Redis; whether it "
                                       "has could not be found out: ",
                                       error.message()));
}

// Whether the record of `revision` is among those that were sent, which are in the order of their revisions.
bool WasSent(const std::vector<OutboxItem>& sent, uint64_t revision) {
  const auto at = std::lower_bound(sent.begin(), sent.end(), revision,
                                   [](const OutboxItem& item, uint64_t wanted) { return item.revision < wanted; });
  return at != sent.end() && at->revision == revision;
}

}  // namespace

void MirrorAcks::Wait(std::vector<OutboxItem> writes, absl::Time deadline, StatusCallback done) {
  const auto waiter = std::make_shared<Waiter>();
  waiter->deadline = deadline;
  waiter->done = std::move(done);
  waiter->outstanding = writes.size();
  Answers answers;
  for (OutboxItem& write : writes) {
    Await(write.revision, Awaited{std::move(write.key), waiter}, &answers);
  }
  Tell(std::move(answers));
}

void MirrorAcks::WaitForCursor(uint64_t revision, absl::Time deadline, StatusCallback done) {
  Wait({OutboxItem{"", revision}}, deadline, std::move(done));
}

void MirrorAcks::Await(uint64_t revision, Awaited awaited, Answers* answers) {
  for (;;) {
    uint64_t cursor = 0;
    {
      MutexLock lock(&mutex_);
      if (shut_down_) {
        return Answer(awaited.waiter.get(), ShuttingDown(), answers);
      }
      if (revision > mirrored_revision_) {
        if (turned_away_ && !awaited.key.empty()) {
          return Answer(awaited.waiter.get(), ShuttingDown(), answers);
        }
        awaited_.emplace(revision, std::move(awaited));
        return;
      }
      if (awaited.key.empty()) {
        return Confirm(awaited.waiter.get(), answers);
      }
      cursor = mirrored_revision_;
    }
    const absl::StatusOr<absl::optional<uint64_t>> unsent = find_unsent_(awaited.key);
    if (!unsent.ok() || !unsent->has_value() || **unsent <= cursor) {
      // A record that still stands behind the cursor was sent when the cursor passed it.
      MutexLock lock(&mutex_);
      return unsent.ok() ? Confirm(awaited.waiter.get(), answers)
                         : Answer(awaited.waiter.get(), NotFoundOut(unsent.status()), answers);
    }
    revision = **unsent;
  }
}

void MirrorAcks::OnMirrored(const MirrorProgress& progress) {
  Answers answers;
  std::multimap<uint64_t, Awaited> passed_unsent;
  {
    MutexLock lock(&mutex_);
    mirrored_revision_ = progress.revision;
    const auto end = awaited_.upper_bound(progress.revision);
    for (auto it = awaited_.begin(); it != end; ++it) {
      if (it->second.key.empty() || WasSent(progress.sent, it->first)) {
        Confirm(it->second.waiter.get(), &answers);
      } else {
        passed_unsent.insert(std::move(*it));
      }
    }
    awaited_.erase(awaited_.begin(), end);
  }
  for (auto& [revision, awaited] : passed_unsent) {
    Await(revision, std::move(awaited), &answers);
  }
  Tell(std::move(answers));
}

void MirrorAcks::Rewind(uint64_t mirrored_revision) {
  MutexLock lock(&mutex_);
  mirrored_revision_ = mirrored_revision;
}

absl::Time MirrorAcks::Expire(absl::Time now) {
  Answers answers;
  absl::Time next = absl::InfiniteFuture();
  {
    MutexLock lock(&mutex_);
    for (auto it = awaited_.begin(); it != awaited_.end();) {
      Waiter& waiter = *it->second.waiter;
      if (waiter.deadline <= now) {
        Answer(&waiter, Late(), &answers);
        it = awaited_.erase(it);
      } else {
        next = std::min(next, waiter.deadline);
        ++it;
      }
    }
  }
  Tell(std::move(answers));
  return next;
}

void MirrorAcks::TurnAway() {
  Answers answers;
  {
    MutexLock lock(&mutex_);
    turned_away_ = true;
    for (auto it = awaited_.begin(); it != awaited_.end();) {
      if (it->second.key.empty()) {
        ++it;
        continue;
      }
      Answer(it->second.waiter.get(), ShuttingDown(), &answers);
      it = awaited_.erase(it);
    }
  }
  Tell(std::move(answers));
}

void MirrorAcks::Shutdown() {
  Answers answers;
  {
    MutexLock lock(&mutex_);
    shut_down_ = true;
    for (auto& [revision, awaited] : awaited_) {
      Answer(awaited.waiter.get(), ShuttingDown(), &answers);
    }
    awaited_.clear();
  }
  Tell(std::move(answers));
}

void MirrorAcks::Confirm(Waiter* waiter, Answers* answers) {
  if (--waiter->outstanding == 0) {
    Answer(waiter, absl::OkStatus(), answers);
  }
}

void MirrorAcks::Answer(Waiter* waiter, const absl::Status& status, Answers* answers) {
  if (waiter->done != nullptr) {
    answers->emplace_back(std::exchange(waiter->done, nullptr), status);
  }
}

void MirrorAcks::Tell(Answers answers) {
  for (auto& [done, status] : answers) {
    done(std::move(status));
  }
}

}  // namespace dunlin
