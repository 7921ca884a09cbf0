#ifndef DUNLIN_STORAGE_HYBRID_CLOCK_H_
#define DUNLIN_STORAGE_HYBRID_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "storage/clock.h"

namespace dunlin {

// HybridClock issues the times of versions and tells the fleet's time.
//
// The fleet's time is this machine's clock plus the measured offset to Redis' clock, so that all replicas of a fleet
// share one clock to within a round trip. Without Redis the last offset stays.
//
// Invariant: each Issue() returns more than every Issue() before it, and more than whatever Restore() was given, also
// when the machine's clock steps backward. The exceptions are a time far ahead of the fleet's, see Issue(), and
// ComeBack().
//
// Thread-safety: safe for concurrent use.
class HybridClock {
 public:
  // `clock` must outlive this object.
  explicit HybridClock(const Clock* clock) : clock_(clock) {}
  HybridClock(const HybridClock&) = delete;
  HybridClock& operator=(const HybridClock&) = delete;

  // Who asks for a time. A version is one write's alone, and a write that Redis judges has its version before the store
  // knows of it: two issuers that look at the same stored version must not come to the same one. So the lowest bit of a
  // time tells its issuer.
  enum class Issuer { kCommitter = 0, kConditionalWriter = 1 };

  // Returns a time for a new version: at least the fleet's time, at least `at_least`, and more than any issued before.
  //
  // An `at_least` that is more than kClockDriftMax ahead of all these comes from somebody's wrong clock. A time within
  // a millisecond above it is returned and forgotten: stepping over one such version must not carry this store's later
  // versions to that future, where Redis would refuse them all. What is forgotten could be issued again, for the same
  // key even: its record may have been stamped anew in between, and another one ahead of the clock have come. So the
  // distance is taken from the clock's microseconds, which makes that as good as impossible: a version names one value.
  uint64_t Issue(uint64_t at_least, Issuer issuer = Issuer::kCommitter);

  // As Issue(), for a write that is stamped anew. Where `at_least` is ahead of the fleet's time, what is right above it
  // may have been issued before and been forgotten, for the same key: so the distance is taken from the microseconds
  // here, too.
  uint64_t IssueAnew(uint64_t at_least);

  // Forgets times issued that are more than kClockDriftMax ahead of the fleet's: this machine's clock was wrong when it
  // issued them, and whatever followed them would be refused by Redis as well. A time may then be issued once more, for
  // another key: of one key, each version differs from the stored one all the same, and is above it but for what is
  // stamped anew.
  void ComeBack();

  // Continues after `last_issued`, which was read from the disk.
  void Restore(uint64_t last_issued);

  // The latest time issued.
  uint64_t last_issued() const { return last_issued_.load(std::memory_order_relaxed); }

  // The fleet's time.
  absl::Time Now() const;
  uint64_t NowUnixMillis() const;

  // Sets what to add to this machine's clock to get Redis' clock.
  void SetOffset(absl::Duration offset);
  absl::Duration offset() const;

 private:
  uint64_t StepFrom(uint64_t at_least) const;

  const Clock* const clock_;

  // Both are relaxed: each is a value of its own that orders no other memory. Issue() is a read-modify-write of
  // last_issued_ alone, which is enough for its results to be distinct and increasing.
  std::atomic<uint64_t> last_issued_{0};
  std::atomic<int64_t> offset_us_{0};
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_HYBRID_CLOCK_H_
