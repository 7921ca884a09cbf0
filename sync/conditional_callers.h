#ifndef DUNLIN_SYNC_CONDITIONAL_CALLERS_H_
#define DUNLIN_SYNC_CONDITIONAL_CALLERS_H_

#include <cstddef>
#include <cstdint>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/mutex.h"
#include "storage/write.h"

namespace dunlin {

// ConditionalCallers holds the callers who wait until Redis has judged their write: no more than limits.h allows, each
// answered once, and in time whatever the thread hangs in that speaks to Redis.
//
// That thread asks before it puts a write to Redis, and brings what was decided; another one answers those who are
// late. So it is always known what to tell them: a write that was late before it was put to Redis never is, and of one
// that Redis may have, nobody knows.
//
// Callbacks run on the thread whose call answers them, outside the lock: they must be quick.
//
// Thread-safety: safe for concurrent use.
class ConditionalCallers {
 public:
  ConditionalCallers() = default;
  ConditionalCallers(const ConditionalCallers&) = delete;
  ConditionalCallers& operator=(const ConditionalCallers&) = delete;

  // Takes in a caller whose write weighs `size_bytes`, and returns what it is called below.
  // Errors: kResourceExhausted when too many wait already; `done` is then left as it is.
  absl::StatusOr<uint64_t> Admit(size_t size_bytes, absl::Time deadline, WriteCallback* done)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Asks whether to put the write to Redis: not if its caller has been told that nothing was changed.
  bool BeginJudging(uint64_t id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Redis has not got the write: it waits again.
  void NotJudged(uint64_t id) ABSL_LOCKS_EXCLUDED(mutex_);

  // The write has been decided and takes no memory any more. A caller who was late has been answered already.
  void Answer(uint64_t id, absl::StatusOr<WriteResult> result) ABSL_LOCKS_EXCLUDED(mutex_);

  // Answers those whose deadline has passed; returns the next deadline.
  absl::Time Expire(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Caller {
    size_t size_bytes = 0;
    absl::Time deadline;
    // Null once answered.
    WriteCallback done;
    // Whether Redis may have the write.
    bool in_doubt = false;
  };

  Mutex mutex_;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t size_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, Caller> callers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_CONDITIONAL_CALLERS_H_
