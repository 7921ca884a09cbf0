#include "tests/chaos/writers.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace dunlin::chaos {
namespace {

// How much of a stall is made up for by writing faster afterwards.
constexpr absl::Duration kArrearsMax = absl::Milliseconds(500);

}  // namespace

Writers::Writers(const Options& options, History* history) : options_(options) {
  for (size_t i = 0; i < options_.threads; ++i) {
    WriteSession::Options session;
    session.addresses = options_.addresses;
    session.name = absl::StrCat("s", options_.seed, "w", i);
    session.keys = options_.keys;
    session.seed = options_.seed * 1000 + i;
    session.timeout = kCallTimeout;
    sessions_.push_back(std::make_unique<WriteSession>(std::move(session), history));
  }
  for (const std::unique_ptr<WriteSession>& session : sessions_) {
    threads_.emplace_back([this, one = session.get()] { Run(one); });
  }
}

Writers::~Writers() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void Writers::Resume() {
  MutexLock lock(&mutex_);
  paused_ = false;
  resumed_at_ = absl::Now();
  next_ = resumed_at_;
  changed_.SignalAll();
}

void Writers::Pause() {
  MutexLock lock(&mutex_);
  if (!paused_) {
    paused_ = true;
    active_ += absl::Now() - resumed_at_;
  }
  while (under_way_ > 0) {
    changed_.Wait(&mutex_);
  }
}

uint64_t Writers::operations() const {
  MutexLock lock(&mutex_);
  return operations_;
}

double Writers::AchievedRate() const {
  MutexLock lock(&mutex_);
  const absl::Duration active = active_ + (paused_ ? absl::ZeroDuration() : absl::Now() - resumed_at_);
  return active > absl::ZeroDuration() ? static_cast<double>(operations_) / absl::ToDoubleSeconds(active) : 0;
}

void Writers::Run(WriteSession* session) {
  while (WaitForTurn()) {
    session->MakeOne();
    EndTurn();
  }
}

bool Writers::WaitForTurn() {
  MutexLock lock(&mutex_);
  while (true) {
    if (stopping_) {
      return false;
    }
    const absl::Time now = absl::Now();
    if (paused_) {
      changed_.Wait(&mutex_);
    } else if (next_ > now) {
      changed_.WaitWithTimeout(&mutex_, next_ - now);
    } else {
      next_ = std::max(next_, now - kArrearsMax) + absl::Seconds(1.0 / options_.operations_per_second);
      ++under_way_;
      ++operations_;
      return true;
    }
  }
}

void Writers::EndTurn() {
  MutexLock lock(&mutex_);
  if (--under_way_ == 0 && paused_) {
    changed_.SignalAll();
  }
}

}  // namespace dunlin::chaos
