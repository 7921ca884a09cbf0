#include "storage/change_feed.h"

#include <cassert>

#include "absl/strings/match.h"

namespace dunlin {

bool Selector::Matches(absl::string_view key) const {
  switch (kind) {
    case Kind::kEverything:
      return true;
    case Kind::kKey:
      return key == text;
    case Kind::kPrefix:
      return absl::StartsWith(key, text);
  }
  return false;
}

uint64_t ChangeFeed::Subscribe(const Selector& selector, Listener* listener) {
  MutexLock lock(&mutex_);
  const bool inserted = selectors_.emplace(listener, selector).second;
  assert(inserted);
  (void)inserted;
  switch (selector.kind) {
    case Selector::Kind::kEverything:
      everything_.insert(listener);
      break;
    case Selector::Kind::kKey:
      by_key_[selector.text].insert(listener);
      break;
    case Selector::Kind::kPrefix:
      if (by_prefix_[selector.text].empty()) {
        ++prefix_lengths_[selector.text.size()];
      }
      by_prefix_[selector.text].insert(listener);
      break;
  }
  return revision_;
}

void ChangeFeed::Unsubscribe(Listener* listener) {
  MutexLock lock(&mutex_);
  const auto found = selectors_.find(listener);
  if (found == selectors_.end()) {
    return;
  }
  const Selector selector = std::move(found->second);
  selectors_.erase(found);
  everything_.erase(listener);
  if (selector.kind == Selector::Kind::kEverything) {
    return;
  }
  auto& index = selector.kind == Selector::Kind::kKey ? by_key_ : by_prefix_;
  const auto listeners = index.find(selector.text);
  listeners->second.erase(listener);
  if (!listeners->second.empty()) {
    return;
  }
  index.erase(listeners);
  if (selector.kind == Selector::Kind::kPrefix) {
    const auto length = prefix_lengths_.find(selector.text.size());
    if (--length->second == 0) {
      prefix_lengths_.erase(length);
    }
  }
}

void ChangeFeed::Route(const ChangePtr& change, Outbox* outbox) const {
  const auto deliver = [&](const Listeners& listeners) {
    for (Listener* listener : listeners) {
      (*outbox)[listener].push_back(change);
    }
  };
  const auto exact = by_key_.find(change->key);
  if (exact != by_key_.end()) {
    deliver(exact->second);
  }
  const absl::string_view key = change->key;
  for (const auto& [length, count] : prefix_lengths_) {
    if (length > key.size()) {
      break;
    }
    const auto prefix = by_prefix_.find(key.substr(0, length));
    if (prefix != by_prefix_.end()) {
      deliver(prefix->second);
    }
  }
}

void ChangeFeed::Publish(absl::Span<const ChangePtr> changes, uint64_t revision) {
  MutexLock lock(&mutex_);
  revision_ = revision;
  if (changes.empty() || selectors_.empty()) {
    return;
  }
  for (Listener* listener : everything_) {
    listener->OnChanges(changes);
  }
  if (everything_.size() == selectors_.size()) {
    return;
  }
  Outbox outbox;
  for (const ChangePtr& change : changes) {
    Route(change, &outbox);
  }
  for (const auto& [listener, matching] : outbox) {
    listener->OnChanges(matching);
  }
}

uint64_t ChangeFeed::revision() const {
  MutexLock lock(&mutex_);
  return revision_;
}

size_t ChangeFeed::listeners() const {
  MutexLock lock(&mutex_);
  return selectors_.size();
}

}  // namespace dunlin
