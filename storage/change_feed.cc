#include "storage/change_feed.h"

#include <cassert>

#include "absl/strings/string_view.h"

namespace dunlin {
namespace {

thread_local bool is_carrying = false;

}  // namespace

uint64_t ChangeFeed::Subscribe(const Selection& selection, Listener* listener, Previous previous) {
  MutexLock lock(&mutex_);
  const bool inserted = selections_.emplace(listener, selection).second;
  assert(inserted);
  (void)inserted;
  for (const Selector& part : selection.parts()) {
    Add(part, listener);
  }
  if (previous == Previous::kWanted) {
    want_previous_.insert(listener);
  }
  return revision_;
}

void ChangeFeed::Unsubscribe(Listener* listener) {
  MutexLock lock(&mutex_);
  const auto found = selections_.find(listener);
  if (found == selections_.end()) {
    return;
  }
  for (const Selector& part : found->second.parts()) {
    Remove(part, listener);
  }
  selections_.erase(found);
  want_previous_.erase(listener);
}

void ChangeFeed::SetEarlyListener(EarlyListener* listener) {
  MutexLock lock(&mutex_);
  early_listener_ = listener;
}

// ---- Carrying on ----

ChangeFeed::Carrying::Carrying(ChangeFeed* feed) : feed_(feed) { is_carrying = true; }

ChangeFeed::Carrying::~Carrying() {
  is_carrying = false;
  MutexLock lock(&feed_->carrier_mutex_);
  if (feed_->carrier_ != nullptr) {
    feed_->carrier_->CarryOn();
  }
}

void ChangeFeed::SetCarrier(Carrier* carrier) {
  MutexLock lock(&carrier_mutex_);
  carrier_ = carrier;
}

bool ChangeFeed::IsCarrying() { return is_carrying; }

// ---- Routing ----

void ChangeFeed::Add(const Selector& part, Listener* listener) {
  switch (part.kind) {
    case Selector::Kind::kEverything:
      everything_.insert(listener);
      break;
    case Selector::Kind::kKey:
      by_key_[part.text].insert(listener);
      break;
    case Selector::Kind::kPrefix: {
      Listeners& listeners = by_prefix_[part.text];
      if (listeners.empty()) {
        ++prefix_lengths_[part.text.size()];
      }
      listeners.insert(listener);
      break;
    }
  }
}

void ChangeFeed::Remove(const Selector& part, Listener* listener) {
  if (part.kind == Selector::Kind::kEverything) {
    everything_.erase(listener);
    return;
  }
  auto& index = part.kind == Selector::Kind::kKey ? by_key_ : by_prefix_;
  const auto listeners = index.find(part.text);
  listeners->second.erase(listener);
  if (!listeners->second.empty()) {
    return;
  }
  index.erase(listeners);
  if (part.kind == Selector::Kind::kPrefix) {
    const auto length = prefix_lengths_.find(part.text.size());
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

void ChangeFeed::AddReader() {
  MutexLock lock(&recent_mutex_);
  ++readers_;
}

void ChangeFeed::RemoveReader() {
  MutexLock lock(&recent_mutex_);
  --readers_;
}

absl::optional<RecentChanges::Page> ChangeFeed::ReadRecent(uint64_t after_revision, const Selection& selection,
                                                           size_t changes_max, size_t size_max_bytes) const {
  MutexLock lock(&recent_mutex_);
  return recent_.Read(after_revision, selection, changes_max, size_max_bytes);
}

void ChangeFeed::Announce(absl::Span<const ChangePtr> changes, uint64_t after_revision) {
  MutexLock lock(&mutex_);
  if (early_listener_ != nullptr && !changes.empty()) {
    early_listener_->OnWritten(changes, after_revision);
  }
}

void ChangeFeed::Publish(absl::Span<const ChangePtr> changes, uint64_t revision) {
  {
    MutexLock lock(&recent_mutex_);
    if (readers_ > 0) {
      recent_.Add(changes);
    } else {
      recent_.Restart(revision);
    }
  }
  MutexLock lock(&mutex_);
  revision_ = revision;
  if (changes.empty() || selections_.empty()) {
    return;
  }
  for (Listener* listener : everything_) {
    listener->OnChanges(changes);
  }
  if (everything_.size() == selections_.size()) {
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

bool ChangeFeed::wants_previous() const {
  MutexLock lock(&mutex_);
  return !want_previous_.empty();
}

size_t ChangeFeed::listeners() const {
  MutexLock lock(&mutex_);
  return selections_.size();
}

}  // namespace dunlin
