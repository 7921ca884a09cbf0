#include "tests/chaos/watch_check.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace dunlin::chaos {
namespace {

std::string Describe(const client::Version& version) { return absl::StrFormat("%d-%x", version.time, version.origin); }

}  // namespace

void WatchCheck::Begin(bool resumed) {
  if (!resumed) {
    BeginState();
  }
}

void WatchCheck::BeginState() {
  state_.clear();
  synced_ = false;
  if (roams_) {
    highest_.clear();
  }
}

void WatchCheck::Take(const client::WatchMessage& message) {
  if (message.marker == client::WatchMarker::kReset) {
    BeginState();
    ++resets_;
  }
  for (const client::WatchEvent& event : message.events) {
    TakeEvent(event);
  }
  synced_ = synced_ || message.marker == client::WatchMarker::kSynced;
}

void WatchCheck::TakeEvent(const client::WatchEvent& event) {
  ++events_;
  const std::string& key = event.entry.key;
  client::Version& highest = highest_[key];
  if (event.entry.version < highest && violation_.empty()) {
    violation_ = absl::StrCat(key, ": version ", Describe(event.entry.version), " was said after ", Describe(highest));
  }
  highest = event.entry.version;
  if (event.type == client::EventType::kPut) {
    state_[key] = event.entry.version;
  } else {
    state_.erase(key);
  }
}

std::string WatchCheck::Compare(const Holdings& replica) const {
  for (const auto& [key, version] : state_) {
    const auto found = replica.entries.find(key);
    if (found == replica.entries.end()) {
      return absl::StrCat(key, ": was said to be there with version ", Describe(version), ", and is not");
    }
    if (found->second.version != version) {
      return absl::StrCat(key, ": was last said to have version ", Describe(version), ", and has ",
                          Describe(found->second.version));
    }
  }
  for (const auto& [key, stored] : replica.entries) {
    if (state_.count(key) == 0) {
      return absl::StrCat(key, ": has version ", Describe(stored.version), ", which was not said");
    }
  }
  return "";
}

}  // namespace dunlin::chaos
