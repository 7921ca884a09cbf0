#ifndef DUNLIN_TESTS_SIMULATION_ORACLE_H_
#define DUNLIN_TESTS_SIMULATION_ORACLE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/change.h"
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
//   - the version under a key never goes down, on any replica: so no deleted key comes back either;
//   - a replica that says it has applied sequence s of an epoch has everything up to s, in that version or a newer one;
//   - a write is acknowledged only once its replica has committed it;
//   - of the writes of one key that ask for its absence, one succeeds;
//   - the entries of one atomic batch are seen together.
// What must hold at the end is CheckConverged().
//
// Thread-safety: one thread.
class Oracle {
 public:
  // `redis` must outlive this object.
  explicit Oracle(const ModelRedis* redis) : redis_(redis) {}
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  // ---- What happens; replicas go by their numbers ----

  void OnPublished(const std::string& message);
  void OnCommitted(int number, absl::Span<const ChangePtr> changes);
  void OnState(int number, const StoreState& state);

  struct Acknowledged {
    std::string key;
    Version version;
    bool tombstone = false;
    std::string value;
  };
  void OnAcknowledged(int number, const Acknowledged& write);
  // A write that asked for the absence of `key` has succeeded. Nobody ever deletes such a key.
  void OnAbsentKeyWritten(const std::string& key);

  // Redis goes back to former contents, or loses them: sequences of the epoch in force, and of the one that comes back,
  // may be given out again for other writes.
  void OnRedisLostData(uint64_t epoch_before, uint64_t epoch_after);

  // ---- What must hold at the end ----

  // All replicas, and Redis, hold the same records, and each acknowledged write or a newer one is among them.
  void CheckConverged(const std::vector<int>& replicas);

  // The first violation, with what is known of it; empty if there is none.
  const std::string& violation() const { return violation_; }

  uint64_t acknowledged() const { return acknowledged_count_; }

 private:
  struct Stored {
    Version version;
    std::string record;
  };
  struct Replica {
    uint64_t revision = 0;
    std::map<std::string, Stored> stored;
    // Up to where its claims have been checked.
    uint64_t checked_epoch = 0;
    uint64_t checked_sequence = 0;
  };
  // One life of the data in Redis: the write of each sequence.
  struct Epoch {
    bool forked = false;
    std::map<uint64_t, std::pair<std::string, Version>> writes;
  };

  void Fail(int replica, absl::string_view what, absl::string_view key = "");
  Epoch& EpochOf(uint64_t epoch);
  void CheckBatches(int number, const Replica& replica, const std::set<std::string>& touched);

  const ModelRedis* const redis_;
  std::map<int, Replica> replicas_;
  std::map<uint64_t, Epoch> epochs_;
  std::map<std::string, Acknowledged> acknowledged_;
  std::map<std::string, int> absent_keys_written_;
  bool redis_lost_data_ = false;
  uint64_t acknowledged_count_ = 0;
  std::string violation_;
};

// The keys that World writes only together: "batch/GROUP/…". Their values are equal within a group.
inline constexpr absl::string_view kBatchKeyPrefix = "batch/";

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_ORACLE_H_
