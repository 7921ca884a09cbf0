#ifndef DUNLIN_SYNC_FOLLOWER_H_
#define DUNLIN_SYNC_FOLLOWER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "storage/key_set.h"
#include "storage/limits.h"
#include "storage/write.h"
#include "sync/follower_status.h"
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
// After an epoch change, and when a store comes back that holds data but no place in the epoch, it reconciles: it
// compares the versions of everything in Redis with the store's, and reads only the records that it needs. A store that
// has been away for longer than tombstones live rebuilds: what Redis then does not have, and has had, is deleted here.
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
    uint64_t complete_unix_ms = 0;
    // Who asks, for the lease.
    LeaseRequest lease;
    absl::Duration tombstone_horizon = kTombstoneHorizonDefault;
    // Proposed epochs and waits are drawn from it.
    uint64_t seed = 0;
  };

  // What the driver knows of this replica beside the follower, as of now.
  struct Local {
    // The ring holds events that have not been taken yet.
    bool events_waiting = false;
    // The store's latest revision; 0 is an empty store.
    uint64_t revision = 0;
    // Up to here its own writes have been in Redis.
    uint64_t sent_revision = 0;
  };

  using State = FollowerState;

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
  // The same, for the orders of the records.
  struct ReadOrders {
    uint64_t after = 0;
    size_t items_max = 0;
    size_t size_max_bytes = 0;
  };
  // Ask the store which of these it lacks (Store::FindOlder()); tell the outcome by OnCompared().
  struct Compare {
    std::vector<KeyAndOrder> items;
  };
  struct ReadRecords {
    std::vector<std::string> keys;
    size_t size_max_bytes = 0;
  };
  // Remove a page of old tombstones from Redis; tell the outcome by OnCollected() or
  // OnCollectRefused().
  struct Collect {
    CollectQuery query;
  };
  // Look through a page of Redis' records for some that its index has lost; tell the outcome by OnReindexed() or
  // OnReindexFailed().
  struct Reindex {
    ReindexQuery query;
  };
  // Ask Redis how much of what these stores have written it has; tell the outcome by OnDelivered().
  struct FindDelivered {
    std::vector<uint64_t> store_ids;
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
  using Action = std::variant<Wait, Connect, ReadPosition, ReadChanges, ReadOrders, Compare, ReadRecords, Collect,
                              Reindex, FindDelivered, StartEpoch, EnterEpoch, Apply, DiscardEvents>;

  Follower(const Options& options, absl::Time now);

  Action Next(absl::Time now);

  // ---- What happened ----

  void OnConnected(absl::Time now);
  // A call to Redis failed; `connected` tells whether the connection survived it.
  void OnRelayError(const absl::Status& error, bool connected, absl::Time now);
  // Returns whether Redis is in the life of the data that this store is in, as far as can be told: it has not lost what
  // it had.
  bool OnPosition(const RelayPosition& position, const Local& local, absl::Time now);
  void OnChanges(RelayChangePage page, absl::Time now);
  void OnOrders(RelayChangePage page);
  // Which of the items of Compare the store lacks.
  void OnCompared(const absl::StatusOr<std::vector<size_t>>& lacking, absl::Time now);
  void OnRecords(RelayRecords records);
  void OnCollected(const CollectReply& reply, absl::Time now);
  // It failed although the connection is well: tombstones stay longer, and nothing else comes of it.
  void OnCollectRefused(absl::Time now);
  void OnReindexed(const ReindexReply& reply, absl::Time now);
  // It failed, whatever the connection has come to: the records stay where nobody finds them for a while.
  void OnReindexFailed(absl::Time now);
  // Returns whether it is of this store's life: what it tells is then in this store once it has come to the reply's
  // sequence.
  bool OnDelivered(const DeliveredReply& reply, absl::Time now);
  void OnEpochStarted(const EpochInForce& in_force);
  void OnEpochEntered(const absl::StatusOr<EpochEntry>& entry, absl::Time now);
  void OnApplied(const absl::StatusOr<ApplyResult>& result, absl::Time now);

  // Redis acknowledged a subscription; what was published before may have been missed.
  void OnSubscribed();
  // The subscription was lost, or another attempt to get one has failed.
  void OnSubscriptionLost(const absl::Status& error);
  // Something in the store is damaged: compare all of it with Redis, and read again what is needed.
  void OnRepairWanted();
  // These are the stores whose writes somebody waits for here: Redis is asked for them until another call names others,
  // or none.
  void OnDeliveryAwaited(std::vector<uint64_t> store_ids);
  // Somebody has reached Redis, anew, or has seen it in another epoch than the store's.
  void OnLookWanted();
  // The ring was full and events were dropped.
  void OnOverflow();
  // REQUIRES: WantsEvent().
  void OnEvent(absl::string_view message, absl::Time now);

  // Whether the next event should be taken from the ring.
  bool WantsEvent() const;

  // ---- How it stands ----

  using Status = FollowerStatus;
  Status status() const;
  bool live() const { return live_; }

 private:
  // What comes by reference, and repairs, are read like changes that were missed, but nothing is known to be missing.
  enum class Cause { kReconnect, kGap, kReference };

  // Starts over reading what changed after accepted_.
  void CatchUp(Cause cause);
  // As CatchUp(), unless one is under way that will still read what came until now.
  void CatchUpAgain(Cause cause);
  void Close() { live_ = false; }
  void MaybeOpen();
  void NoteProgress(absl::Time now);
  bool IsOfThisLife(const RelayChangePage& page);
  Action NextRead();

  // Comparing, versions first (follower_reconcile.cc).
  void BeginReconciling();
  void EndOrdersPage();
  bool WasAwayTooLong(uint64_t gc_sequence, absl::Time redis_time) const;
  void NoticeEarlierClock(absl::Time redis_time);
  void NoticeLongAbsence(const RelayPosition& position, const Local& local);
  void DropWhatIsTooOld(const RelayPosition& position);
  void Rebuild();
  void TakeFleetKeys(absl::Time redis_time);
  void NoteComplete(const RelayPosition& position);
  void PassMilestone();

  // What one does for all (follower_upkeep.cc).
  void NoticeRival(const std::string& lease);
  bool IsCaretaker() const { return live_ && !catching_up_ && caretaker_; }
  // When to look next whether there is something to do; at a heartbeat at the latest.
  absl::Time NextUpkeep() const;
  absl::optional<Collect> NextCollect(absl::Time now) const;
  absl::optional<Reindex> NextReindex(absl::Time now) const;
  bool AwaitsDelivery() const { return !awaited_stores_.empty() && epoch_ != kNoEpoch && !foreign_; }
  absl::optional<FindDelivered> NextDelivery(absl::Time now);
  void EndReindexing(absl::Time now);

  // What a position that Redis told means; each returns whether it settled the matter.
  bool AwaitFounder(const RelayPosition& position, absl::Time now);
  bool RefuseForeignFleet(const RelayPosition& position, absl::Time now);
  bool NoticeReturnedEpoch(const RelayPosition& position);
  bool NoticeNewEpoch(const RelayPosition& position);
  bool NoticeLostData(const RelayPosition& position);
  void NoticeLostEvent(const RelayPosition& position, const Local& local);

  void Accept(std::string key, std::string record);
  void MaybeFinishChunk(uint64_t covered_sequence);
  void FinishBatch();
  Action TakeApply();
  PositionProposal Proposal(absl::Time now);
  uint64_t RandomNonZero();

  const LeaseRequest lease_;
  const absl::Duration tombstone_horizon_;

  std::mt19937_64 random_;
  Retry retry_;

  // The store's place in Redis' history.
  uint64_t epoch_;
  uint64_t fleet_id_;
  uint64_t accepted_;
  uint64_t applied_;
  uint64_t whole_ = 0;

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
  // Redis could not be reached since it last was of use.
  bool was_cut_off_ = false;
  absl::optional<EpochProposal> start_epoch_;
  absl::optional<EpochChange> enter_epoch_;
  bool entering_epoch_ = false;
  // The last ones of this run.
  std::deque<uint64_t> left_epochs_;

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

  // Reconciling: the store holds much of what Redis does, so that orders are compared first and only those records are
  // read that are needed. It begins at sequence 0, whatever has been applied, and the position stays until its end: who
  // is interrupted compares again, which is cheap.
  bool reconciling_ = false;
  bool comparing_orders_ = false;
  // Not before then: others have noticed the same loss.
  absl::Time reconcile_at_ = absl::InfinitePast();
  // The page of orders at hand: its items until they are given to be compared, their keys until that is done, and then
  // the keys to read.
  std::vector<KeyAndOrder> uncompared_;
  std::vector<std::string> compared_keys_;
  std::deque<std::string> wanted_;
  uint64_t orders_covered_ = 0;
  bool orders_complete_ = false;
  // Rebuilding: what Redis has been seen to have. What the store has beside it, up to this revision, goes.
  std::shared_ptr<KeySet> fleet_keys_;
  uint64_t rebuilt_revision_ = 0;
  uint64_t rebuilt_sent_revision_ = 0;
  // When, on Redis' clock, nothing had been gathered yet of what waits in pending_ and fleet_keys_.
  uint64_t gathered_since_unix_ms_ = 0;

  // When, on Redis' clock, the store was last known to be complete once what has been read is stored, what of that has
  // been told to it, and what it has stored. A rebuild that could not be stored has still to be done.
  uint64_t complete_unix_ms_;
  uint64_t complete_told_unix_ms_;
  uint64_t complete_stored_unix_ms_;
  // Redis stood at this sequence at this time of its clock: the store is complete as of then once it has come so far.
  // Under a load that never ceases, the one that Redis tells is never reached when it is told.
  struct Milestone {
    uint64_t sequence = 0;
    absl::Time redis_time;
  };
  absl::optional<Milestone> milestone_;
  bool holds_data_ = false;
  // A position of this epoch has been told in this run. Data that come later are no data from before.
  bool position_seen_ = false;
  // As of the last position.
  Local local_;

  // The lease: of a rival, as it was told first.
  std::string rival_lease_;
  bool has_rival_ = false;

  // As of the last position.
  std::string eviction_policy_;

  // What this replica has to do for all, as of the last position.
  bool caretaker_ = false;
  uint64_t unindexed_ = 0;
  // For whom somebody waits, and when to ask next.
  std::vector<uint64_t> awaited_stores_;
  absl::Time delivery_at_ = absl::InfinitePast();
  absl::Time delivery_asked_at_ = absl::InfinitePast();
  absl::Duration delivery_retry_delay_ = kDeliveryRetryDelayMin;
  // Collecting old tombstones.
  absl::Time collect_at_ = absl::InfinitePast();
  uint64_t collect_after_ = 0;
  // Looking for what the index has lost.
  absl::Time reindex_at_ = absl::InfinitePast();
  uint64_t reindex_cursor_ = 0;
  // In this round; and how long to wait after one that finds nothing.
  uint64_t reindexed_ = 0;
  absl::Duration reindex_retry_delay_ = kUpkeepRetryDelay;
  // What the last round has left.
  uint64_t unindexable_ = 0;

  // What waits for Apply, and what is under way.
  RemoteBatch pending_;
  size_t pending_bytes_ = 0;
  bool pending_ready_ = false;
  bool applying_ = false;
  uint64_t applying_sequence_ = 0;
  bool applying_rebuild_ = false;
  bool applying_whole_ = false;

  bool live_ = false;
  uint64_t generation_ = 0;
  uint64_t gaps_repaired_ = 0;
  uint64_t damaged_records_ = 0;
  uint64_t version_conflicts_ = 0;
  uint64_t rebuilds_begun_ = 0;
  uint64_t rebuilds_ = 0;
  uint64_t tombstones_collected_ = 0;
  absl::Time up_to_date_at_;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_FOLLOWER_H_
