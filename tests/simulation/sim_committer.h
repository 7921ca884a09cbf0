#ifndef DUNLIN_TESTS_SIMULATION_SIM_COMMITTER_H_
#define DUNLIN_TESTS_SIMULATION_SIM_COMMITTER_H_

#include <functional>
#include <utility>

#include "absl/time/time.h"
#include "storage/group_committer.h"
#include "storage/limits.h"
#include "storage/operation.h"
#include "storage/store.h"
#include "tests/simulation/sim_thread.h"

namespace dunlin {

// SimCommitter stands for the committer's thread: what is given to it waits for a while and is then committed together.
// What is committed survives a crash, whatever waits does not.
//
// Thread-safety: one thread.
class SimCommitter final : public SimThread {
 public:
  struct Options {
    // How long a commit takes.
    absl::Duration disk_min;
    absl::Duration disk_max;
    // Called after each commit, before anybody is answered; false answers nobody.
    std::function<bool(const StoreState& state)> on_commit;
  };

  // `store` and `engine` must outlive this object.
  SimCommitter(const SimEnvironment& environment, Options options, const Store* store, GroupCommitter* engine)
      : SimThread(environment), options_(std::move(options)), store_(store), engine_(engine) {}

  void Start() {
    Later(kSweepPeriod, [this] { RunDue(); });
  }

  void Enqueue(Operation operation) {
    queue_.push_back(std::move(operation));
    if (!std::exchange(committing_, true)) {
      Later(dice().Between(options_.disk_min, options_.disk_max), [this] { Turn(); });
    }
  }

 private:
  void Turn() override {
    OperationGroup group = std::exchange(queue_, {});
    committing_ = false;
    engine_->Commit(&group);
    if (!options_.on_commit(store_->state())) {
      return;
    }
    for (Operation& operation : group) {
      TellResult(&operation);
    }
  }

  void RunDue() {
    engine_->RunDue();
    options_.on_commit(store_->state());
    Later(kSweepPeriod, [this] { RunDue(); });
  }

  const Options options_;
  const Store* const store_;
  GroupCommitter* const engine_;
  OperationGroup queue_;
  bool committing_ = false;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_SIM_COMMITTER_H_
