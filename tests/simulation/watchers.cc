#include "tests/simulation/watchers.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/proto_conversion.h"
#include "server/token.h"
#include "storage/limits.h"
#include "storage/record.h"
#include "tests/simulation/event_loop.h"
#include "tests/simulation/oracle.h"

namespace dunlin {
namespace {

constexpr uint64_t kWatchersMax = 4;
constexpr absl::Duration kWakeMax = absl::Milliseconds(2);
constexpr size_t kKeysMax = 1000;

Version VersionOf(const v1::Version& version) { return {version.time(), version.origin()}; }

}  // namespace

Watchers::Watchers(uint64_t seed, SimFleet* fleet) : dice_(seed ^ 0x77617463686572), fleet_(fleet) {
  const uint64_t count = dice_.Below(kWatchersMax + 1);
  for (uint64_t i = 0; i < count; ++i) {
    watchers_.push_back(std::make_unique<Watcher>(dice_.Number()));
    watchers_.back()->number = static_cast<int>(i);
    watchers_.back()->pace = dice_.Chance(0.3) ? absl::Seconds(1) : absl::Milliseconds(5);
    if (dice_.Chance(0.3)) {
      watchers_.back()->home = dice_.Number();
    }
  }
}

Watchers::~Watchers() {
  for (const auto& watcher : watchers_) {
    Close(watcher.get());
  }
}

void Watchers::Start() {
  for (const auto& watcher : watchers_) {
    OpenLater(watcher.get());
  }
}

void Watchers::MoveSomebody() {
  if (watchers_.empty()) {
    return;
  }
  Watcher* const watcher = watchers_[dice_.Below(watchers_.size())].get();
  if (watcher->session != nullptr) {
    Close(watcher);
    OpenLater(watcher);
  }
}

void Watchers::OnCrash(int replica) {
  for (const auto& watcher : watchers_) {
    if (watcher->session != nullptr && watcher->replica->number() == replica) {
      Close(watcher.get());
      OpenLater(watcher.get());
    }
  }
}

void Watchers::Close(Watcher* watcher) {
  watcher->session.reset();
  watcher->replica = nullptr;
  ++watcher->opened;
}

void Watchers::OpenLater(Watcher* watcher) {
  const uint64_t opened = watcher->opened;
  fleet_->loop().After(watcher->dice.Between(absl::ZeroDuration(), absl::Milliseconds(500)), [this, watcher, opened] {
    if (watcher->opened == opened) {
      Open(watcher);
    }
  });
}

void Watchers::Open(Watcher* watcher) {
  const uint64_t replicas = fleet_->replicas().size();
  SimReplica& replica =
      *fleet_->replicas()[watcher->home.has_value() ? *watcher->home % replicas : watcher->dice.Below(replicas)];
  // A replica serves once it has had everything.
  if (!replica.running() || replica.follower().generation == 0) {
    OpenLater(watcher);
    return;
  }
  WatchSession::Options options;
  options.initial_state = true;
  options.resume = watcher->token;
  options.awaits_arrival =
      watcher->token.has_value() && watcher->token->epoch != 0 && !replica.store().GoesOnFrom(*watcher->token);
  watcher->replica = &replica;
  watcher->revision = 0;
  watcher->synced = false;
  watcher->gone.clear();
  watcher->moves = options.awaits_arrival;
  if (!options.resume.has_value()) {
    watcher->held.clear();
    watcher->told.clear();
  }
  watcher->session = std::make_unique<WatchSession>(options, &replica.store(), replica.feed(),
                                                    [this, watcher] { PumpLater(watcher); });
  if (options.awaits_arrival) {
    ++moved_;
    replica.WaitForArrival(*options.resume, kArrivalWaitMax,
                           [this, watcher, opened = watcher->opened](const absl::Status& arrived) {
                             if (watcher->opened != opened) {
                               return;
                             }
                             const absl::optional<uint64_t> after =
                                 arrived.ok() ? watcher->replica->FindCheckpoint(*watcher->token) : absl::nullopt;
                             fleet_->Trace(absl::StrCat("watcher ", watcher->number, " goes on after ",
                                                        after.value_or(0), ", ", arrived.ToString()));
                             watcher->session->Arrived(after);
                             PumpLater(watcher);
                           });
  }
  fleet_->Trace(absl::StrCat("watcher ", watcher->number, " opens at replica ", replica.number(), " after ",
                             watcher->token.has_value() ? watcher->token->revision : 0));
  PumpLater(watcher);
}

void Watchers::PumpLater(Watcher* watcher) {
  if (std::exchange(watcher->pump_due, true)) {
    return;
  }
  PumpAfter(watcher, kWakeMax);
}

// The feed wakes its readers in no particular order: neither what they draw nor who is first may depend on that.
void Watchers::PumpAfter(Watcher* watcher, absl::Duration delay_max) {
  const absl::Duration delay = watcher->dice.Between(absl::ZeroDuration(), delay_max);
  fleet_->loop().After(delay + absl::Nanoseconds(watcher->number), [this, watcher] {
    watcher->pump_due = false;
    Pump(watcher);
  });
}

// Says one message, as WatchStream does while gRPC takes it; the next comes when the reader has read.
void Watchers::Pump(Watcher* watcher) {
  if (watcher->session == nullptr) {
    return;
  }
  const auto fleet_unix_ms = static_cast<uint64_t>(absl::ToUnixMillis(watcher->replica->fleet_now()));
  watcher->latest_unix_ms = std::max(watcher->latest_unix_ms, fleet_unix_ms);
  const bool in_order = watcher->session->mode() != WatchSession::Mode::kSnapshot;
  WatchOutput output;
  const absl::StatusOr<WatchSession::Step> step = watcher->session->Next(&output);
  if (!step.ok()) {
    Fail(*watcher, step.status().ToString());
  } else if (*step == WatchSession::Step::kMore) {
    PumpLater(watcher);
  } else if (*step == WatchSession::Step::kNothing) {
    CheckState(watcher);
  } else {
    for (const ChangePtr& change : output.changes) {
      ToProto(*change, watcher->session->form(), output.message.add_events());
    }
    Take(watcher, output.message, in_order);
    if (!std::exchange(watcher->pump_due, true)) {
      PumpAfter(watcher, watcher->pace);
    }
  }
}

void Watchers::Take(Watcher* watcher, const v1::WatchResponse& message, bool in_order) {
  if (message.marker() != v1::MARKER_UNSPECIFIED) {
    fleet_->Trace(absl::StrCat("watcher ", watcher->number, " is told ", v1::Marker_Name(message.marker())));
  }
  if (message.marker() == v1::MARKER_RESET) {
    watcher->held.clear();
    watcher->told.clear();
    watcher->moves = false;
  }
  for (const v1::Event& event : message.events()) {
    if (in_order && event.entry().revision() <= watcher->revision) {
      Fail(*watcher, absl::StrCat("revision ", event.entry().revision(), " follows ", watcher->revision));
    }
    watcher->revision = in_order ? event.entry().revision() : watcher->revision;
    TakeEvent(watcher, event);
  }
  if (message.marker() == v1::MARKER_SYNCED) {
    watcher->synced = true;
    resumed_ += std::exchange(watcher->moves, false) ? 1 : 0;
  }
  if (!message.token().empty()) {
    watcher->token = DecodePositionToken("token", message.token()).value();
  }
}

void Watchers::TakeEvent(Watcher* watcher, const v1::Event& event) {
  ++events_;
  const std::string& key = event.entry().key();
  const Version version = VersionOf(event.entry().version());
  fleet_->Trace(absl::StrCat("watcher ", watcher->number, " is told ", v1::Event::Type_Name(event.type()), " ", key,
                             " ", VersionToString(version), " at ", event.entry().revision()));
  const bool is_put = event.type() == v1::Event::TYPE_PUT;
  const Oracle::Told told = {version, !is_put || event.entry().has_expire_time(),
                             event.type() == v1::Event::TYPE_DELETE, fleet_->loop().Now()};
  const auto before = watcher->told.find(key);
  if (before != watcher->told.end() &&
      !fleet_->oracle().MayFollow(watcher->replica->number(), key, before->second, told)) {
    Fail(*watcher, absl::StrCat("version ", VersionToString(version), " of key ", key, " follows ",
                                VersionToString(before->second.version), " at revision ", event.entry().revision()));
  }
  watcher->told[key] = told;
  watcher->gone.erase(key);
  if (!is_put) {
    watcher->held.erase(key);
    return;
  }
  watcher->held[key] = Held{version, event.entry().value()};
}

bool Watchers::IsToldAll(const Watcher& watcher) {
  return watcher.session != nullptr && watcher.session->caught_up() && watcher.synced &&
         watcher.replica->feed()->revision() == watcher.replica->state().revision;
}

bool Watchers::CaughtUp() const {
  return std::all_of(watchers_.begin(), watchers_.end(), [](const auto& watcher) { return IsToldAll(*watcher); });
}

void Watchers::CheckStates() {
  for (const auto& watcher : watchers_) {
    CheckState(watcher.get());
  }
}

void Watchers::CheckState(Watcher* watcher) {
  if (!IsToldAll(*watcher)) {
    return;
  }
  const absl::StatusOr<EntryPage> page = watcher->replica->store().List("", "", kKeysMax, SIZE_MAX, false);
  if (!page.ok() || !page->complete) {
    Fail(*watcher, "the replica cannot be listed");
    return;
  }
  for (const StoredEntry& entry : page->entries) {
    const auto held = watcher->held.find(entry.key);
    // Elsewhere, swept or not.
    const bool has_expired = (entry.expiry_unix_ms != 0 && entry.expiry_unix_ms <= watcher->latest_unix_ms) ||
                             fleet_->oracle().HasExpired(entry.key, entry.version);
    if (has_expired || fleet_->oracle().MayHaveLostToEarlier(entry.key)) {
      // By the clock of another replica, which is ahead of this one's, it has expired.
    } else if (held == watcher->held.end()) {
      Fail(*watcher, absl::StrCat("does not hold ", entry.key, " ", VersionToString(entry.version)));
    } else if (held->second.version != entry.version || held->second.value != entry.value) {
      Fail(*watcher, absl::StrCat("holds another ", entry.key, ": ", VersionToString(held->second.version), ", not ",
                                  VersionToString(entry.version)));
    }
  }
  CheckGone(watcher, *page);
}

// What has expired is told by the next sweep, and until then the reader may hold it, or what it had replaced.
void Watchers::CheckGone(Watcher* watcher, const EntryPage& page) {
  std::set<std::string> listed;
  for (const StoredEntry& entry : page.entries) {
    listed.insert(entry.key);
  }
  const std::map<std::string, absl::Time> gone_before = std::exchange(watcher->gone, {});
  for (const auto& [key, held] : watcher->held) {
    if (listed.count(key) > 0) {
      continue;
    }
    const auto before = gone_before.find(key);
    const absl::Time since = before == gone_before.end() ? fleet_->loop().Now() : before->second;
    watcher->gone[key] = since;
    if (fleet_->oracle().MayHaveLostToEarlier(key)) {
      continue;
    }
    if (!MayHaveExpired(*watcher, key) || fleet_->loop().Now() - since > SweepPatience()) {
      Fail(*watcher, absl::StrCat("holds ", key, " ", VersionToString(held.version), ", which is not there"));
    }
  }
}

bool Watchers::MayHaveExpired(const Watcher& watcher, const std::string& key) {
  const absl::StatusOr<std::string> encoded = watcher.replica->store().GetRecord(key);
  const absl::StatusOr<Record> record = DecodeRecord(encoded.value_or(""));
  return record.ok() && record->expiry_unix_ms != 0;
}

void Watchers::Fail(const Watcher& watcher, const std::string& what) {
  fleet_->oracle().Report(absl::StrCat("watcher ", watcher.number, " at replica ",
                                       watcher.replica == nullptr ? -1 : watcher.replica->number(), ": ", what));
}

}  // namespace dunlin
