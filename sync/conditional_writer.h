#ifndef DUNLIN_SYNC_CONDITIONAL_WRITER_H_
#define DUNLIN_SYNC_CONDITIONAL_WRITER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "storage/hybrid_clock.h"
#include "storage/write.h"
#include "sync/relay_types.h"

namespace dunlin {

// Why a caller who was late is told so.
inline constexpr absl::string_view kNotJudgedInTime = "Redis has not judged it in time";

// ConditionalWriter decides what becomes of writes with a precondition. Redis is their one judge: a write waits until
// the outbox as of its arrival is in Redis (it may hold the key), is put to Redis' script, and only then stored here.
//
// A retry carries the same version, and the script answers a version that it already has with success: so a lost answer
// is asked for again, not guessed. Where it stays lost, the caller is told that the outcome is not known.
//
// It is a deterministic state machine, driven like Follower (follower.h): one write at a time is put to Redis, in order
// of arrival.
//
// Thread-safety: one thread at a time.
class ConditionalWriter {
 public:
  struct Request {
    // What the driver calls it.
    uint64_t id = 0;
    Mutation mutation;
    Precondition precondition;
    // The store's latest revision when the request came.
    uint64_t after_revision = 0;
    absl::Time deadline;
    WriteCallback done;
  };

  // A request that has been decided: `error`, or `record` to be stored here before `done` is called.
  struct Outcome {
    absl::Status error;
    RemoteBatch record;
    Version version;
    bool existed = false;
    WriteCallback done;
  };

  // `clock` must outlive this object. `tombstone_horizon`: the longest that Redis surely knows what has been deleted.
  ConditionalWriter(uint64_t store_id, HybridClock* clock, absl::Duration tombstone_horizon)
      : store_id_(store_id), clock_(clock), tombstone_horizon_(tombstone_horizon) {}

  void Add(Request request) { requests_.push_back(std::move(request)); }

  bool empty() const { return requests_.empty(); }
  // The key of the request that is next; its stored record is asked for by Next().
  const std::string& key() const { return requests_.front().mutation.key; }
  uint64_t id() const { return requests_.front().id; }
  // Whether Redis may have the request that is next.
  bool in_doubt() const { return maybe_done_; }
  // Whether the request that is next is late at `now`.
  bool IsLate(absl::Time now) const { return !requests_.empty() && requests_.front().deadline <= now; }

  // Whether the next request waits only for the mirror to be idle.
  bool WantsIdleMirror(uint64_t mirrored_revision) const {
    return !requests_.empty() && mirrored_revision >= requests_.front().after_revision;
  }

  // The write to put to Redis. `stored_record` is what the store has under key(), empty if nothing.
  // REQUIRES: !empty(), and the outbox up to the request's revision is in Redis.
  ConditionalWrite Next(uint64_t epoch, absl::string_view stored_record);

  // What Redis said. Returns the outcome if that decides the request.
  absl::optional<Outcome> OnReply(const ConditionalReply& reply);
  // The call failed. `maybe_done`: it may have reached Redis.
  absl::optional<Outcome> OnRelayError(const absl::Status& error, bool maybe_done);
  // Nobody waits for the first request any more, and Redis has not been asked. It is decided.
  // REQUIRES: OnRelayError() has not been told that it may have reached Redis.
  Outcome GiveUp();
  // The store could not say what it has under key(). The request is decided.
  Outcome OnStoreError(const absl::Status& error);
  // There is no connection to Redis: requests that were never put to it are turned down.
  std::vector<Outcome> OnOffline(const absl::Status& reason);
  // Turns down whatever is late at `now`; all if it is the infinite future.
  std::vector<Outcome> Expire(absl::Time now);
  absl::Time NextDeadline() const;

  // What callers are told whose write has not taken place, or of whose write nobody knows.
  static absl::Status NotDone(absl::string_view why);
  static absl::Status NotKnown();
  // What the caller of a write is told that Redis has accepted, once this store has answered. That it does not have the
  // write yet does not undo it.
  static absl::StatusOr<WriteResult> ResultOf(const Version& version, bool existed, absl::StatusOr<ApplyResult> stored);

 private:
  Outcome Decide(absl::Status error);
  std::vector<Outcome> TurnDown(absl::string_view why,
                                const std::function<bool(const Request& request, bool maybe_done)>& chosen);
  absl::Status ConditionError(const ConditionalReply& reply) const;

  const uint64_t store_id_;
  HybridClock* const clock_;
  const absl::Duration tombstone_horizon_;
  std::deque<Request> requests_;

  // Of the first request: the record made for it, and whether it may be in Redis already.
  std::string record_;
  Version version_;
  // Until when Redis may take it.
  absl::Time not_after_;
  // The epoch under which it was last put to Redis.
  uint64_t epoch_ = 0;
  uint64_t above_time_ = 0;
  // It was refused for being ahead of Redis' clock, and has been stamped anew.
  bool clock_came_back_ = false;
  // It came too late once, and has been stamped anew.
  bool was_late_ = false;
  bool maybe_done_ = false;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_CONDITIONAL_WRITER_H_
