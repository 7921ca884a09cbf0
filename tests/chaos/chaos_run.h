#ifndef DUNLIN_TESTS_CHAOS_CHAOS_RUN_H_
#define DUNLIN_TESTS_CHAOS_CHAOS_RUN_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/chaos/faults.h"
#include "tests/chaos/history.h"
#include "tests/chaos/replica_watch.h"
#include "tests/chaos/run_result.h"
#include "tests/chaos/schedule.h"
#include "tests/chaos/world.h"
#include "tests/chaos/writers.h"

namespace dunlin::chaos {

// How long the fleet may take, once nothing stands in its way any more, until all digests are equal.
inline constexpr absl::Duration kConvergenceMax = absl::Seconds(10);

// ChaosRun lets faults befall a fleet under load, round by round, and checks after each that nothing was lost: writing
// pauses, the fleet has to become equal in time, and everything is compared with what clients were told. It ends with
// the first round that shows a violation.
//
// Thread-safety: one thread uses a ChaosRun, and lasts for as long: the processes are tied to it.
class ChaosRun {
 public:
  struct Options {
    uint64_t seed = 1;
    size_t replicas = 3;
    double operations_per_second = 400;
    // It ends after so many cycles of all kinds of faults or, if that is 0, after this time.
    uint64_t cycles = 0;
    absl::Duration duration = absl::Minutes(1);
    // The kinds of faults to make; empty: all.
    std::vector<FaultKind> only = {};
    // See World::Options.
    bool small_disk = false;
    // A fleet that is slower than this, or a replica that takes more memory, is a violation.
    absl::Duration convergence_max = kConvergenceMax;
    size_t resident_max_bytes = size_t{512} << 20;
    // Ends the run soon when it turns true; null: nobody does that.
    const std::atomic<bool>* interrupted = nullptr;
    // Told of each round in one line.
    std::function<void(const std::string&)> report = [](const std::string&) {};
  };

  // Starts the fleet.
  explicit ChaosRun(const Options& options);
  ChaosRun(const ChaosRun&) = delete;
  ChaosRun& operator=(const ChaosRun&) = delete;

  RunResult Run();

 private:
  bool IsOver() const;
  void RunRound(const Round& round);
  // Lets time pass, watching over the processes. Returns false when the run is to end.
  bool Hold(absl::Duration duration);
  // Waits until `why_not` returns "", for `patience`. Returns what it returned last.
  std::string Await(const std::function<std::string()>& why_not, absl::Duration patience);
  void LookAtProcesses();

  void Converge(const Round& round, absl::Time faults_ended_at);
  void ReportSome(const std::vector<std::string>& lines) const;
  // Reads what everybody holds, at a moment when nothing changes. Returns false when there is none.
  bool ReadEverything(Holdings* redis, std::vector<Holdings>* replicas);
  void CheckEverything();
  void CheckWatches(const std::vector<Holdings>& replicas);
  // Notes a violation unless `status` is OK.
  void Note(const absl::Status& status);
  void Violate(const std::string& what) { result_.violations.push_back(what); }
  bool interrupted() const { return options_.interrupted != nullptr && *options_.interrupted; }
  Schedule::Options ScheduleOptions();
  void Count();

  const Options options_;
  const absl::Time started_at_;
  RunResult result_;
  History history_;
  World world_;
  Schedule schedule_;
  // One for each replica; and those that go from one to the next.
  std::vector<std::unique_ptr<ReplicaWatch>> watches_;
  std::vector<std::unique_ptr<ReplicaWatch>> roamers_;
  std::unique_ptr<Writers> writers_;
  absl::Time looked_at_;
};

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_CHAOS_RUN_H_
