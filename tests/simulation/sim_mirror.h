#ifndef DUNLIN_TESTS_SIMULATION_SIM_MIRROR_H_
#define DUNLIN_TESTS_SIMULATION_SIM_MIRROR_H_

#include <deque>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "storage/change.h"
#include "storage/hybrid_clock.h"
#include "storage/store.h"
#include "sync/checkpoints.h"
#include "sync/conditional_writer.h"
#include "sync/early_writes.h"
#include "sync/mirror.h"
#include "sync/mirror_acks.h"
#include "sync/outbound.h"
#include "tests/simulation/sim_committer.h"
#include "tests/simulation/sim_thread.h"

namespace dunlin {

// SimMirror stands for the mirror's thread (sync/mirror_thread.h): it drives the real Outbound and MirrorAcks.
//
// Thread-safety: one thread.
class SimMirror final : public SimThread {
 public:
  // All must outlive this object, but for `on_epoch_refused`.
  struct Parts {
    const Store* store = nullptr;
    SimCommitter* committer = nullptr;
    HybridClock* clock = nullptr;
    std::function<bool()> is_live;
    std::function<void()> on_epoch_refused;
    std::function<void()> on_look_wanted;
  };

  SimMirror(const SimEnvironment& environment, const Mirror::Options& options, Parts parts);

  void WriteIf(ConditionalWriter::Request request);
  void WaitMirrored(std::vector<OutboxItem> writes, absl::Time deadline, StatusCallback done);

  // As MirrorThread's.
  void OnChanges(absl::Span<const ChangePtr> changes);
  void OnWritten(absl::Span<const ChangePtr> changes, uint64_t after_revision);
  // The store has entered an epoch.
  void OnEpochEntered();
  // As MirrorThread's.
  void OnConfirmed(const DeliveredMark& asked);

  const Outbound& machine() const { return outbound_; }
  DeliveredMark delivered() const { return outbound_.delivered(); }
  // How many batches have come to Redis too late.
  uint64_t late() const { return late_; }

 private:
  void Turn() override;

  // One for each action; each returns whether the loop goes on at once.
  bool Do(Mirror::Action& action);
  bool Do(const Mirror::Wait& wait);
  bool Do(const Mirror::Connect& connect);
  bool Do(const Mirror::ReadOutbox& read);
  bool Do(const Mirror::Send& send);
  bool Do(const Mirror::Receive& receive);
  bool Do(const Mirror::FindMissing& find);
  bool Do(Mirror::Restamp& restamp);
  bool Do(Mirror::StoreWinners& store);
  bool Do(Mirror::Advance& advance);
  bool Do(const Outbound::Probe& probe);
  bool Do(const Outbound::ReadStored& read);
  bool Do(const Outbound::Judge& judge);
  bool Do(Outbound::Finish& finish);

  void MaybeReceive();
  void PassEpochDoubt();

  const Parts parts_;
  Outbound outbound_;
  MirrorAcks acks_;
  EarlyWrites early_;
  absl::optional<absl::Status> winners_stored_;
  absl::optional<absl::StatusOr<size_t>> restamped_;
  // Answers to batches that have come and not been received, of the present connection.
  std::deque<absl::StatusOr<MirrorReply>> replies_;
  uint64_t connections_ = 0;
  uint64_t late_ = 0;
  bool receiving_ = false;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_SIM_MIRROR_H_
