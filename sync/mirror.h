#ifndef DUNLIN_SYNC_MIRROR_H_
#define DUNLIN_SYNC_MIRROR_H_

#include <cstdint>
#include <deque>
#include <random>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "storage/limits.h"
#include "storage/store.h"
#include "storage/write.h"
#include "sync/relay_types.h"
#include "sync/retry.h"

namespace dunlin {

// Mirror decides how what is in the outbox gets to Redis: what to send next, how much at once, what to do with each
// answer, when to try again. The outbox is the store's changes table behind a cursor; the mirror moves the cursor once
// Redis has answered, so a crash at any moment only sends again what Redis already has.
//
// It is a deterministic state machine, driven like Follower (follower.h). MirrorThread drives it with Redis.
//
// What Redis has had before, and may have lost, is refilled versions first: Redis is asked which of a page it lacks,
// and only that is sent. Of several replicas that come to the same page at once, all but the first to send it make a
// pause, so that one of them goes on alone.
//
// Invariants:
//  (1) Batches are answered in the order in which they were sent; the cursor never passes one that is unanswered.
//  (2) Nothing is sent under an epoch that the store has not entered.
//  (3) The cursor passes a write that Redis has turned down only once the winner is in the store.
//  (4) Redis takes nothing that may be older than a deletion which has been forgotten when it gets there, however long
//      it was under way.
//
// Thread-safety: one thread at a time.
class Mirror {
 public:
  struct Options {
    uint64_t store_id = 0;
    // The store's epoch and cursor.
    uint64_t epoch = 0;
    uint64_t mirrored_revision = 0;
    uint64_t seed = 0;
    // As StoreState's.
    uint64_t own_revision = 0;
    absl::Duration tombstone_horizon = kTombstoneHorizonDefault;
  };

  // ---- What to do ----

  struct Wait {
    absl::Time until;
  };
  struct Connect {};
  struct ReadOutbox {
    uint64_t after_revision = 0;
    size_t changes_max = 0;
    size_t size_max_bytes = 0;
  };
  struct Send {
    MirrorBatch batch;
  };
  struct Receive {};
  // Ask Redis which records it lacks; tell the outcome by OnMissing(). Nothing else is under way meanwhile.
  struct FindMissing {
    MissingQuery query;
  };
  // Make the store stamp anew what is ahead of the clock; tell the outcome by OnRestamped().
  struct Restamp {
    Restamping restamping;
  };
  // Hand Redis' newer records to the store; tell the outcome by OnWinnersStored().
  struct StoreWinners {
    RemoteBatch winners;
  };
  // Move the store's cursor, and tell who waits for that.
  struct Advance {
    MirrorProgress progress;
  };
  using Action = std::variant<Wait, Connect, ReadOutbox, Send, Receive, FindMissing, Restamp, StoreWinners, Advance>;

  explicit Mirror(const Options& options);

  Action Next(absl::Time now);

  // ---- What happened ----

  void OnConnected(absl::Time now);
  // A call to Redis failed; on a new connection everything that was unanswered is sent again.
  void OnRelayError(const absl::Status& error, absl::Time now);
  void OnOutboxPage(ChangePage page);
  // The batch has left; its answer will come.
  void OnSent();
  void OnReply(MirrorReply reply, absl::Time now);
  void OnMissing(const MissingReply& reply, absl::Time now);
  void OnRestamped(const absl::StatusOr<size_t>& restamped, absl::Time now);
  void OnWinnersStored(const absl::Status& status, absl::Time now);

  // Redis, asked after connection number `connection` was made, is in the life of the data that is `epoch`: it has not
  // lost what it had. Until then the mirror tells it nothing of what it has.
  void OnConfirmed(uint64_t epoch, uint64_t connection);

  // The store may have something new.
  void OnCommitted() { outbox_may_have_more_ = true; }
  // The store has entered `epoch` and put its cursor to `mirrored_revision`; `refill`: everything is in the outbox
  // again.
  void OnEpoch(uint64_t epoch, uint64_t mirrored_revision, bool refill, absl::Time now);

  // While paused, nothing new is sent; what is under way is received.
  void SetPaused(bool paused) { paused_ = paused; }

  // What may be sent, and until when Redis may take it. What Redis has had before, only by a replica that has
  // everything, so that it knows what has been deleted meanwhile. What Redis has never had, at any time unless it has
  // waited for about as long as tombstones live (SentAgeMaxOf() in storage/limits.h): then the store has to find out
  // first whether it is older than a deletion that nobody remembers.
  // `state` is the store's, `fleet_now` the hybrid clock's.
  void UpdateAllowance(bool barrier_open, const StoreState& state, absl::Time fleet_now);

  // ---- How it stands ----

  uint64_t epoch() const { return epoch_; }
  bool connected() const { return connected_; }
  // Everything in the outbox up to here has been answered, under the present epoch.
  uint64_t mirrored_revision() const { return mirrored_revision_; }
  // Under the present epoch, Redis has every write of the store up to here; nothing while that is not known. Unlike
  // mirrored_revision() it does not pass a write whose place a later one has taken that is still in the outbox.
  absl::optional<uint64_t> delivered_revision() const { return delivered_revision_; }
  // How often it has been connected: the number of its present connection, or of the last.
  uint64_t connection() const { return connection_; }
  // Nothing is under way, and under the epoch in force something could be sent.
  bool idle() const {
    return connected_ && epoch_ != 0 && in_flight_.empty() && !progress_.has_value() && !storing_winners_ &&
           !restamping_ && restamp_.items.empty();
  }
  // Redis refused a batch because of its epoch: the follower should look.
  bool epoch_refused() const { return epoch_refused_; }
  // Why what is in the outbox does not get to Redis; OK once something did, or there is nothing.
  const absl::Status& error() const { return error_; }

 private:
  enum class Allowance { kNothing, kNew, kAll };
  struct Batch {
    // All that was in the outbox on this stretch.
    std::vector<OutboxItem> sent;
    // Of those, the positions of the ones in the message: the rest is known to be in Redis.
    std::vector<size_t> in_message;
    // The outbox is empty from the batch before up to here but for this batch.
    uint64_t covered_revision = 0;
    // Whether there was nothing after that, so that no write is missing whose place a later one has taken.
    bool is_whole = false;
    // The same, as the message says: what follows it without anything to send is not in it.
    uint64_t told_covered_revision = 0;
    bool told_is_whole = false;
    bool known_to_redis = false;
  };

  absl::optional<Action> NextOfPage(absl::Time now);
  Action SendNext();
  // After an error, whatever it was: on a new connection.
  void BeginAnew(const absl::Status& error, absl::Time now);
  void Rewind();
  void ForgetPage();
  void Finish(Batch batch);
  void KeepOnly(const std::vector<size_t>& missing);
  void RefuseEpoch(absl::Time now);
  void Yield(absl::Time now);

  const uint64_t store_id_;
  const absl::Duration tombstone_horizon_;
  std::mt19937_64 random_;
  Retry retry_;

  uint64_t epoch_;
  uint64_t mirrored_revision_;
  // Up to where the outbox has been read.
  uint64_t read_revision_;

  bool connected_ = false;
  uint64_t connection_ = 0;
  // OnConfirmed(), of this connection.
  bool confirmed_ = false;
  // The connection was lost, and Redis may come back without what it had: what it is sent before the follower has
  // looked, it may be sent in an epoch that is over. Until when to leave the follower time for that.
  bool was_cut_off_ = false;
  absl::Time confirmed_by_ = absl::InfinitePast();
  bool epoch_refused_ = false;
  bool paused_ = false;
  Allowance allowance_ = Allowance::kNew;
  // Until when Redis may take what it has never had, and what it has had, if it is read now; and the fleet's time then.
  absl::Time new_not_after_ = absl::InfiniteFuture();
  absl::Time known_not_after_ = absl::InfiniteFuture();
  absl::Time fleet_now_ = absl::InfinitePast();
  bool outbox_may_have_more_ = true;
  absl::Time retry_at_ = absl::InfinitePast();
  // Not before then: what was read last is too old for Redis.
  absl::Time read_at_ = absl::InfinitePast();
  absl::Status error_;

  // Read, and to be sent.
  absl::optional<MirrorBatch> next_;
  Batch next_batch_;
  // Redis is to be asked first which of it is missing there, and not before `ask_at_`: another replica is refilling it.
  bool ask_first_ = false;
  absl::Time ask_at_ = absl::InfinitePast();
  // It could not be sent for a while, and the store may have learnt meanwhile what has been deleted: it has to be read
  // again.
  bool page_has_waited_ = false;
  // Sent and unanswered, oldest first.
  std::deque<Batch> in_flight_;
  // What is known of delivered_revision(), and whether Redis may not know as much: others ask it. On a store that has
  // written nothing there is nothing to tell.
  absl::optional<uint64_t> delivered_revision_;
  bool untold_;
  // Answered, and to be told to the store: the winners, if there are any, and when they are stored the progress.
  RemoteBatch winners_;
  bool storing_winners_ = false;
  absl::optional<MirrorProgress> progress_;
  // Refused for its versions, which are ahead of Redis' clock.
  Restamping restamp_;
  bool restamping_ = false;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_MIRROR_H_
