#include "tests/chaos/chaos_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/mutex.h"
#include "tests/support/eventually.h"

namespace dunlin::chaos {
namespace {

// How often processes are looked at, and conditions while they are waited for.
constexpr absl::Duration kLookPeriod = absl::Milliseconds(250);
constexpr absl::Duration kPollPeriod = absl::Milliseconds(20);

// Watches that go from replica to replica, and how long the quickest of them stays at each.
constexpr size_t kRoamers = 2;
constexpr absl::Duration kRoamerStay = absl::Milliseconds(1500);

// Lets a moment pass.
void Rest(absl::Duration duration) {
  Mutex mutex;
  CondVar never;
  MutexLock lock(&mutex);
  never.WaitWithTimeout(&mutex, duration);
}

}  // namespace

ChaosRun::ChaosRun(const Options& options)
    : options_(options),
      started_at_(absl::Now()),
      world_({options.replicas, options.small_disk}),
      schedule_(ScheduleOptions()) {
  Writers::Options writers;
  for (size_t i = 0; i < world_.size(); ++i) {
    writers.addresses.push_back(world_.replica(i).address());
    watches_.push_back(std::make_unique<ReplicaWatch>(std::vector<std::string>{world_.replica(i).address()}));
  }
  for (size_t i = 0; i < kRoamers; ++i) {
    roamers_.push_back(std::make_unique<ReplicaWatch>(writers.addresses, kRoamerStay * (i + 1)));
  }
  writers.operations_per_second = options_.operations_per_second;
  writers.seed = options_.seed;
  writers_ = std::make_unique<Writers>(writers, &history_);
}

Schedule::Options ChaosRun::ScheduleOptions() {
  Schedule::Options schedule;
  schedule.seed = options_.seed;
  schedule.replicas = options_.replicas;
  schedule.overlap = options_.cycles == 0;
  for (size_t i = 0; i < kFaultKinds; ++i) {
    const auto kind = static_cast<FaultKind>(i);
    std::string reason = WhyNotPossible(kind);
    const std::vector<FaultKind>& only = options_.only;
    if (!only.empty() && std::find(only.begin(), only.end(), kind) == only.end()) {
      reason = "not asked for";
    }
    if (!reason.empty()) {
      schedule.excluded.push_back(kind);
      result_.left_out[std::string(NameOf(kind))] = std::move(reason);
    }
  }
  return schedule;
}

RunResult ChaosRun::Run() {
  while (!IsOver()) {
    RunRound(schedule_.Next());
    ++result_.rounds;
  }
  if (!result_.violations.empty()) {
    for (size_t i = 0; i < world_.size(); ++i) {
      options_.report(
          absl::StrCat("---- end of the log of ", world_.replica(i).name(), "\n", world_.replica(i).LogTail()));
    }
  }
  Count();
  return result_;
}

bool ChaosRun::IsOver() const {
  if (!result_.violations.empty() || interrupted()) {
    return true;
  }
  return options_.cycles > 0 ? result_.rounds >= options_.cycles * (kFaultKinds - result_.left_out.size())
                             : absl::Now() - started_at_ >= options_.duration;
}

void ChaosRun::RunRound(const Round& round) {
  writers_->Resume();
  if (!Hold(round.before)) {
    return;
  }
  std::vector<std::unique_ptr<Fault>> faults;
  for (const PlannedFault& planned : round.faults) {
    faults.push_back(MakeFault(planned, &world_, &history_));
    Note(faults.back()->Begin());
    ++result_.faults[std::string(NameOf(planned.kind))];
  }
  Hold(round.during);
  for (const std::unique_ptr<Fault>& fault : faults) {
    Note(fault->End());
  }
  const absl::Time ended_at = absl::Now();
  Hold(round.after);
  writers_->Pause();
  if (interrupted()) {
    return;
  }
  Converge(round, ended_at);
  CheckEverything();
  if (!world_.redis().Mend()) {
    Violate("set-up: the two Redis and their sentinels do not come together again");
  }
}

// ---- Waiting ----

bool ChaosRun::Hold(absl::Duration duration) {
  const absl::Time end = absl::Now() + duration;
  while (absl::Now() < end && !interrupted()) {
    LookAtProcesses();
    Rest(std::min(kPollPeriod, end - absl::Now()));
  }
  return !interrupted();
}

std::string ChaosRun::Await(const std::function<std::string()>& why_not, absl::Duration patience) {
  std::string reason;
  Eventually(
      [&] {
        LookAtProcesses();
        reason = why_not();
        return reason.empty() || interrupted();
      },
      patience, kPollPeriod);
  return interrupted() ? "" : reason;
}

void ChaosRun::LookAtProcesses() {
  if (absl::Now() < looked_at_ + kLookPeriod) {
    return;
  }
  looked_at_ = absl::Now();
  if (interrupted()) {
    // The same signal may have ended them.
    return;
  }
  Note(world_.CheckAlive());
  const size_t resident = world_.LargestResidentBytes();
  if (resident > options_.resident_max_bytes && result_.resident_max_bytes <= options_.resident_max_bytes) {
    Violate(absl::StrCat("a replica takes ", resident, " bytes of memory, more than ", options_.resident_max_bytes));
  }
  result_.resident_max_bytes = std::max(result_.resident_max_bytes, resident);
}

void ChaosRun::Note(const absl::Status& status) {
  if (!status.ok()) {
    Violate(std::string(status.message()));
  }
}

void ChaosRun::Count() {
  result_.seed = options_.seed;
  result_.replicas = world_.size();
  result_.duration = absl::Now() - started_at_;
  result_.operations = writers_->operations();
  result_.operations_per_second = writers_->AchievedRate();
  for (const WriteKind kind : kWriteKinds) {
    result_.acknowledged[std::string(NameOf(kind))] = history_.acknowledged(kind);
  }
  result_.uncertain = history_.uncertain();
  result_.refused = history_.refused();
  for (const std::unique_ptr<ReplicaWatch>& watch : watches_) {
    result_.watch_events += watch->events();
    result_.watch_resumes += watch->resumes();
    result_.watch_resets += watch->resets();
  }
  for (const std::unique_ptr<ReplicaWatch>& roamer : roamers_) {
    result_.roamer_events += roamer->events();
    result_.roamer_moves += roamer->resumes();
    result_.roamer_resets += roamer->resets();
  }
  result_.interrupted = interrupted();
}

}  // namespace dunlin::chaos
