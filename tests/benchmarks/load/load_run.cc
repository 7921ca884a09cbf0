#include "tests/benchmarks/load/load_run.h"

#include <time.h>

#include <algorithm>
#include <optional>

#include "absl/time/clock.h"
#include "tests/support/process_usage.h"

namespace dunlin::bench {
namespace {

absl::Duration CpuOf(const std::vector<pid_t>& servers) {
  absl::Duration sum;
  for (const pid_t pid : servers) {
    sum += ProcessorTime(pid);
  }
  return sum;
}

absl::Duration CpuOfThisThread() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return absl::DurationFromTimespec(now);
}

// Run is one run of a plan.
class Run {
 public:
  Run(const LoadPlan& plan, const std::vector<pid_t>& servers, LoadTarget* target)
      : plan_(plan),
        servers_(servers),
        target_(*target),
        interval_(plan.rate > 0 ? absl::Seconds(1 / plan.rate) : absl::ZeroDuration()),
        began_at_(plan.outstanding) {}

  LoadResult Go() {
    for (size_t slot = 0; slot < plan_.outstanding; ++slot) {
      free_.push_back(slot);
    }
    const absl::Time start = absl::Now();
    next_due_ = start;
    RunUntil(start + plan_.warm_up);
    result_ = LoadResult();
    const absl::Duration server_before = CpuOf(servers_);
    const absl::Duration client_before = CpuOfThisThread();
    const absl::Time counted_from = absl::Now();
    RunUntil(counted_from + plan_.duration);
    result_.elapsed = absl::Now() - counted_from;
    result_.server_cpu = CpuOf(servers_) - server_before;
    result_.client_cpu = CpuOfThisThread() - client_before;
    LoadResult result = result_;
    while (free_.size() < plan_.outstanding) {
      TakeOne(absl::InfiniteFuture());
    }
    return result;
  }

 private:
  void RunUntil(absl::Time end) {
    for (absl::Time now = absl::Now(); now < end; now = absl::Now()) {
      StartWhatIsDue(now);
      const bool waits_for_time = plan_.rate > 0 && !free_.empty();
      TakeOne(waits_for_time ? std::min(end, next_due_) : end);
    }
  }

  void StartWhatIsDue(absl::Time now) {
    while (!free_.empty() && (plan_.rate == 0 || next_due_ <= now)) {
      const size_t slot = free_.back();
      free_.pop_back();
      began_at_[slot] = plan_.rate == 0 ? absl::Now() : next_due_;
      next_due_ += interval_;
      target_.Start(slot);
    }
  }

  void TakeOne(absl::Time deadline) {
    const std::optional<LoadTarget::Ended> ended = target_.Next(deadline);
    if (!ended.has_value()) {
      return;
    }
    result_.latency.Add(absl::Now() - began_at_[ended->slot]);
    ++result_.calls;
    result_.failed += ended->ok ? 0 : 1;
    free_.push_back(ended->slot);
  }

  const LoadPlan plan_;
  const std::vector<pid_t> servers_;
  LoadTarget& target_;
  const absl::Duration interval_;
  std::vector<absl::Time> began_at_;
  std::vector<size_t> free_;
  absl::Time next_due_;
  LoadResult result_;
};

}  // namespace

double LoadResult::CallsPerSecond() const { return static_cast<double>(calls) / absl::ToDoubleSeconds(elapsed); }

double LoadResult::ServerCpuMicroseconds() const {
  return absl::ToDoubleMicroseconds(server_cpu) / static_cast<double>(std::max<uint64_t>(calls, 1));
}

LoadResult RunLoad(const LoadPlan& plan, const std::vector<pid_t>& servers, LoadTarget* target) {
  return Run(plan, servers, target).Go();
}

}  // namespace dunlin::bench
