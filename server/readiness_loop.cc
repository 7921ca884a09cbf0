#include "server/readiness_loop.h"

#include <string>
#include <utility>

#include "storage/this_thread.h"

namespace dunlin {
namespace {

// Short enough that nobody waits for a replica that is ready, or calls one for long that is not; a look costs two short
// locks.
constexpr absl::Duration kPeriodUntilServing = absl::Milliseconds(5);
constexpr absl::Duration kPeriod = absl::Milliseconds(20);

ReadinessFacts FactsOf(const ReplicaParts& parts, bool draining) {
  ReadinessFacts facts;
  facts.draining = draining;
  facts.standalone = parts.replicator == nullptr;
  facts.store_failure = std::string(parts.store->failure().message());
  const StoreState state = parts.store->state();
  // In a fleet, what a store holds may be half a first snapshot; before it has ever been in one, all there is is its
  // own.
  facts.holds_data = state.epoch != 0 ? state.complete_unix_ms != 0 : state.entries + state.tombstones > 0;
  if (parts.replicator != nullptr) {
    const Follower::Status follower = parts.replicator->status().follower;
    facts.barrier_generation = follower.generation;
    facts.redis_reachable = follower.state != Follower::State::kOffline;
  }
  return facts;
}

}  // namespace

ReadinessLoop::ReadinessLoop(absl::Duration patience, const ReplicaParts& parts, ServingGate* gate, RpcServer* server,
                             Logger* logger)
    : parts_(parts), gate_(gate), server_(server), logger_(logger), readiness_(patience, steady_.Now()) {
  thread_ = std::thread([this] { Run(); });
}

ReadinessLoop::~ReadinessLoop() { Drain(); }

void ReadinessLoop::Drain() {
  {
    MutexLock lock(&mutex_);
    if (draining_) {
      return;
    }
    draining_ = true;
    changed_.SignalAll();
  }
  thread_.join();
  Update(/*draining=*/true);
}

void ReadinessLoop::Run() {
  NameThisThread("readiness");
  while (true) {
    Update(/*draining=*/false);
    MutexLock lock(&mutex_);
    if (!draining_) {
      changed_.WaitWithTimeout(&mutex_, verdict_.serving ? kPeriod : kPeriodUntilServing);
    }
    if (draining_) {
      return;
    }
  }
}

void ReadinessLoop::Update(bool draining) {
  const ReadinessFacts facts = FactsOf(parts_, draining);
  if (!facts.store_failure.empty() && !std::exchange(failure_logged_, true)) {
    logger_->Error("the store has failed", {{"error", facts.store_failure}});
  }
  const ReadinessVerdict verdict = readiness_.Update(facts, steady_.Now());
  if (verdict.serving == verdict_.serving && verdict.answering == verdict_.answering &&
      verdict.reason == verdict_.reason) {
    return;
  }
  verdict_ = verdict;
  // Whoever sees SERVING must find the gate open.
  if (verdict.answering) {
    gate_->Open(verdict.reason);
  } else {
    gate_->Close(verdict.reason);
  }
  server_->SetServing(verdict.serving);
  logger_->Info(verdict.serving ? "serving" : "not serving", {{"reason", verdict.reason}});
}

}  // namespace dunlin
