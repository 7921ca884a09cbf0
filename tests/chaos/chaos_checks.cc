// What ChaosRun (chaos_run.h) looks at after each round.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/chaos/chaos_run.h"

namespace dunlin::chaos {
namespace {

// How long a fleet that does not become equal in time is waited for, to tell late from never.
constexpr absl::Duration kConvergencePatience = absl::Seconds(40);
// A stream that was cut off comes back by gRPC's own waits between attempts to connect.
constexpr absl::Duration kWatchPatience = absl::Seconds(20);
// What takes longer is explained in the report, by so many looks.
constexpr absl::Duration kSlowConvergence = absl::Seconds(3);
constexpr size_t kReasonsTold = 20;
// More of the same would say no more.
constexpr size_t kViolationsMax = 20;

}  // namespace

void ChaosRun::Converge(const Round& round, absl::Time faults_ended_at) {
  std::vector<std::string> reasons;
  absl::Time described_at = faults_ended_at;
  const auto why_not_yet = [&] {
    std::string reason = world_.WhyNotConverged();
    if (!reason.empty() && absl::Now() - described_at > kSlowConvergence) {
      described_at = absl::Now();
      for (const std::string& line : world_.DescribeActivity()) {
        options_.report(absl::StrCat("    ", line));
      }
    }
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
  } else if (took > options_.convergence_max) {
    Violate(absl::StrCat("after ", Describe(round), " the fleet took ", absl::FormatDuration(took),
                         " to become equal; ", absl::FormatDuration(options_.convergence_max), " are allowed"));
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
  for (const std::unique_ptr<ReplicaWatch>& roamer : roamers_) {
    // All replicas hold the same, wherever it is.
    const auto compare_anew = [&] {
      const absl::StatusOr<Holdings> now = world_.ReadReplica(0);
      return now.ok() ? roamer->Compare(*now) : now.status().ToString();
    };
    if (const std::string differs = Await(compare_anew, kWatchPatience); !differs.empty()) {
      Violate(absl::StrCat("a roaming watch does not end in the state of all: ", differs));
    }
    if (!roamer->violation().empty()) {
      Violate(absl::StrCat("a roaming watch: ", roamer->violation()));
    }
  }
}

}  // namespace dunlin::chaos
