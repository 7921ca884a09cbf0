#ifndef DUNLIN_STORAGE_WRITE_TIMES_H_
#define DUNLIN_STORAGE_WRITE_TIMES_H_

#include <cstddef>
#include <cstdint>
#include <deque>

namespace dunlin {

// WriteTimes tells since when at the latest revisions beyond a given one have been written. Their versions do not tell:
// one that steps over the version of a wrong clock is ahead of its time, by as much as that clock was.
//
// It remembers moments since the process has started, in memory of some 64 KB: a tenth of a second apart, and further
// apart the longer nothing is forgotten.
//
// Thread-safety: one thread at a time.
class WriteTimes {
 public:
  // At `now_unix_ms` the latest revision is `revision`: whatever comes after it is written then or later.
  void Note(uint64_t now_unix_ms, uint64_t revision);

  // Returns a time from which on all revisions above `revision` have been written, the latest that is known; 0 if none
  // is. Forgets what is of use only for lower revisions: ask in ascending order.
  uint64_t After(uint64_t revision);

  size_t size() const { return moments_.size(); }

 private:
  struct Moment {
    uint64_t unix_ms = 0;
    uint64_t revision = 0;
  };
  std::deque<Moment> moments_;
  uint64_t period_ms_ = 100;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_WRITE_TIMES_H_
