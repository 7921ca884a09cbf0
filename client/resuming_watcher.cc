#include "client/resuming_watcher.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/time/clock.h"
#include "storage/limits.h"
#include "storage/status_macros.h"

namespace dunlin::client {
namespace {

// Whether every replica would say the same.
bool IsFinal(const absl::Status& error) {
  return absl::IsInvalidArgument(error) || absl::IsUnimplemented(error) || absl::IsPermissionDenied(error) ||
         absl::IsUnauthenticated(error);
}

bool HasNews(const WatchMessage& message) {
  return !message.events.empty() || message.marker != WatchMarker::kNone || !message.damaged_keys.empty();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ResumingWatcher>> ResumingWatcher::Create(std::vector<Client*> clients,
                                                                         WatchOptions options) {
  if (clients.empty()) {
    return absl::InvalidArgumentError("a watch needs at least one replica");
  }
  if (options.no_puts) {
    return absl::InvalidArgumentError(
        "a watch that resumes by itself needs the puts: without them it cannot tell what is gone when a replica sends "
        "the full state again; leave no_puts out and skip them, or use Client::Watch()");
  }
  return absl::WrapUnique(new ResumingWatcher(std::move(clients), std::move(options)));
}

ResumingWatcher::ResumingWatcher(std::vector<Client*> clients, WatchOptions options)
    : clients_(std::move(clients)), options_(std::move(options)), token_(options_.resume_token) {}

ResumingWatcher::~ResumingWatcher() = default;

absl::StatusOr<WatchMessage> ResumingWatcher::Next() {
  while (ended_.ok()) {
    if (watcher_ == nullptr) {
      ended_ = Reopen();
      continue;
    }
    absl::StatusOr<WatchMessage> message = watcher_->Next();
    if (!message.ok()) {
      ended_ = AfterError(message.status());
      continue;
    }
    failures_ = 0;
    if (!message->token.empty()) {
      MutexLock lock(&mutex_);
      token_ = message->token;
    }
    const bool was_reset = message->marker == WatchMarker::kReset;
    resets_ += was_reset ? 1 : 0;
    WatchMessage news = held_.Take(*std::move(message));
    if (was_reset && options_.every_change) {
      // The difference to what was held is not every change.
      news.marker = WatchMarker::kGap;
    }
    if (news.marker == WatchMarker::kSynced && std::exchange(synced_, true)) {
      news.marker = WatchMarker::kNone;
    }
    if (HasNews(news)) {
      return news;
    }
  }
  return ended_;
}

absl::Status ResumingWatcher::ForEach(absl::FunctionRef<bool(const WatchMessage&)> handle) {
  while (true) {
    const absl::StatusOr<WatchMessage> message = Next();
    if (!message.ok()) {
      return message.status();
    }
    if (!handle(*message)) {
      return absl::OkStatus();
    }
  }
}

absl::Status ResumingWatcher::Reopen() {
  // A round over all of them is made at once; the next one waits.
  if (const size_t rounds = failures_ / clients_.size(); failures_ > 0 && failures_ % clients_.size() == 0) {
    const absl::Duration pause = std::min(
        kReconnectDelayMax, kReconnectDelayMin * static_cast<double>(uint64_t{1} << std::min<size_t>(rounds, 10)));
    DUNLIN_RETURN_IF_ERROR(Pause(pause * std::uniform_real_distribution<double>(0.5, 1)(random_)));
  }
  const absl::Status opened = Open(clients_[client_]);
  return opened.ok() ? opened : AfterError(opened);
}

// A replica, or what stands before it, may end a stream as cancelled: only Cancel() is meant to.
absl::Status ResumingWatcher::AfterError(const absl::Status& error) {
  {
    MutexLock lock(&mutex_);
    if (cancelled_) {
      return absl::CancelledError("the watch was cancelled");
    }
  }
  if (IsFinal(error)) {
    return error;
  }
  TryNextClient();
  return absl::OkStatus();
}

absl::Status ResumingWatcher::Open(Client* client) {
  options_.resume_token = token();
  DUNLIN_ASSIGN_OR_RETURN(std::unique_ptr<Watcher> watcher, client->Watch(options_));
  ++opened_;
  if (!options_.resume_token.empty()) {
    held_.OnResumed();
  } else if (options_.initial_state) {
    held_.OnBegunAnew();
  }
  watcher_ = std::move(watcher);
  MutexLock lock(&mutex_);
  open_ = watcher_.get();
  return cancelled_ ? absl::CancelledError("the watch was cancelled") : absl::OkStatus();
}

void ResumingWatcher::TryNextClient() {
  ++failures_;
  client_ = (client_ + 1) % clients_.size();
  {
    MutexLock lock(&mutex_);
    open_ = nullptr;
  }
  watcher_ = nullptr;
}

absl::Status ResumingWatcher::Pause(absl::Duration duration) {
  const absl::Time until = absl::Now() + duration;
  MutexLock lock(&mutex_);
  for (absl::Time now = absl::Now(); !cancelled_ && now < until; now = absl::Now()) {
    cancelled_changed_.WaitWithTimeout(&mutex_, until - now);
  }
  return cancelled_ ? absl::CancelledError("the watch was cancelled") : absl::OkStatus();
}

void ResumingWatcher::Cancel() {
  MutexLock lock(&mutex_);
  cancelled_ = true;
  cancelled_changed_.SignalAll();
  if (open_ != nullptr) {
    open_->Cancel();
  }
}

std::string ResumingWatcher::token() const {
  MutexLock lock(&mutex_);
  return token_;
}

}  // namespace dunlin::client
