#ifndef DUNLIN_SYNC_FOLLOWER_H_
#define DUNLIN_SYNC_FOLLOWER_H_

#include <cstdint>
#include <random>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "storage/write.h"
#include "sync/relay_types.h"
#include "sync/retry.h"

namespace dunlin {

// Follower decides how a replica takes in what others write: connect, look where Redis stands, catch up, open the
// barrier, apply events, notice gaps and new epochs, and start over.
//
//   offline -> subscribing -> catching up -> live
//      ^------------^---------------^---------'
//
// It is a deterministic state machine: it has no thread, socket or clock, and the same inputs give the same actions.
// Its driver tells it what happened (On...), asks what to do (Next()), does that, and tells the outcome. FollowerThread
// drives it with Redis; the simulator drives it with a model.
//
// Why nothing is missed: each catch-up begins after the subscription was acknowledged, and ends with a page that Redis
// says was complete at sequence S. Everything up to S was in the pages; everything after S is published to a
// subscription that exists. Events at or below S are skipped, the next must be S + 1, and any other sequence is a gap,
// which is answered by another catch-up.
//
// Invariants:
//  (1) accepted_ is the sequence up to which every change of the epoch has been handed to Apply, in order.
//  (2) Events are taken only while live.
//  (3) At most one Apply, and at most one call to Redis, is under way.
//
// Thread-safety: one thread at a time.
class Follower {
 public:
  struct Options {
    // What the store remembers of its last life.
    uint64_t epoch = 0;
    uint64_t applied_sequence = 0;
    uint64_t fleet_id = 0;
    uint64_t primary = 0;
    // Proposed epochs and waits are drawn from it.
    uint64_t seed = 0;
  };

  enum class State { kOffline, kSubscribing, kCatchingUp, kLive };

  // ---- What to do ----

  // Nothing, until something happens or `until`.
  struct Wait {
    absl::Time until;
  };
  struct Connect {};
  struct ReadPosition {
    PositionProposal proposal;
  };
  struct ReadChanges {
    uint64_t after = 0;
    size_t items_max = 0;
    size_t size_max_bytes = 0;
  };
  struct StartEpoch {
    EpochProposal proposal;
  };
  // Make the store enter an epoch; tell the outcome by OnEpochEntered().
  struct EnterEpoch {
    EpochChange change;
  };
  // Hand a batch to the store; tell the outcome by OnApplied(), now or later.
  struct Apply {
    RemoteBatch batch;
  };
  // Throw away the events that wait in the ring: what comes from Redis next is newer than all of them.
  struct DiscardEvents {};
  using Action = std::variant<Wait, Connect, ReadPosition, ReadChanges, StartEpoch, EnterEpoch, Apply, DiscardEvents>;

  Follower(const Options& options, absl::Time now);

  Action Next(absl::Time now);

  // ---- What happened ----

  void OnConnected(absl::Time now);
  // A call to Redis failed; `connected` tells whether the connection survived it.
  void OnRelayError(const absl::Status& error, bool connected, absl::Time now);
  // `events_waiting`: the ring holds events that have not been taken yet.
  void OnPosition(const RelayPosition& position, bool events_waiting, absl::Time now);
  void OnChanges(RelayChangePage page, absl::Time now);
  void OnEpochStarted(const EpochInForce& in_force);
  void OnEpochEntered(const absl::Status& status, absl::Time now);
  void OnApplied(const absl::StatusOr<ApplyResult>& result, absl::Time now);

  // Redis acknowledged a subscription; what was published before may have been missed.
  void OnSubscribed();
  // The subscription was lost, or another attempt to get one has failed.
  void OnSubscriptionLost(const absl::Status& error);
  // Somebody has seen Redis in another epoch than the store's.
  void OnEpochDoubt() { position_wanted_ = true; }
  // The ring was full and events were dropped.
  void OnOverflow();
  // REQUIRES: WantsEvent().
  void OnEvent(absl::string_view message, absl::Time now);

  // Whether the next event should be taken from the ring.
  bool WantsEvent() const;

  // ---- How it stands ----

  struct Status {
    State state = State::kOffline;
    // Why it is not live: OK while it is, and once nothing stands in the way any more.
    absl::Status error;
    uint64_t epoch = 0;
    uint64_t applied_sequence = 0;
    // The highest sequence that Redis is known to have given out.
    uint64_t redis_sequence = 0;
    // When the replica last knew itself to have everything.
    absl::Time up_to_date_at;
    uint64_t gaps_repaired = 0;
    uint64_t damaged_records = 0;
    // How often the barrier has opened.
    uint64_t generation = 0;
  };
  Status status() const;
  bool live() const { return live_; }

 private:
  enum class Cause { kReconnect, kGap, kReference };

  // Starts over reading what changed after accepted_.
  void CatchUp(Cause cause);
  // As CatchUp(), unless one is under way that will still read what came until now.
  void CatchUpAgain(Cause cause);
  void Close() { live_ = false; }
  void MaybeOpen();
  void NoteProgress(absl::Time now);

  // What a position that Redis told means; each returns whether it settled the matter.
  bool AwaitFounder(const RelayPosition& position, absl::Time now);
  bool RefuseForeignFleet(const RelayPosition& position, absl::Time now);
  bool NoticeNewEpoch(const RelayPosition& position);
  bool NoticeLostData(const RelayPosition& position);
  void NoticeLostEvent(const RelayPosition& position, bool events_waiting);

  void Accept(std::string key, std::string record);
  void FinishBatch(uint64_t sequence);
  Action TakeApply();
  PositionProposal Proposal(absl::Time now);
  uint64_t RandomNonZero();

  std::mt19937_64 random_;
  Retry retry_;

  // The store's place in Redis' history.
  uint64_t epoch_;
  uint64_t fleet_id_;
  uint64_t accepted_;
  uint64_t applied_;

  // The connections.
  bool connected_ = false;
  bool subscribed_ = false;
  // No call before then: the last one failed.
  absl::Time retry_at_ = absl::InfinitePast();
  // Why calls to Redis, or the store, have failed; why there is no subscription.
  absl::Status error_;
  absl::Status subscription_error_;
  // Redis answered a call with an error, and has not given a page of changes since.
  bool refused_ = false;
  // Redis holds another fleet's data.
  bool foreign_ = false;

  // The position: when to ask, and what the last answer said.
  bool position_wanted_ = true;
  absl::Time heartbeat_at_ = absl::InfinitePast();
  // The highest sequence of the epoch that Redis itself has told.
  uint64_t told_sequence_ = 0;
  // The highest sequence that Redis was known to have given out when it was asked: it may not fall short of that.
  uint64_t known_when_asked_ = 0;
  uint64_t redis_sequence_ = 0;
  uint64_t heartbeat_sequence_ = 0;
  // The primary under which the epoch was entered; 0 while none is known.
  uint64_t primary_;
  // When a store without a fleet may give an empty Redis its first position.
  absl::Time founding_at_ = absl::InfiniteFuture();
  absl::optional<EpochProposal> start_epoch_;
  absl::optional<EpochChange> enter_epoch_;
  bool entering_epoch_ = false;

  // The catch-up.
  bool catching_up_ = true;
  bool repairing_gap_ = false;
  bool overflowed_ = false;
  // The last page has been gathered: open once it is applied.
  bool caught_up_ = false;
  // Where the next page begins.
  uint64_t read_after_;
  // Too much for one transaction: apply page by page.
  bool chunked_ = false;

  // What waits for Apply, and what is under way.
  RemoteBatch pending_;
  size_t pending_bytes_ = 0;
  bool pending_ready_ = false;
  bool applying_ = false;
  uint64_t applying_sequence_ = 0;

  bool live_ = false;
  uint64_t generation_ = 0;
  uint64_t gaps_repaired_ = 0;
  uint64_t damaged_records_ = 0;
  absl::Time up_to_date_at_;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_FOLLOWER_H_
