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

EventForm FormOf(const WatchSession::Options& options) {
  const ValueForm with_values = options.as_text ? ValueForm::kBytesAndText : ValueForm::kBytes;
  return EventForm(options.keys_only ? ValueForm::kNone : with_values, options.previous);
}

}  // namespace

WatchSession::WatchSession(Options options, const Store* store, ChangeFeed* feed, std::function<void()> wake)
    : options_(std::move(options)),
      form_(FormOf(options_)),
      store_(store),
      feed_(feed),
      snapshot_(&options_.selection, store),
      covered_(store->position()),
      queue_(options_.filter, std::move(wake)) {
  feed_->AddReader();
  if (options_.awaits_arrival) {
    mode_ = Mode::kWaiting;
    revision_ = covered_.revision;
  } else {
    Begin(options_.resume);
  }
}

void WatchSession::Begin(const absl::optional<Position>& resume) {
  revision_ = covered_.revision;
  if (resume.has_value()) {
    // A later revision than the store's own is of a store that has been put back to an older copy.
    const bool continues =
        store_->GoesOnFrom(*resume) && resume->revision <= covered_.revision && Remembers(resume->revision);
    if (continues) {
      covered_ = *resume;
      revision_ = covered_.revision;
      known_ = {covered_.known_revision, covered_.own_revision};
      return;
    }
    say_reset_ = true;
  }
  if (say_reset_ || options_.initial_state) {
    mode_ = Mode::kSnapshot;
    whole_ = false;
  }
}

// What the reader has seen elsewhere is in the store by now, but at any revision up to the present one: until that has
// been said, its tokens have to ask for all of it.
void WatchSession::Arrived(absl::optional<uint64_t> after_revision) {
  covered_ = store_->position();
  mode_ = Mode::kReplay;
  Position resume = *options_.resume;
  if (after_revision.has_value()) {
    resume.store_id = covered_.store_id;
    resume.revision = *after_revision;
    resume.own_revision = covered_.own_revision;
    resume.known_revision = covered_.revision;
  }
  Begin(resume);
}

// Whether all that was deleted after `revision` can still be told.
bool WatchSession::Remembers(uint64_t revision) const { return revision >= store_->state().collected_revision; }

WatchSession::~WatchSession() {
  feed_->Unsubscribe(&queue_);
  feed_->RemoveReader();
}

absl::StatusOr<WatchSession::Step> WatchSession::Next(WatchOutput* output) {
  SetAsideIfFull();
  switch (mode_) {
    case Mode::kWaiting:
      return Step::kNothing;
    case Mode::kSnapshot:
      return NextOfSnapshot(&output->message);
    case Mode::kReplay:
      return NextOfReplay(output);
    case Mode::kLive:
      break;
  }
  return NextLive(output);
}

// ---- The initial state ----

// Pages are of different moments; what changed between the first and the last is said again by the replay.
absl::StatusOr<WatchSession::Step> WatchSession::NextOfSnapshot(v1::WatchResponse* message) {
  if (say_reset_) {
    message->set_marker(v1::MARKER_RESET);
    // The reader has forgotten what an earlier token stands for: whoever is cut off before SYNCED begins anew.
    message->set_token(EncodePositionToken(Position()));
    say_reset_ = false;
  }
  // There is nothing but puts in a state.
  if (options_.filter.Passes(ChangeType::kPut)) {
    DUNLIN_RETURN_IF_ERROR(snapshot_.Append(form_, message));
  }
  if (snapshot_.complete() || !options_.filter.Passes(ChangeType::kPut)) {
    mode_ = Mode::kReplay;
  }
  return SaysSomething(*message) ? Step::kMessage : Step::kMore;
}

// ---- From the changes table ----

absl::StatusOr<WatchSession::Step> WatchSession::NextOfReplay(WatchOutput* output) {
  v1::WatchResponse* const message = &output->message;
  if (!subscribed_ || revision_ < live_after_revision_) {
    if (const absl::optional<Step> step = NextOfRecent(output); step.has_value()) {
      return *step;
    }
    DUNLIN_ASSIGN_OR_RETURN(const ChangePage page,
                            store_->ReadChanges(
                                revision_, [this](absl::string_view key) { return options_.selection.Matches(key); },
                                kWatchMessageEventsMax, kWatchMessageMaxBytes));
    if (revision_ < page.collected_revision) {
      BeginAnew();
      return Step::kMore;
    }
    // Who does not hold the state yet misses nothing by it.
    if (options_.every_change && whole_ && page.is_conflated) {
      message->set_marker(v1::MARKER_GAP);
    }
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
    return NextLive(output);
  }
  say_synced_ = false;
  whole_ = true;
  message->set_marker(v1::MARKER_SYNCED);
  SetToken(message);
  return Step::kMessage;
}

// The reader has lagged for longer than deletions are remembered.
void WatchSession::BeginAnew() {
  covered_ = store_->position();
  revision_ = covered_.revision;
  mode_ = Mode::kSnapshot;
  say_reset_ = true;
  say_synced_ = true;
  whole_ = false;
  snapshot_.Restart();
}

void WatchSession::SayPage(const ChangePage& page, v1::WatchResponse* message) {
  size_t size = 0;
  for (const Change& change : page.changes) {
    // Later ones come by the feed.
    if (subscribed_ && change.revision > live_after_revision_) {
      break;
    }
    if (options_.filter.Passes(change.type)) {
      size += EventSizeMax(change, form_);
      if (size > kWatchMessageMaxBytes && message->events_size() > 0) {
        // The rest is read again for the next message.
        return;
      }
      ToProto(change, form_, message->add_events());
    }
    revision_ = change.revision;
  }
  Cover(page.covered_revision, page.complete);
}

void WatchSession::Cover(uint64_t revision, bool complete) {
  if (subscribed_) {
    revision_ = complete ? live_after_revision_ : std::min(revision, live_after_revision_);
    return;
  }
  revision_ = revision;
  if (complete) {
    Subscribe();
  }
}

// Not before SYNCED: the pages of the state may show what the feed has yet to bring, and what it kept of such a key
// would be older. Nor for who wants to hear of each change, or what each has replaced for the reader.
absl::optional<WatchSession::Step> WatchSession::NextOfRecent(WatchOutput* output) {
  if (say_synced_ || options_.every_change || options_.previous) {
    return absl::nullopt;
  }
  absl::optional<RecentChanges::Page> page =
      feed_->ReadRecent(revision_, options_.selection, kWatchMessageEventsMax, kWatchMessageMaxBytes);
  if (!page.has_value()) {
    return absl::nullopt;
  }
  size_t size = 0;
  for (ChangePtr& change : page->changes) {
    // Later ones come by the feed.
    if (subscribed_ && change->revision > live_after_revision_) {
      break;
    }
    if (options_.filter.Passes(change->type)) {
      size += EventSizeMax(*change, form_);
      if (size > kWatchMessageMaxBytes && !output->changes.empty()) {
        SetToken(&output->message);
        return Step::kMessage;
      }
      revision_ = change->revision;
      output->changes.push_back(std::move(change));
    }
  }
  Cover(page->covered_revision, page->complete);
  if (output->changes.empty()) {
    return Step::kMore;
  }
  SetToken(&output->message);
  return Step::kMessage;
}

void WatchSession::Subscribe() {
  live_after_revision_ =
      feed_->Subscribe(options_.selection, &queue_,
                       options_.previous ? ChangeFeed::Previous::kWanted : ChangeFeed::Previous::kNotWanted);
  subscribed_ = true;
}

// ---- Live ----

WatchSession::Step WatchSession::NextLive(WatchOutput* output) {
  // The table is ahead of the feed for a moment after each commit: what the replay has read there comes once more, and
  // may be older than what was said.
  output->changes = queue_.Take(/*after_revision=*/revision_, form_);
  if (output->changes.empty()) {
    return Step::kNothing;
  }
  revision_ = output->changes.back()->revision;
  SetToken(&output->message);
  return Step::kMessage;
}

void WatchSession::SetAsideIfFull() {
  if (!queue_.full()) {
    return;
  }
  feed_->Unsubscribe(&queue_);
  subscribed_ = false;
  queue_.Clear();
  mode_ = Mode::kReplay;
}

void WatchSession::Heartbeat(v1::WatchResponse* message) {
  // What the feed had published before the queue was seen empty did not match, or has been said.
  const uint64_t published = feed_->revision();
  if (caught_up()) {
    revision_ = std::max(revision_, published);
  }
  message->set_marker(v1::MARKER_HEARTBEAT);
  if (mode_ == Mode::kWaiting) {
    message->set_token(EncodePositionToken(*options_.resume));
  } else {
    SetToken(message);
  }
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
    const bool knows_more = known_.revision > revision_;
    const uint64_t own_revision = knows_more ? known_.own_revision : std::min(now.own_revision, revision_);
    message->set_token(EncodePositionToken({covered_.epoch, covered_.sequence, now.store_id, revision_, own_revision,
                                            std::min(covered_.expired_unix_ms, now.expired_unix_ms),
                                            knows_more ? known_.revision : 0}));
  }
}

}  // namespace dunlin
