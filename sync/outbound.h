#ifndef DUNLIN_SYNC_OUTBOUND_H_
#define DUNLIN_SYNC_OUTBOUND_H_

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "storage/hybrid_clock.h"
#include "storage/store.h"
#include "sync/checkpoints.h"
#include "sync/conditional_writer.h"
#include "sync/mirror.h"
#include "sync/relay_types.h"

namespace dunlin {

// Outbound decides what goes to Redis over the one connection that writes: batches of the outbox (Mirror) and writes
// that Redis is to judge (ConditionalWriter). The two take turns, so that a stream of either does not keep the other
// waiting.
//
// It is a deterministic state machine, driven like Follower (follower.h). MirrorThread drives it with Redis.
//
// Thread-safety: one thread at a time.
class Outbound {
 public:
  // ---- What to do, beside the mirror's actions ----

  // Ask Redis for something that changes nothing; tell the outcome by OnProbed(). A connection that broke while it was
  // idle shows only at the next call: better at this one, which leaves nothing in doubt.
  struct Probe {};
  // Read what the store has under `key`; tell it by OnStored().
  struct ReadStored {
    std::string key;
  };
  // Put the write of request `id` to Redis; tell the outcome by OnJudged(). If its caller has been told meanwhile that
  // nothing was changed, say OnGivenUp() in its place.
  struct Judge {
    ConditionalWrite write;
    uint64_t id = 0;
  };
  // Tell a caller; if there is no error, only once the record is in the store.
  struct Finish {
    ConditionalWriter::Outcome outcome;
  };
  using Action = std::variant<Mirror::Action, Probe, ReadStored, Judge, Finish>;

  // `clock` must outlive this object.
  Outbound(const Mirror::Options& options, HybridClock* clock)
      : mirror_(options), conditional_(options.store_id, clock, options.tombstone_horizon) {}

  Action Next(absl::Time now);

  // ---- What happened ----

  // A caller's write with a precondition.
  void Add(ConditionalWriter::Request request) { conditional_.Add(std::move(request)); }

  void OnConnected(absl::Time now) { mirror_.OnConnected(now); }
  // A call for the mirror failed.
  void OnRelayError(const absl::Status& error, absl::Time now) { mirror_.OnRelayError(error, now); }
  void OnOutboxPage(ChangePage page) { mirror_.OnOutboxPage(std::move(page)); }
  void OnSent() { mirror_.OnSent(); }
  void OnReply(MirrorReply reply, absl::Time now);
  void OnMissing(const MissingReply& reply, absl::Time now);
  void OnRestamped(const absl::StatusOr<size_t>& restamped, absl::Time now) { mirror_.OnRestamped(restamped, now); }
  void OnWinnersStored(const absl::Status& status, absl::Time now) { mirror_.OnWinnersStored(status, now); }
  void OnProbed(const absl::Status& status, absl::Time now);
  void OnStored(const absl::StatusOr<std::string>& record);
  // In place of the judgement: nobody waits for it any more, and Redis has not been asked.
  void OnGivenUp();
  // `connected`: whether the connection survived the call.
  void OnJudged(const absl::StatusOr<ConditionalReply>& reply, bool connected, absl::Time now);

  void OnConfirmed(const DeliveredMark& asked) { mirror_.OnConfirmed(asked.epoch, asked.connection); }
  void OnCommitted() { mirror_.OnCommitted(); }
  void UpdateAllowance(bool barrier_open, const StoreState& state, absl::Time fleet_now) {
    mirror_.UpdateAllowance(barrier_open, state, fleet_now);
  }
  void OnEpoch(uint64_t epoch, uint64_t mirrored_revision, bool refill, absl::Time now) {
    mirror_.OnEpoch(epoch, mirrored_revision, refill, now);
  }

  // ---- How it stands ----

  uint64_t mirrored_revision() const { return mirror_.mirrored_revision(); }
  DeliveredMark delivered() const { return {mirror_.epoch(), mirror_.delivered_revision(), mirror_.connection()}; }
  // Why what is in the outbox does not get to Redis.
  const absl::Status& error() const { return mirror_.error(); }
  // Whether request `id` is to be put to Redis, and Redis surely has not got it.
  bool AwaitsJudgement(uint64_t id) const {
    return !conditional_.empty() && conditional_.id() == id && !conditional_.in_doubt();
  }
  // Whether Redis has refused something because of its epoch since the last call: the follower should look.
  bool TakeEpochRefused() { return std::exchange(epoch_refused_, false); }
  // Turns every waiting write down: nobody is left to judge them.
  std::vector<ConditionalWriter::Outcome> TurnDownAll();

 private:
  // Where the judgement of the first conditional write stands.
  enum class Step { kNone, kProbed, kRead };

  void TurnDownLate(absl::Time now);
  void Finished(std::vector<ConditionalWriter::Outcome> outcomes);
  // The next step of a judgement, if it is its turn.
  absl::optional<Action> NextStep();
  void EndTurn();

  Mirror mirror_;
  ConditionalWriter conditional_;

  Step step_ = Step::kNone;
  // What the store has under the key, once read.
  std::string stored_record_;
  // A conditional write was judged: before the next, the outbox may send a batch.
  bool outbox_has_turn_ = false;
  bool epoch_refused_ = false;
  // Decided, and to be told.
  std::deque<ConditionalWriter::Outcome> finished_;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_OUTBOUND_H_
