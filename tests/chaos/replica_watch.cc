#include "tests/chaos/replica_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace dunlin::chaos {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(100);
constexpr absl::Duration kConnectTimeout = absl::Seconds(2);
// A replica that hangs is silent too; its stream then has to be resumed.
constexpr absl::Duration kSilenceTimeout = absl::Seconds(6);

std::unique_ptr<Client> MakeClient(const std::string& address) {
  ClientOptions options;
  options.server = address;
  options.timeout = kConnectTimeout;
  return *Client::Create(options);
}

}  // namespace

ReplicaWatch::ReplicaWatch(const std::vector<std::string>& addresses, absl::Duration stay)
    : stay_(stay), check_(/*roams=*/addresses.size() > 1) {
  for (const std::string& address : addresses) {
    clients_.push_back(MakeClient(address));
  }
  thread_ = std::thread([this] { Run(); });
}

ReplicaWatch::~ReplicaWatch() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stop_requested_.SignalAll();
    if (open_ != nullptr) {
      open_->Cancel();
    }
  }
  thread_.join();
}

std::string ReplicaWatch::Compare(const Holdings& replica) const {
  MutexLock lock(&mutex_);
  if (!check_.synced()) {
    return absl::StrCat("no whole state has been said; the last stream ended with: ", last_end_.ToString());
  }
  return check_.Compare(replica);
}

std::string ReplicaWatch::violation() const {
  MutexLock lock(&mutex_);
  return check_.violation();
}

uint64_t ReplicaWatch::events() const {
  MutexLock lock(&mutex_);
  return check_.events();
}

uint64_t ReplicaWatch::resets() const {
  MutexLock lock(&mutex_);
  return check_.resets();
}

uint64_t ReplicaWatch::resumes() const {
  MutexLock lock(&mutex_);
  return resumes_;
}

void ReplicaWatch::Run() {
  do {
    ReadStream();
    client_ = (client_ + 1) % clients_.size();
  } while (Pause());
}

std::unique_ptr<client::Watcher> ReplicaWatch::Open() {
  client::WatchOptions options;
  options.initial_state = token_.empty();
  options.resume_token = token_;
  options.timeout = kConnectTimeout;
  options.silence_timeout = kSilenceTimeout;
  absl::StatusOr<std::unique_ptr<client::Watcher>> watcher = clients_[client_]->Watch(options);
  MutexLock lock(&mutex_);
  if (!watcher.ok()) {
    last_end_ = watcher.status();
    return nullptr;
  }
  if (stopping_) {
    return nullptr;
  }
  open_ = watcher->get();
  check_.Begin(/*resumed=*/!token_.empty());
  resumes_ += token_.empty() ? 0 : 1;
  return *std::move(watcher);
}

void ReplicaWatch::ReadStream() {
  const std::unique_ptr<client::Watcher> watcher = Open();
  if (watcher == nullptr) {
    return;
  }
  const absl::Time leave_at = absl::Now() + stay_;
  while (true) {
    const absl::StatusOr<client::WatchMessage> message = watcher->Next();
    MutexLock lock(&mutex_);
    if (message.ok()) {
      check_.Take(*message);
    }
    if (message.ok() && absl::Now() < leave_at) {
      continue;
    }
    open_ = nullptr;
    last_end_ = message.status();
    if (!check_.synced()) {
      // What was held has been forgotten, and its successor was cut off: changes alone would not make it whole.
      token_.clear();
    } else if (std::string token = watcher->token(); !token.empty()) {
      token_ = std::move(token);
    }
    return;
  }
}

bool ReplicaWatch::Pause() {
  const absl::Time end = absl::Now() + kPause;
  MutexLock lock(&mutex_);
  for (absl::Duration left = kPause; !stopping_ && left > absl::ZeroDuration(); left = end - absl::Now()) {
    stop_requested_.WaitWithTimeout(&mutex_, left);
  }
  return !stopping_;
}

}  // namespace dunlin::chaos
