#ifndef DUNLIN_SYNC_MIRROR_THREAD_H_
#define DUNLIN_SYNC_MIRROR_THREAD_H_

#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "storage/change_feed.h"
#include "storage/clock.h"
#include "storage/committer.h"
#include "storage/hybrid_clock.h"
#include "storage/logger.h"
#include "storage/mutex.h"
#include "storage/store.h"
#include "sync/checkpoints.h"
#include "sync/conditional_callers.h"
#include "sync/conditional_writer.h"
#include "sync/early_writes.h"
#include "sync/mirror.h"
#include "sync/mirror_acks.h"
#include "sync/outbound.h"
#include "sync/relay.h"
#include "sync/snapshot_barrier.h"
#include "sync/wake_flag.h"

namespace dunlin {

// MirrorThread drives an Outbound over one Relay: what is in the outbox, and between two batches the writes that Redis
// is to judge. What comes of it it tells those who wait: MirrorAcks and ConditionalCallers. A call to Redis may take
// long; who is late meanwhile is answered by another thread (DeadlineThread).
//
// Thread-safety: one thread, the owner's, calls Start() and Stop(); all else is safe for concurrent use.
class MirrorThread final : public ChangeFeed::Listener, public ChangeFeed::EarlyListener {
 public:
  // All must outlive this object.
  struct Parts {
    Relay* relay = nullptr;
    Store* store = nullptr;
    Committer* committer = nullptr;
    ChangeFeed* feed = nullptr;
    HybridClock* clock = nullptr;
    MirrorAcks* acks = nullptr;
    ConditionalCallers* callers = nullptr;
    Logger* logger = nullptr;
    // Open while this replica has everything.
    const SnapshotBarrier* barrier = nullptr;
    // Called on this thread when Redis refused a batch because of its epoch.
    std::function<void()> on_epoch_refused;
    // Called on this thread when what Redis is should be looked at soon: the mirror has been connected anew, or knows
    // for the first time what has been delivered.
    std::function<void()> on_look_wanted;
  };

  MirrorThread(const Mirror::Options& options, Parts parts);
  // Stops.
  ~MirrorThread() override;
  MirrorThread(const MirrorThread&) = delete;
  MirrorThread& operator=(const MirrorThread&) = delete;

  // REQUIRES: neither Start() nor Stop() has been called.
  void Start();

  // Ends the thread, answers every waiting request, and waits until the store has answered. Stopping again does
  // nothing.
  void Stop();

  // Why what is in the outbox does not get to Redis; OK when nothing is in the way.
  absl::Status error() const ABSL_LOCKS_EXCLUDED(mutex_);

  // What of the store's own writes Redis has.
  DeliveredMark delivered() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Has Redis judge a write; see ConditionalWriter. `request.id` and `request.after_revision` are filled in here. What
  // is refused at once, because too much waits or the quota is reached, is answered within the call.
  void WriteIf(ConditionalWriter::Request request) ABSL_LOCKS_EXCLUDED(mutex_);

  // The store has entered an epoch.
  void OnEpochEntered() ABSL_LOCKS_EXCLUDED(mutex_);

  // Redis is in the life of the data that the store is in, as of after delivered() was `asked`.
  void OnConfirmed(const DeliveredMark& asked) ABSL_LOCKS_EXCLUDED(mutex_);

  // The barrier has opened.
  void Wake() { wake_.Wake(); }

  // Something was committed; was written, and is being synced.
  void OnChanges(absl::Span<const ChangePtr> changes) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnWritten(absl::Span<const ChangePtr> changes, uint64_t after_revision) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run();
  void TakeInputs() ABSL_LOCKS_EXCLUDED(mutex_);
  void TakeRestamped(const absl::StatusOr<size_t>& restamped);
  void TakeWinnersStored(const absl::StatusOr<ApplyResult>& stored);
  absl::StatusOr<ChangePage> Read(const Mirror::ReadOutbox& read) ABSL_LOCKS_EXCLUDED(mutex_);
  void PublishState() ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes the request's caller in, if it can be served.
  absl::StatusOr<uint64_t> Admit(ConditionalWriter::Request* request);
  void Finish(ConditionalWriter::Outcome outcome) ABSL_LOCKS_EXCLUDED(mutex_);
  void Failed(const absl::Status& error);

  // One for each action of the Outbound, and of the Mirror in it.
  void Do(Mirror::Action& action);
  void Do(const Mirror::Wait& wait);
  void Do(const Mirror::Connect& connect);
  void Do(const Mirror::ReadOutbox& read);
  void Do(const Mirror::Send& send);
  void Do(const Mirror::Receive& receive);
  void Do(const Mirror::FindMissing& find);
  void Do(Mirror::Restamp& restamp);
  void Do(Mirror::StoreWinners& store);
  void Do(Mirror::Advance& advance);
  void Do(const Outbound::Probe& probe);
  void Do(const Outbound::ReadStored& read);
  void Do(const Outbound::Judge& judge);
  void Do(Outbound::Finish& finish);

  const Parts parts_;
  const SteadyClock steady_;
  WakeFlag wake_;

  // Used by the thread alone.
  Outbound outbound_;

  mutable Mutex mutex_;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  DeliveredMark delivered_ ABSL_GUARDED_BY(mutex_);
  // The store's answer about winners.
  absl::optional<absl::StatusOr<ApplyResult>> winners_stored_ ABSL_GUARDED_BY(mutex_);
  // Its answer about a restamping.
  absl::optional<absl::StatusOr<size_t>> restamped_ ABSL_GUARDED_BY(mutex_);
  absl::optional<DeliveredMark> confirmed_ ABSL_GUARDED_BY(mutex_);
  // The last connection of which it was.
  uint64_t confirmed_connection_ ABSL_GUARDED_BY(mutex_) = 0;
  bool committed_ ABSL_GUARDED_BY(mutex_) = true;
  EarlyWrites early_ ABSL_GUARDED_BY(mutex_);
  // Until when the thread is not woken for what others wrote.
  absl::Time rests_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool epoch_entered_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<ConditionalWriter::Request> requests_ ABSL_GUARDED_BY(mutex_);
  // Calls to the committer that have not been answered.
  int outstanding_ ABSL_GUARDED_BY(mutex_) = 0;
  CondVar all_answered_;

  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_MIRROR_THREAD_H_
