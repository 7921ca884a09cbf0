#ifndef DUNLIN_TESTS_SIMULATION_ORACLE_H_
#define DUNLIN_TESTS_SIMULATION_ORACLE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "storage/change.h"
#include "storage/clock.h"
#include "storage/limits.h"
#include "storage/store.h"
#include "storage/version.h"
#include "tests/simulation/model_redis.h"

namespace dunlin {

// Oracle watches a simulated fleet and says what is wrong: it knows every acknowledged write, everything that Redis has
// ever accepted, and what each replica has committed. It reads nothing from the fleet but what it is told, so that it
// cannot share a fault with what it checks.
//
// What must hold at every moment:
//   - revisions of a replica have no holes and none comes twice, across crashes;
//   - the version under a key never goes down, on any replica: so no deleted key comes back either, long after its
//     tombstone was collected. A write that a wrong clock had stamped may get another version before anybody else has
//     heard of it, but keeps what it says. And a write that waited in an outbox for longer than tombstones live comes
//     late, after what had deleted its key has been forgotten;
//   - a replica that says it has applied sequence s of an epoch has everything up to s, in that version or a newer one;
//   - a replica's barrier is open only while it is subscribed, and never over a hole: an event that its full ring has
//     dropped has been read from Redis before the barrier opens again;
//   - a write is acknowledged only once its replica has committed it;
//   - of the writes of one key that ask for its absence, one succeeds;
//   - the entries of one atomic batch are seen together;
//   - whoever is told that Redis has a write can find it there, be it by its writer's acknowledgement or by an event;
//   - whoever asks a replica for what a token tells of, which another one has given with a write, finds it there.
// What must hold at the end is CheckConverged().
//
// Thread-safety: one thread.
class Oracle {
 public:
  // Both must outlive this object.
  Oracle(const ModelRedis* redis, const Clock* clock) : redis_(redis), clock_(clock) {}
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  // For how long the fleet remembers what is dead.
  void set_tombstone_horizon(absl::Duration horizon) { tombstone_horizon_ = horizon; }

  // ---- What happens; replicas go by their numbers ----

  // A replica whose writes have this origin.
  void OnReplica(int number, uint64_t store_id) { replicas_[number].store_id = store_id; }

  void OnPublished(const std::string& message);
  void OnCommitted(int number, absl::Span<const ChangePtr> changes);
  void OnState(int number, const StoreState& state);
  // Nothing that the replica has committed can be lost any more.
  void OnSynced(int number) { replicas_[number].unsynced.clear(); }
  // The replica has started after a power failure. Returns how many changes it has lost.
  uint64_t OnPowerBack(int number, const StoreState& state);
  // The replica's ring was full, so that this event has not reached its follower.
  void OnDropped(int number, const std::string& message);
  // The replica's barrier is open, now that it has looked at everything that was there to be seen.
  void OnBarrierOpen(int number, uint64_t epoch, uint64_t applied_sequence, bool subscribed);

  struct Acknowledged {
    std::string key;
    Version version;
    bool tombstone = false;
    std::string value;
    // It has a time to live, which is over at the end.
    bool expires = false;
  };
  void OnAcknowledged(int number, const Acknowledged& write);
  // Somebody has been told that Redis has the write; `losses` is what redis_losses() was when it was made.
  void OnMirrored(int number, const Acknowledged& write, uint64_t losses);
  // A replica says that it has all that a token of the write tells of; `losses` as above.
  void OnArrived(int number, const Acknowledged& write, uint64_t losses);
  // What somebody has been told of a key.
  struct Told {
    Version version;
    // It is a deletion, or has a time to live.
    bool is_mortal = false;
    bool is_delete = false;
    absl::Time at;
  };
  // Whether somebody who has been told `before` may be told `after` by the replica.
  bool MayFollow(int number, const std::string& key, const Told& before, const Told& after) const;
  // Whether a write of the key may have lost to an earlier one: the Redis that had taken that has been lost, with its
  // clock, and the other was stamped anew by an earlier one. Who has seen it somewhere may hold it elsewhere.
  bool MayHaveLostToEarlier(const std::string& key) const {
    return redis_losses_ > 0 && restamped_keys_.count(key) > 0;
  }
  // Whether any replica has let it expire. Others, whose clock has been put back meanwhile, may not have.
  bool HasExpired(const std::string& key, const Version& version) const { return expired_.count({key, version}) > 0; }
  // A violation that somebody else has seen.
  void Report(const std::string& violation) { violation_ = violation_.empty() ? violation : violation_; }

  // A write that asked for the absence of `key` has succeeded. Nobody ever deletes such a key.
  void OnAbsentKeyWritten(const std::string& key);

  // Redis goes back to former contents, or loses them: sequences of the epoch in force, and of the one that comes back,
  // may be given out again for other writes.
  void OnRedisLostData(uint64_t epoch_before, uint64_t epoch_after);

  // ---- What must hold at the end ----

  // All replicas, and Redis, hold the same entries at `now`, and each acknowledged write or a newer one is among them.
  // The dead may be remembered by some and forgotten by others.
  void CheckConverged(const std::vector<int>& replicas, absl::Time now);

  // The first violation, with what is known of it; empty if there is none.
  const std::string& violation() const { return violation_; }

  uint64_t acknowledged() const { return acknowledged_count_; }
  uint64_t restamped() const { return restamped_count_; }
  uint64_t lost() const { return lost_count_; }
  // How often Redis has lost data.
  uint64_t redis_losses() const { return redis_losses_; }

 private:
  struct Stored {
    Version version;
    std::string record;
    absl::Time since;
  };
  // A change that a power failure may take back, with what it has replaced.
  struct Unsynced {
    std::string key;
    absl::optional<Stored> before;
  };
  struct Replica {
    uint64_t store_id = 0;
    uint64_t revision = 0;
    std::map<std::string, Stored> stored;
    // The last ones.
    std::vector<Unsynced> unsynced;
    // Up to where its claims have been checked.
    uint64_t checked_epoch = 0;
    uint64_t checked_sequence = 0;
    // Of that epoch: what it might lack when it said for the first time that it had applied it. After a power failure
    // it says so again, when the reason may be gone.
    std::set<uint64_t> excused;
    // Of the last event that its ring has dropped.
    uint64_t dropped_epoch = 0;
    uint64_t dropped_sequence = 0;
  };
  // One life of the data in Redis: the write of each sequence.
  struct Epoch {
    bool forked = false;
    struct Write {
      std::string key;
      Version version;
    };
    std::map<uint64_t, Write> writes;
  };

  // Whether the record is a tombstone or has a time to live: once it is old it may be forgotten.
  static bool IsMortal(const std::string& record);
  void Fail(int replica, absl::string_view what, absl::string_view key = "");
  Epoch& EpochOf(uint64_t epoch);
  Epoch::Write WriteOf(const std::string& key) const;
  bool IsLate(const Replica& replica, const std::string& key, const Version& version) const;
  static bool IsForgotten(const Replica& replica, const Stored& stored, const Change& change);
  // Whether the replica may have given up, in a rebuild, what the fleet has no more.
  bool MayBeDrop(int number, const std::string& key, const Version& version) const;
  Version LatestOf(const std::string& key, Version version) const;
  bool IsWrittenAfter(uint64_t epoch, uint64_t sequence, const std::string& key) const;
  bool IsReplacedInAnotherEpoch(uint64_t epoch, const std::string& key, const Version& version) const;
  bool MayLack(const StoreState& state, const std::string& key, const Version& version) const;
  bool IsRestamped(const Stored& stored, const Change& change) const;
  // Whether the change has the stored record's content and origin.
  static bool SaysTheSame(const Stored& stored, const Change& change);
  void AcknowledgeAgain(const std::string& key, const Version& before, const Version& after);
  void Restamp(const std::string& key, const Version& before, const Version& after);
  void CheckLive(int number, const std::string& key, const std::string* mine, const std::string* in_redis,
                 absl::Time now);
  void CheckAcknowledged(int number, const std::string& key, const Acknowledged& write);
  void CheckBatches(int number, const Replica& replica, const std::set<std::string>& touched);

  const ModelRedis* const redis_;
  const Clock* const clock_;
  absl::Duration tombstone_horizon_ = kTombstoneHorizonDefault;
  std::map<int, Replica> replicas_;
  std::map<uint64_t, Epoch> epochs_;
  // By key and version.
  std::map<std::string, std::map<Version, Acknowledged>> acknowledged_;
  // What Redis has ever accepted, and of that what it accepted although it had had a newer version, whose tombstone it
  // has forgotten since: writes that waited in an outbox for longer than tombstones live.
  std::set<std::pair<std::string, Version>> published_;
  struct Highest {
    Version version;
    bool is_mortal = false;
  };
  std::map<std::string, Highest> highest_published_;
  std::set<std::pair<std::string, Version>> late_;
  std::set<std::pair<std::string, Version>> expired_;
  std::set<std::string> restamped_keys_;
  // By key and version: the version that has taken its place.
  std::map<std::pair<std::string, Version>, Version> restamped_to_;
  std::map<std::string, int> absent_keys_written_;
  uint64_t redis_losses_ = 0;
  uint64_t acknowledged_count_ = 0;
  uint64_t restamped_count_ = 0;
  uint64_t lost_count_ = 0;
  std::string violation_;
};

// The keys that Clients write only together: "batch/GROUP/…". Their values are equal within a group.
inline constexpr absl::string_view kBatchKeyPrefix = "batch/";

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_ORACLE_H_
