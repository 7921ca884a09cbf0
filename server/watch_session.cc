#include "server/watch_session.h"

#include <algorithm>
#include <utility>

#include "server/token.h"
#include "storage/limits.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

bool SaysSomething(const v1::WatchResponse& message) {
  return message.events_size() > 0 || message.damaged_keys_size() > 0 || message.marker() != v1::MARKER_UNSPECIFIED;
}

ValueForm FormOf(const WatchSession::Options& options) {
  if (options.keys_only) {
    return ValueForm::kNone;
  }
  return options.as_text ? ValueForm::kBytesAndText : ValueForm::kBytes;
}

}  // namespace

WatchSession::WatchSession(Options options, const Store* store, ChangeFeed* feed, std::function<void()> wake)
    : options_(std::move(options)),
      value_form_(FormOf(options_)),
      store_(store),
      feed_(feed),
      wake_(std::move(wake)),
      covered_(store->position()) {
  revision_ = covered_.revision;
  if (options_.resume.has_value()) {
    // A later revision than the store's own is of a store that has been put back to an older copy.
    const bool continues = options_.resume->store_id == covered_.store_id &&
                           options_.resume->revision <= covered_.revision && Remembers(options_.resume->revision);
    if (continues) {
      covered_ = *options_.resume;
      revision_ = covered_.revision;
      return;
    }
    say_reset_ = true;
  }
  if (say_reset_ || options_.initial_state) {
    mode_ = Mode::kSnapshot;
    whole_ = false;
  }
}

// Whether all that was deleted after `revision` can still be told.
bool WatchSession::Remembers(uint64_t revision) const { return revision >= store_->state().collected_revision; }

WatchSession::~WatchSession() { feed_->Unsubscribe(this); }

absl::StatusOr<WatchSession::Step> WatchSession::Next(v1::WatchResponse* message) {
  if (SetAsideIfFull()) {
    mode_ = Mode::kReplay;
  }
  switch (mode_) {
    case Mode::kSnapshot:
      return NextOfSnapshot(message);
    case Mode::kReplay:
      return NextOfReplay(message);
    case Mode::kLive:
      break;
  }
  return NextLive(message);
}

bool WatchSession::Passes(ChangeType type) const {
  return type == ChangeType::kPut ? !options_.no_puts : !options_.no_deletes;
}

// ---- The initial state ----

absl::StatusOr<EntryPage> WatchSession::ReadSnapshotPage() {
  if (options_.selector.kind != Selector::Kind::kKey) {
    // Text doubles what a value takes.
    const bool has_text = value_form_ == ValueForm::kBytesAndText;
    return store_->List(options_.selector.text, snapshot_key_, kWatchMessageEventsMax,
                        has_text ? kWatchMessageMaxBytes / 2 : kWatchMessageMaxBytes, options_.keys_only);
  }
  EntryPage page;
  page.complete = true;
  absl::StatusOr<StoredEntry> entry = store_->Get(options_.selector.text);
  if (entry.ok()) {
    if (options_.keys_only) {
      entry->value.clear();
    }
    page.entries.push_back(*std::move(entry));
  } else if (absl::IsDataLoss(entry.status())) {
    page.damaged_keys.push_back(options_.selector.text);
  } else if (!absl::IsNotFound(entry.status())) {
    return entry.status();
  }
  return page;
}

// Pages are of different moments; what changed between the first and the last is said again by the replay.
absl::StatusOr<WatchSession::Step> WatchSession::NextOfSnapshot(v1::WatchResponse* message) {
  if (say_reset_) {
    message->set_marker(v1::MARKER_RESET);
    say_reset_ = false;
  }
  if (!Passes(ChangeType::kPut)) {
    // There is nothing else in a state.
    mode_ = Mode::kReplay;
    return SaysSomething(*message) ? Step::kMessage : Step::kMore;
  }
  DUNLIN_ASSIGN_OR_RETURN(EntryPage page, ReadSnapshotPage());
  snapshot_key_ = page.covered_key;
  for (StoredEntry& entry : page.entries) {
    v1::Event* event = message->add_events();
    event->set_type(v1::Event::TYPE_PUT);
    ToProto(std::move(entry), value_form_ == ValueForm::kBytesAndText, event->mutable_entry());
  }
  for (std::string& key : page.damaged_keys) {
    message->add_damaged_keys(std::move(key));
  }
  if (page.complete) {
    mode_ = Mode::kReplay;
  }
  return SaysSomething(*message) ? Step::kMessage : Step::kMore;
}

// ---- From the changes table ----

absl::StatusOr<WatchSession::Step> WatchSession::NextOfReplay(v1::WatchResponse* message) {
  if (!Remembers(revision_)) {
    // The reader has lagged for longer than deletions are remembered.
    covered_ = store_->position();
    revision_ = covered_.revision;
    mode_ = Mode::kSnapshot;
    say_reset_ = true;
    say_synced_ = true;
    whole_ = false;
    snapshot_key_.clear();
    return Step::kMore;
  }
  if (!subscribed_ || revision_ < live_after_revision_) {
    DUNLIN_ASSIGN_OR_RETURN(const ChangePage page,
                            store_->ReadChanges(
                                revision_, [this](absl::string_view key) { return options_.selector.Matches(key); },
                                kWatchMessageEventsMax, kWatchMessageMaxBytes));
    SayPage(page, message);
    for (const DamagedChange& damaged : page.damaged) {
      if (damaged.revision <= revision_) {
        message->add_damaged_keys(damaged.key);
      }
    }
    if (!SaysSomething(*message)) {
      return Step::kMore;
    }
    SetToken(message);
    return Step::kMessage;
  }
  mode_ = Mode::kLive;
  if (!say_synced_) {
    return NextLive(message);
  }
  say_synced_ = false;
  whole_ = true;
  message->set_marker(v1::MARKER_SYNCED);
  SetToken(message);
  return Step::kMessage;
}

void WatchSession::SayPage(const ChangePage& page, v1::WatchResponse* message) {
  size_t size = 0;
  for (const Change& change : page.changes) {
    // Later ones come by the feed.
    if (subscribed_ && change.revision > live_after_revision_) {
      break;
    }
    if (Passes(change.type)) {
      size += EventSizeMax(change, value_form_);
      if (size > kWatchMessageMaxBytes && message->events_size() > 0) {
        // The rest is read again for the next message.
        return;
      }
      ToProto(change, value_form_, message->add_events());
    }
    revision_ = change.revision;
  }
  if (subscribed_) {
    revision_ = page.complete ? live_after_revision_ : std::min(page.covered_revision, live_after_revision_);
    return;
  }
  revision_ = page.covered_revision;
  if (page.complete) {
    Subscribe();
  }
}

void WatchSession::Subscribe() {
  live_after_revision_ = feed_->Subscribe(options_.selector, this);
  subscribed_ = true;
}

// ---- Live ----

std::vector<ChangePtr> WatchSession::TakeFromQueue() {
  std::vector<ChangePtr> taken;
  size_t size = 0;
  MutexLock lock(&mutex_);
  while (!queue_.empty() && taken.size() < kWatchMessageEventsMax) {
    ChangePtr& change = queue_.front();
    // The table is ahead of the feed for a moment after each commit: what the replay has read there comes once more,
    // and may be older than what was said.
    const bool said = change->revision <= revision_;
    size += said ? 0 : EventSizeMax(*change, value_form_);
    if (size > kWatchMessageMaxBytes && !taken.empty()) {
      break;
    }
    queue_bytes_ -= change->SizeBytes();
    if (!said) {
      taken.push_back(std::move(change));
    }
    queue_.pop_front();
  }
  return taken;
}

WatchSession::Step WatchSession::NextLive(v1::WatchResponse* message) {
  // Copied outside the lock, at which the committer would wait.
  const std::vector<ChangePtr> changes = TakeFromQueue();
  if (changes.empty()) {
    return Step::kNothing;
  }
  for (const ChangePtr& change : changes) {
    ToProto(*change, value_form_, message->add_events());
  }
  revision_ = changes.back()->revision;
  SetToken(message);
  return Step::kMessage;
}

void WatchSession::OnChanges(absl::Span<const ChangePtr> changes) {
  bool news = false;
  {
    MutexLock lock(&mutex_);
    for (const ChangePtr& change : changes) {
      if (!Passes(change->type)) {
        continue;
      }
      news = true;
      full_ = full_ || queue_.size() >= kStreamQueueEventsMax || queue_bytes_ >= kStreamQueueMaxBytes;
      if (full_) {
        break;
      }
      queue_bytes_ += change->SizeBytes();
      queue_.push_back(change);
    }
  }
  if (news) {
    wake_();
  }
}

bool WatchSession::SetAsideIfFull() {
  {
    MutexLock lock(&mutex_);
    if (!full_) {
      return false;
    }
  }
  // Outside the lock: the feed may be calling OnChanges() now.
  feed_->Unsubscribe(this);
  subscribed_ = false;
  MutexLock lock(&mutex_);
  full_ = false;
  queue_.clear();
  queue_bytes_ = 0;
  return true;
}

void WatchSession::Heartbeat(v1::WatchResponse* message) {
  // What the feed had published before the queue was seen empty did not match, or has been said.
  const uint64_t published = feed_->revision();
  {
    MutexLock lock(&mutex_);
    if (mode_ == Mode::kLive && queue_.empty() && !full_) {
      revision_ = std::max(revision_, published);
    }
  }
  message->set_marker(v1::MARKER_HEARTBEAT);
  SetToken(message);
}

void WatchSession::SetToken(v1::WatchResponse* message) {
  const Position now = store_->position();
  if (now.revision <= revision_) {
    covered_ = now;
    ahead_.reset();
  } else if (!ahead_.has_value()) {
    ahead_ = now;
  } else if (ahead_->revision <= revision_) {
    covered_ = *ahead_;
    ahead_ = now;
  }
  if (whole_) {
    message->set_token(EncodePositionToken({covered_.epoch, covered_.sequence, now.store_id, revision_}));
  }
}

}  // namespace dunlin
