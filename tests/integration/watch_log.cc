#include "tests/integration/watch_log.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace dunlin {

using client::EventType;
using client::WatchEvent;
using client::WatchMarker;
using client::WatchMessage;

WatchLog::WatchLog(Client& client, const client::WatchOptions& options) {
  absl::StatusOr<std::unique_ptr<client::Watcher>> watcher = client.Watch(options);
  if (!watcher.ok()) {
    std::cerr << "cannot watch: " << watcher.status() << std::endl;
    std::abort();
  }
  watcher_ = *std::move(watcher);
  {
    MutexLock lock(&mutex_);
    synced_ = !options.initial_state;
  }
  thread_ = std::thread([this] { Run(); });
  // What is written before the replica has the call is none of this stream's matter.
  if (!options.initial_state && options.resume_token.empty() && !SawMarker(WatchMarker::kSynced)) {
    std::cerr << "nothing is watched: " << End() << std::endl;
    std::abort();
  }
}

WatchLog::~WatchLog() {
  watcher_->Cancel();
  thread_.join();
}

void WatchLog::Run() {
  while (true) {
    const absl::StatusOr<WatchMessage> message = watcher_->Next();
    MutexLock lock(&mutex_);
    if (!message.ok()) {
      ended_ = true;
      end_ = message.status();
      return;
    }
    Take(*message);
  }
}

void WatchLog::Take(const WatchMessage& message) {
  ++markers_[message.marker];
  if (message.marker == WatchMarker::kReset) {
    state_.clear();
    synced_ = false;
  }
  for (const WatchEvent& event : message.events) {
    Check(event);
    if (event.type == EventType::kPut) {
      state_[event.entry.key] = event.entry.value;
    } else {
      state_.erase(event.entry.key);
    }
    events_.push_back(event);
  }
  synced_ = synced_ || message.marker == WatchMarker::kSynced;
}

void WatchLog::Check(const WatchEvent& event) {
  client::Version& version = versions_[event.entry.key];
  if (event.entry.version < version && violation_.empty()) {
    violation_ = absl::StrCat("an older version of ", event.entry.key, " after a newer one");
  }
  version = event.entry.version;
  if (synced_ && event.entry.revision <= revision_ && violation_.empty()) {
    violation_ = absl::StrCat("revision ", event.entry.revision, " after ", revision_);
  }
  // The initial state comes in the order of keys.
  revision_ = synced_ ? event.entry.revision : 0;
}

bool WatchLog::Saw(absl::FunctionRef<bool(const WatchEvent&)> fits) const {
  size_t looked_at = 0;
  return Eventually([&] {
    MutexLock lock(&mutex_);
    const auto found = std::find_if(events_.begin() + looked_at, events_.end(), fits);
    looked_at = events_.size();
    return found != events_.end();
  });
}

bool WatchLog::SawPut(absl::string_view key, absl::string_view value) const {
  return Saw([&](const WatchEvent& event) {
    return event.type == EventType::kPut && event.entry.key == key && event.entry.value == value;
  });
}

bool WatchLog::SawMarker(WatchMarker marker) const {
  return Eventually([&] { return messages(marker) > 0; });
}

bool WatchLog::Ends() const {
  return Eventually([&] {
    MutexLock lock(&mutex_);
    return ended_;
  });
}

absl::Status WatchLog::End() const {
  MutexLock lock(&mutex_);
  return end_;
}

size_t WatchLog::Count(absl::string_view key) const {
  MutexLock lock(&mutex_);
  return static_cast<size_t>(
      std::count_if(events_.begin(), events_.end(), [&](const WatchEvent& event) { return event.entry.key == key; }));
}

std::vector<WatchEvent> WatchLog::events() const {
  MutexLock lock(&mutex_);
  return events_;
}

std::map<std::string, std::string> WatchLog::state() const {
  MutexLock lock(&mutex_);
  return state_;
}

size_t WatchLog::messages(WatchMarker marker) const {
  MutexLock lock(&mutex_);
  const auto found = markers_.find(marker);
  return found == markers_.end() ? 0 : found->second;
}

std::string WatchLog::violation() const {
  MutexLock lock(&mutex_);
  return violation_;
}

client::WatchOptions WatchAll(bool initial_state) {
  client::WatchOptions options;
  options.initial_state = initial_state;
  return options;
}

client::WatchOptions ResumeAfter(const std::string& token) {
  client::WatchOptions options;
  options.resume_token = token;
  return options;
}

}  // namespace dunlin
