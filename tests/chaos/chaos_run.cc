#include "tests/chaos/chaos_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "storage/mutex.h"
#include "tests/support/eventually.h"

namespace dunlin::chaos {
namespace {

// How often processes are looked at, and conditions while they are waited for.
constexpr absl::Duration kLookPeriod = absl::Milliseconds(250);
constexpr absl::Duration kPollPeriod = absl::Milliseconds(20);
// How long a fleet that does not become equal in time is waited for, to tell late from never.
constexpr absl::Duration kConvergencePatience = absl::Seconds(40);
// A stream that was cut off comes back by gRPC's own waits between attempts to connect.
constexpr absl::Duration kWatchPatience = absl::Seconds(20);
// What takes longer is explained in the report, by so many looks.
constexpr absl::Duration kSlowConvergence = absl::Seconds(3);
constexpr size_t kReasonsTold = 20;
// More of the same would say no more.
constexpr size_t kViolationsMax = 20;

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
    watches_.push_back(std::make_unique<ReplicaWatch>(world_.replica(i).address()));
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

// ---- Checking ----

void ChaosRun::Converge(const Round& round, absl::Time faults_ended_at) {
  std::vector<std::string> reasons;
  const auto why_not_yet = [&] {
    std::string reason = world_.WhyNotConverged();
    std::string line = absl::StrFormat("  %.1f s: %s", absl::ToDoubleSeconds(absl::Now() - faults_ended_at), reason);
    reasons.push_back(std::move(line));
    return reason;
  };
  const std::string why_not = Await(why_not_yet, kConvergencePatience);
  const absl::Duration took = absl::Now() - faults_ended_at;
  if (interrupted()) {
    return;
  }
  if (took > kSlowConvergence) {
    ReportSome(reasons);
  }
  options_.report(absl::StrFormat("round %d: %s, converged in %.2f s", result_.rounds + 1, Describe(round),
                                  absl::ToDoubleSeconds(took)));
  result_.convergences.push_back(took);
  for (const PlannedFault& fault : round.faults) {
    uint64_t& slowest = result_.slowest_convergence_ms[std::string(NameOf(fault.kind))];
    slowest = std::max(slowest, static_cast<uint64_t>(absl::ToInt64Milliseconds(took)));
  }
  if (!why_not.empty()) {
    Violate(absl::StrCat("after ", Describe(round), " the fleet does not become equal: ", why_not));
  } else if (took > kConvergenceMax) {
    Violate(absl::StrCat("after ", Describe(round), " the fleet took ", absl::FormatDuration(took),
                         " to become equal; ", absl::FormatDuration(kConvergenceMax), " are allowed"));
  }
}

// A few of many, from first to last.
void ChaosRun::ReportSome(const std::vector<std::string>& lines) const {
  const size_t step = std::max<size_t>(1, lines.size() / kReasonsTold);
  for (size_t i = 0; i < lines.size(); i += step) {
    options_.report(lines[i]);
  }
}

bool ChaosRun::ReadEverything(Holdings* redis, std::vector<Holdings>* replicas) {
  absl::Status status;
  const auto why_not = [&]() -> std::string {
    const std::string before = world_.position();
    replicas->clear();
    absl::StatusOr<Holdings> read = world_.ReadRedis();
    status = read.status();
    for (size_t i = 0; i < world_.size() && read.ok(); ++i) {
      absl::StatusOr<Holdings> replica = world_.ReadReplica(i);
      status.Update(replica.status());
      replicas->push_back(replica.ok() ? *std::move(replica) : Holdings());
    }
    if (!status.ok()) {
      return status.ToString();
    }
    *redis = *std::move(read);
    // Sentinels may have changed their mind since, and what is read then is another Redis, or half of each.
    const std::string reason = world_.WhyNotConverged();
    for (size_t i = 0; i < replicas->size(); ++i) {
      (*replicas)[i].digest = world_.digests()[i];
    }
    return reason.empty() && world_.position() != before ? "it has moved" : reason;
  };
  const std::string reason = Await(why_not, kConvergencePatience);
  if (!reason.empty()) {
    Violate(absl::StrCat("the fleet does not stay equal: ", reason));
  }
  return status.ok() && !interrupted();
}

void ChaosRun::CheckEverything() {
  Holdings redis;
  std::vector<Holdings> replicas;
  if (!ReadEverything(&redis, &replicas)) {
    return;
  }
  for (const std::string& wrong : CheckHoldings(history_, redis, replicas)) {
    if (result_.violations.size() < kViolationsMax) {
      Violate(wrong);
    }
  }
  CheckWatches(replicas);
}

void ChaosRun::CheckWatches(const std::vector<Holdings>& replicas) {
  for (size_t i = 0; i < watches_.size(); ++i) {
    const std::string& name = replicas[i].name;
    // What expires changes the replica's entries after they were read.
    const auto compare_anew = [&] {
      const absl::StatusOr<Holdings> now = world_.ReadReplica(i);
      return now.ok() ? watches_[i]->Compare(*now) : now.status().ToString();
    };
    const bool is_equal = watches_[i]->Compare(replicas[i]).empty();
    const std::string differs = is_equal ? "" : Await(compare_anew, kWatchPatience);
    if (!differs.empty()) {
      Violate(absl::StrCat("the watch of ", name, " does not end in its state: ", differs));
    }
    if (!watches_[i]->violation().empty()) {
      Violate(absl::StrCat("the watch of ", name, ": ", watches_[i]->violation()));
    }
  }
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
  result_.interrupted = interrupted();
}

}  // namespace dunlin::chaos
