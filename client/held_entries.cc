#include "client/held_entries.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace dunlin::client {

void HeldEntries::BeginReplacement() {
  replacing_ = true;
  ++replacement_;
}

WatchMessage HeldEntries::Take(WatchMessage message) {
  if (message.marker == WatchMarker::kReset) {
    BeginReplacement();
    message.marker = WatchMarker::kNone;
  }
  const auto is_old = [this](const WatchEvent& event) {
    switch (event.type) {
      case EventType::kPut:
        return !TakePut(event);
      case EventType::kDelete:
      case EventType::kExpire:
        return !TakeEnd(event);
      case EventType::kUnknown:
        break;
    }
    return false;
  };
  message.events.erase(std::remove_if(message.events.begin(), message.events.end(), is_old), message.events.end());
  if (message.marker == WatchMarker::kSynced && replacing_) {
    EndReplacement(&message);
  }
  return message;
}

// Returns whether it is new.
bool HeldEntries::TakePut(const WatchEvent& event) {
  Held& held = held_[event.entry.key];
  // A state that replaces everything may hold an older version: then that is what there is.
  const bool is_new = replacing_ && held.replacement != replacement_ ? held.version != event.entry.version
                                                                     : held.version < event.entry.version;
  held.replacement = replacement_;
  if (is_new) {
    held.version = event.entry.version;
  }
  return is_new;
}

bool HeldEntries::TakeEnd(const WatchEvent& event) {
  const auto found = held_.find(event.entry.key);
  if (found == held_.end()) {
    return !complete_;
  }
  if (event.entry.version < found->second.version) {
    return false;
  }
  held_.erase(found);
  return true;
}

void HeldEntries::EndReplacement(WatchMessage* message) {
  std::vector<WatchEvent> gone;
  for (const auto& [key, held] : held_) {
    if (held.replacement != replacement_) {
      WatchEvent event;
      event.type = EventType::kDelete;
      event.entry.key = key;
      event.entry.version = held.version;
      // There was something, but its value is not held.
      event.previous_unknown = true;
      gone.push_back(std::move(event));
    }
  }
  std::sort(gone.begin(), gone.end(),
            [](const WatchEvent& a, const WatchEvent& b) { return a.entry.key < b.entry.key; });
  for (WatchEvent& event : gone) {
    held_.erase(event.entry.key);
    message->events.push_back(std::move(event));
  }
  replacing_ = false;
  complete_ = true;
}

}  // namespace dunlin::client
