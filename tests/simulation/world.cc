#include "tests/simulation/world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulation/event_loop.h"
#include "tests/simulation/oracle.h"

namespace dunlin {
namespace {

constexpr absl::Duration kTrouble = absl::Seconds(30);
// By then a fleet without faults is equal.
constexpr absl::Duration kPatience = absl::Seconds(120);
constexpr absl::Duration kLookPeriod = absl::Milliseconds(250);
// How often Redis' own replicas, and backups, are brought up to date.
constexpr absl::Duration kSavePeriod = absl::Milliseconds(500);

}  // namespace

World::World(uint64_t seed, bool tracing)
    : dice_(seed),
      traits_(WorldTraits::Draw(&dice_)),
      fleet_(traits_, &dice_, tracing),
      clients_(traits_, &dice_, &fleet_),
      faults_(traits_, &dice_, &fleet_),
      watchers_(seed, &fleet_) {
  fleet_.on_crash = [this](int number) { watchers_.OnCrash(number); };
}

World::Result& World::Result::operator+=(const Result& other) {
  lived += other.lived;
  acknowledged += other.acknowledged;
  faults += other.faults;
  restamped += other.restamped;
  lost += other.lost;
  refused += other.refused;
  rebuilds += other.rebuilds;
  collected += other.collected;
  reindexed += other.reindexed;
  late += other.late;
  moved += other.moved;
  resumed += other.resumed;
  events += other.events;
  read_elsewhere += other.read_elsewhere;
  return *this;
}

World::Result World::Live() {
  EventLoop& loop = fleet_.loop();
  const std::string& violation = fleet_.oracle().violation();
  Repeat(dice_.Between(absl::Milliseconds(10), absl::Milliseconds(200)), [this] { clients_.DoSomeWrite(); });
  Repeat(dice_.Between(absl::Milliseconds(200), absl::Seconds(3)), [this] { faults_.DoSomeFault(); });
  Repeat(kSavePeriod, [this] { faults_.SaveRedis(); });
  Repeat(absl::Seconds(4), [this] { watchers_.MoveSomebody(); });
  watchers_.Start();
  const absl::Time end_of_trouble = loop.Now() + kTrouble;
  while (loop.Now() < end_of_trouble && violation.empty()) {
    loop.RunUntil(std::min(loop.Now() + kLookPeriod, end_of_trouble));
  }
  trouble_ = false;
  faults_.End();
  while (loop.Now() < end_of_trouble + kPatience && violation.empty() && !(fleet_.Settled() && watchers_.CaughtUp())) {
    loop.RunUntil(loop.Now() + kLookPeriod);
  }
  const std::string violation_at_rest = CheckRest();
  if (violation_at_rest.empty()) {
    CheckWhatStays();
  }
  return Outcome(violation_at_rest);
}

// What a watcher still holds when nothing expires late any more, it holds for ever.
void World::CheckWhatStays() {
  EventLoop& loop = fleet_.loop();
  const absl::Time end = loop.Now() + 2 * Watchers::SweepPatience();
  while (loop.Now() < end && fleet_.oracle().violation().empty()) {
    watchers_.CheckStates();
    loop.RunUntil(loop.Now() + kLookPeriod);
  }
}

// Returns what is wrong, now that nothing happens any more; empty if nothing is.
std::string World::CheckRest() {
  const std::string& violation = fleet_.oracle().violation();
  if (!violation.empty()) {
    return violation;
  }
  fleet_.CheckConverged();
  if (!fleet_.Settled()) {
    return absl::StrCat("without faults the fleet does not come to rest: ", violation, "\n  ", fleet_.Describe());
  }
  if (violation.empty() && !watchers_.CaughtUp()) {
    return "without faults a watcher is not told all that there is";
  }
  return violation;
}

World::Result World::Outcome(const std::string& violation_at_rest) {
  const Oracle& oracle = fleet_.oracle();
  Result result;
  result.violation = violation_at_rest.empty() ? oracle.violation() : violation_at_rest;
  result.trace = fleet_.TakeTrace();
  result.lived = fleet_.loop().Now() - EventLoop::Start();
  result.acknowledged = oracle.acknowledged();
  result.faults = faults_.count();
  result.restamped = oracle.restamped();
  result.lost = oracle.lost();
  result.refused = clients_.refused();
  result.read_elsewhere = clients_.read_elsewhere();
  result.moved = watchers_.moved();
  result.resumed = watchers_.resumed();
  result.events = watchers_.events();
  for (const auto& replica : fleet_.replicas()) {
    result.rebuilds += replica->rebuilds();
    result.collected += replica->collected();
    result.reindexed += replica->reindexed();
    result.late += replica->late();
  }
  return result;
}

void World::Repeat(absl::Duration period, std::function<void()> what) {
  fleet_.loop().After(dice_.Between(absl::ZeroDuration(), 2 * period), [this, period, what = std::move(what)] {
    if (trouble_) {
      what();
      Repeat(period, what);
    }
  });
}

}  // namespace dunlin
