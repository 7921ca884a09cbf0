#ifndef DUNLIN_STORAGE_HYBRID_CLOCK_H_
#define DUNLIN_STORAGE_HYBRID_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "storage/clock.h"

namespace dunlin {

// HybridClock issues the times of versions and tells the fleet's time.
//
// The fleet's time is Redis' clock, so that all replicas of a fleet share one clock to within a round trip. From one
// comparison with it to the next it goes on by a clock that does not step: whatever becomes of this machine's clock
// meanwhile, nothing expires early and no version is of the future. Before the first comparison it is this machine's
// clock, plus the offset that it had when this store last knew it.
//
// Invariant: each Issue() returns more than every Issue() before it, and more than whatever Restore() was given, also
// when the fleet's time goes back. The exceptions are a time far ahead of the fleet's, see Issue(), and ComeBack().
//
// Thread-safety: safe for concurrent use, but for SetOffset() and Correct(), which are for one thread at a time.
class HybridClock {
 public:
  // `wall` tells the time of day and may step; `steady` only goes forward. Both must outlive this object.
  HybridClock(const Clock* wall, const Clock* steady) : wall_(wall), steady_(steady) {}
  // For a clock that does not step.
  explicit HybridClock(const Clock* clock) : HybridClock(clock, clock) {}
  HybridClock(const HybridClock&) = delete;
  HybridClock& operator=(const HybridClock&) = delete;

  // Returns a time for the version of a write that is going to have `revision`: at least the fleet's time, at least
  // `at_least`, and more than any issued before.
  //
  // An `at_least` that is more than kClockDriftMax ahead of all these comes from somebody's wrong clock. A time within
  // a millisecond above it is returned and forgotten: stepping over one such version must not carry this store's later
  // versions to that future, where Redis would refuse them all. What is forgotten could be issued again, for the same
  // key even: its record may have been stamped anew in between, and another one ahead of the clock have come. But a
  // version names one value. So the time is marked: it has the lowest bits of the revision, as none of the last
  // kVersionStepsMax that were issued so has, nor any that a restart has forgotten; and a bit that tells it from those
  // that follow the clock, in whatever future it may have been.
  uint64_t Issue(uint64_t at_least, uint64_t revision);

  // Whether Issue() would return a time for `at_least` that it forgets.
  bool IsFarAhead(uint64_t at_least) const;

  // As Issue(), for a write that is stamped anew. Where `at_least` is ahead of the fleet's time, what is right above it
  // may have been issued before and been forgotten, for the same key: so the time has the bits of the revision here,
  // too.
  uint64_t IssueAnew(uint64_t at_least, uint64_t revision);

  // As Issue(), for a write that Redis judges. It has its version before the store knows of it, and two issuers that
  // look at the same stored version must not come to the same one: so a low bit of a time tells which it was. It
  // has no revision yet either. Where those bits would stand, it has the microseconds: Redis takes such a version once.
  uint64_t IssueForJudgement(uint64_t at_least);

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

  // Redis' clock has been compared with Now(), which is behind by `correction`.
  void Correct(absl::Duration correction);

  // What to add to this machine's clock to get the fleet's time. Setting it lets the fleet's time follow this machine's
  // clock until the next Correct().
  void SetOffset(absl::Duration offset);
  absl::Duration offset() const;

 private:
  enum class Issuer { kCommitter = 0, kConditionalWriter = 1 };
  // What tells a time from others above the same version, and when it has to.
  struct Mark {
    uint64_t number;
    enum class When { kFarAhead, kAhead } when;
  };
  static constexpr int64_t kNeverCorrected = INT64_MIN;

  uint64_t Issue(uint64_t at_least, Issuer issuer, Mark mark);

  const Clock* const wall_;
  const Clock* const steady_;

  // All are relaxed: each is a value of its own that orders no other memory. Issue() is a read-modify-write of
  // last_issued_ alone, which is enough for its results to be distinct and increasing.
  std::atomic<uint64_t> last_issued_{0};
  // What to add to the steady clock, once it is known; else to the one of the machine.
  std::atomic<int64_t> steady_offset_us_{kNeverCorrected};
  std::atomic<int64_t> wall_offset_us_{0};
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_HYBRID_CLOCK_H_
